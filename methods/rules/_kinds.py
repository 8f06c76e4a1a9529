"""The kinds of operations, by name, and what composite ones consist of."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from ...benchmark.attention import attend
from ._mode import Expansion, Rule, Table, plain


def table(names: str, rule: Rule) -> Table:
    """Give some operations a rule."""
    return dict.fromkeys(names.split(), rule)


MOVES: Final = (
    "reshape view view_as flatten unflatten permute transpose t T mT adjoint movedim moveaxis squeeze unsqueeze "
    "atleast_2d getitem select narrow index_select gather take_along_dim chunk split split_with_sizes tensor_split "
    "unbind unfold im2col flip roll rot90 expand expand_as broadcast_to tile repeat repeat_interleave contiguous clone "
    "alias to type type_as float double half bfloat16 cpu cuda pixel_shuffle pixel_unshuffle channel_shuffle "
    "native_channel_shuffle cat stack hstack vstack pad constant_pad_nd setitem masked_fill where copy tril triu "
    "diagonal dropout dropout1d dropout2d feature_dropout alpha_dropout feature_alpha_dropout upsample_nearest1d "
    "upsample_nearest2d upsample_nearest3d upsample_nearest_exact1d upsample_nearest_exact2d upsample_linear1d "
    "upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d upsample_bilinear2d_aa upsample_bicubic2d_aa"
)
"""Operations that only move or mix the values of neighbours."""

SCALES: Final = "add sub rsub neg"
"""Operations that shift or turn a value where the other operand is a constant; a sum where it is not."""

SUMS: Final = (
    "sum mean nansum cumsum col2im avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_avg_pool3d diff index_add scatter_add"
)
"""Operations that add up."""

MAXIMA: Final = (
    "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d amax amin max min maximum minimum"
)

PRODUCTS: Final = "mul matmul einsum"

CONVOLUTIONS: Final = "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d"

RECTIFIERS: Final = "relu relu6"

ACTIVATIONS: Final = (
    "leaky_relu prelu rrelu elu selu celu gelu silu mish softplus softsign sigmoid logsigmoid log_sigmoid tanh "
    "hardtanh hardsigmoid hardswish hardshrink softshrink tanhshrink threshold clamp clamp_min clamp_max"
)

FUNCTIONS: Final = "abs square pow sqrt exp expm1 log log1p sin cos tan atan sinh cosh erf reciprocal rsqrt"

NORMS: Final = "var std norm linalg_vector_norm"


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Say layer normalisation in sums, squares and a product."""
    return _affine(_whitened(x - x.mean(_last(normalized_shape), keepdim=True), normalized_shape, eps), weight, bias)


def rms_norm(
    x: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Say root-mean-square normalisation in squares and a product."""
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    return _affine(_whitened(x, normalized_shape, eps), weight, None)


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Say group normalisation as layer normalisation over each group."""
    groups = x.reshape(len(x), num_groups, -1)
    normal = layer_norm(groups, groups.shape[2:], eps=eps).reshape(x.shape)
    shape = (-1, *[1] * (x.ndim - 2))
    return _affine(
        normal, None if weight is None else weight.reshape(shape), None if bias is None else bias.reshape(shape)
    )


def _last(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(range(-len(shape), 0))


def _whitened(x: Tensor, shape: Sequence[int], eps: float) -> Tensor:
    return x * (x.square().mean(_last(shape), keepdim=True) + eps).rsqrt()


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def addmm(bias: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Say a product with a bias in two."""
    return bias * beta + (a @ b) * alpha


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """Say a gated linear unit in its parts."""
    value, gate = x.chunk(2, dim)
    return value * gate.sigmoid()


COMPOSITES: Final[Table] = {
    "scaled_dot_product_attention": Expansion(attend),
    "layer_norm": Expansion(layer_norm),
    "rms_norm": Expansion(rms_norm),
    "group_norm": Expansion(group_norm),
    "addmm": Expansion(addmm),
    "baddbmm": Expansion(addmm),
    "glu": Expansion(glu),
}

STRUCTURE: Final[Table] = {**table(f"{MOVES} {SCALES} {SUMS}", plain), **COMPOSITES}
"""The operations that every method treats alike."""
