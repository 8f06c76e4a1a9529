"""A tensor that carries, beside an activation, which of its places are shown: layer masking, arXiv:2211.14646.

A hidden place holds zero, which no operation takes for a value; an operation without a rule here is refused. Where the
authors' code has another rule: the rim that a dilated convolution reaches is filled whole, pooled averages leave hidden
places out as the global one does, and joined channels are shown where all of them are, not most.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad
from torch.overrides import resolve_name

from ..benchmark import Refused

Pair = int | Sequence[int]
Operation = Callable[..., Tensor]


class Masked(Tensor):
    """An activation, zero where it is hidden; `shown` is bool and has size 1 along the axes on which it is constant."""

    shown: Tensor

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Do the operation by its rule, which sees plain tensors wherever it calls torch."""
        # _relu_, __iadd__ and their like go by the rule of what they are called without underscores.
        rule = RULES.get(getattr(func, "__name__", "").strip("_"))
        if rule is None:
            raise _unruled(func)
        with torch._C.DisableTorchFunctionSubclass():
            return rule(func, *args, **(kwargs or {}))


def hide(x: Tensor, shown: Tensor) -> Tensor:
    """Set to zero what is not shown, and carry the mask along; both broadcast."""
    return _carry(torch.where(shown, x, 0), shown)


def _carry(x: Tensor, shown: Tensor) -> Tensor:
    """Attach a mask to what is zero where it is hidden; features (N, C) have no places left, so they go without."""
    if x.ndim < 3:
        return x
    masked = x if isinstance(x, Masked) else x.as_subclass(Masked)
    for axis, step in enumerate(shown.stride()):
        shown = shown.narrow(axis, 0, 1) if step == 0 else shown
    masked.shown = shown
    return masked


def _settle(result: Tensor, shown: Tensor, *, finite: bool = True) -> Tensor:
    """Hide what has just been computed, or changed in place, where it is: the memory keeps its format, too."""
    # Ten times faster, but it lets NaN through.
    return _carry(result.mul_(shown) if finite else result.masked_fill_(~shown, 0), shown)


def padded(x: Tensor, shown: Tensor, reach: int) -> Tensor:
    """Fill the hidden places up to `reach` from the shown ones, ring by ring, with the mean of their known neighbours.

    `x` (N, C, h, w) has to be zero where `shown` (N, 1, h, w) is not.
    """
    known, ones = shown.to(x.dtype), x.new_ones(x.shape[1], 1, 3, 3)
    for _ in range(reach):
        if bool(known.all()):
            break
        count = conv2d(known, ones[:1], padding=1)
        total = conv2d(x, ones, padding=1, groups=x.shape[1])
        x = torch.addcmul(x, total, (1 - known) / count.clamp(min=1))
        known = count.clamp(max=1)
    return x


def _unruled(func: Callable[..., object]) -> Refused:
    name = resolve_name(func) or repr(func)
    return Refused(f"layer masking has no rule for {name}: choose another imputer for this network")


def _shown(x: object) -> Tensor:
    """Return where an operand is shown: everywhere, unless it is masked."""
    if isinstance(x, Masked):
        return x.shown
    return torch.ones((), dtype=torch.bool, device=x.device if isinstance(x, Tensor) else None)


def _plainly(func: Callable[..., object], *args: object, **kwargs: object) -> object:
    """Answer what is asked about the tensor itself, such as its shape."""
    answer = func(*args, **kwargs)
    if isinstance(answer, Tensor):
        raise _unruled(func)
    return answer


def _elementwise(func: Operation, *args: object, **kwargs: object) -> Tensor:
    """Shown is where all operands are: a sum of two branches is whole only there."""
    shown = reduce(torch.logical_and, (x.shown for x in (*args, *kwargs.values()) if isinstance(x, Masked)))
    return _settle(func(*args, **kwargs), shown, finite=func.__name__.strip("_") not in POLES)


def _copy(func: Operation, x: Tensor, *args: object, **kwargs: object) -> Tensor:
    """Keep the mask of what is copied; the other operands only say how."""
    result = func(x, *args, **kwargs)
    return _carry(result, x.shown) if isinstance(x, Masked) else result


def _convolution(
    func: Operation,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Pad with neighbours as far as the kernel reaches; shown is what saw a shown place."""
    size = weight.shape[2:]
    steps = (dilation, dilation) if isinstance(dilation, int) else tuple(dilation) * (2 // len(dilation))
    shown = _shown(x)
    if shown.shape[1] > 1:  # channels that were places before, as behind a space-to-depth stem
        shown = shown.all(1, keepdim=True)
        x = x * shown
    reach = max((width - 1) * step for width, step in zip(size, steps, strict=True))
    result = func(padded(x, shown, reach), weight, bias, stride, padding, dilation, groups)
    seen = conv2d(shown.to(x.dtype), x.new_ones(1, 1, *size), None, stride, padding, dilation) > 0
    return _settle(result, seen)


def _maximum(func: Operation, x: Tensor, *args: object, **kwargs: object) -> Tensor:
    """Take the maximum over shown places only."""
    shown = func(_shown(x).to(x.dtype), *args, **kwargs) > 0
    return _settle(func(x.clone().masked_fill_(~_shown(x), -torch.inf), *args, **kwargs), shown, finite=False)


def _average(func: Operation, x: Tensor, *args: object, **kwargs: object) -> Tensor:
    """Take the average over shown places only."""
    places = _shown(x).to(x.dtype)
    share = func(places, *args, **kwargs) / func(torch.ones_like(places), *args, **kwargs)
    return _settle(func(x, *args, **kwargs) / share, share > 0, finite=False)


def _channels_last(func: Operation, x: Tensor, *args: object, **kwargs: object) -> Tensor:
    """Work on the last axis, or as many as `layer_norm` is told, which are to be channels and not places."""
    mixed = len(args[0]) if isinstance(args[0], (tuple, list)) else 1
    if _shown(x).shape[-mixed:].numel() != 1:
        raise _unruled(func)
    return _settle(func(x, *args, **kwargs), _shown(x))


def _pad(
    func: Operation, x: Tensor, sizes: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Show or hide what stands outside the picture as the place beside it is: that it is empty, is no news."""
    shown = _shown(x).all(1, keepdim=True).to(x.dtype)
    beside = pad(shown, sizes[:4], mode="replicate" if mode == "constant" else mode)
    return _settle(func(x, sizes, mode, value), beside > 0, finite=False)


def _movement(func: Operation, x: Tensor, *args: object, **kwargs: object) -> Tensor | tuple[Tensor, ...]:
    """Move the mask with its places."""
    moved: Tensor | Sequence[Tensor] = func(x, *args, **kwargs)
    # A mask that is constant along an axis takes no room there, so it cannot always be viewed anew.
    move: Callable[..., Tensor | Sequence[Tensor]] = Tensor.reshape if func is Tensor.view else func
    shown = move(_shown(x).expand(x.shape), *args, **kwargs)
    if isinstance(moved, Tensor) and isinstance(shown, Tensor):
        return _carry(moved, shown)
    return tuple(map(_carry, moved, shown))


def _join(func: Operation, parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join channels; shown is where all parts are."""
    masks = [part.shown for part in parts if isinstance(part, Masked)]
    if any(mask.shape[dim] != 1 for mask in masks):
        raise _unruled(func)
    shown = reduce(torch.logical_and, masks)
    return _settle(func(parts, dim), shown)


KINDS: Final[dict[Callable[..., object], str]] = {
    _plainly: "get size dim ndimension numel nelement stride len is_contiguous is_floating_point is_complex get_device",
    _elementwise: (
        "add iadd radd sub isub rsub mul imul rmul multiply neg abs square exp clamp clamp_min clamp_max clip hardtanh "
        "threshold relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish softplus softsign sigmoid logsigmoid "
        "hardsigmoid hardswish tanh hardshrink softshrink tanhshrink batch_norm dropout dropout1d dropout2d "
        "alpha_dropout feature_alpha_dropout div idiv rdiv truediv true_divide pow rpow sqrt rsqrt reciprocal log"
    ),
    _copy: "contiguous clone detach to type type_as float double half bfloat16",
    _convolution: "conv2d",
    _maximum: "max_pool2d adaptive_max_pool2d amax",
    _average: "avg_pool2d adaptive_avg_pool2d mean",
    _channels_last: "linear layer_norm",
    _pad: "pad",
    _movement: (
        "flatten reshape view unflatten permute transpose movedim moveaxis swapaxes squeeze unsqueeze getitem narrow "
        "select chunk split tensor_split unbind flip roll expand expand_as pixel_shuffle pixel_unshuffle "
        "channel_shuffle"
    ),
    _join: "cat concat concatenate",
}

RULES: Final = {name: rule for rule, names in KINDS.items() for name in names.split()}
"""The rule of each operation, by its name without underscores."""

POLES: Final = {"div", "idiv", "rdiv", "truediv", "true_divide", "pow", "rpow", "rsqrt", "reciprocal", "log"}
"""Operations whose result may be infinite at a hidden zero."""
