"""The attention maps of a network, whichever way it computes them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, multi_head_attention_forward, scaled_dot_product_attention, softmax
from torch.overrides import TorchFunctionMode

from .errors import Refused

SOFTMAX = (softmax, torch.softmax, Tensor.softmax)
PLAIN = ("bias_k", "bias_v", "add_zero_attn", "key_padding_mask", "attn_mask", "static_k", "static_v")
"""Arguments that `multi_head` does without."""


class Attentions(TorchFunctionMode):
    """While it is active, the attention maps that are computed are kept in `maps`, each (N, heads, T, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.maps: list[Tensor] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute what is asked for; fused attention step by step, so that its map can be seen."""
        told = kwargs or {}
        if func is scaled_dot_product_attention or func is multi_head_attention_forward:
            with self:
                return (attend if func is scaled_dot_product_attention else multi_head)(*args, **told)
        answer = func(*args, **told)
        if func in SOFTMAX and answer.ndim == 4 and answer.shape[2] == answer.shape[3]:
            self.maps.append(answer)
        return answer


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Compute `scaled_dot_product_attention` step by step, in products and a softmax."""
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(times, -3), value.repeat_interleave(times, -3)
    scores = (query @ key.transpose(-2, -1)) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -1e30 if scores.dtype != torch.float16 else -6e4)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.dropout(scores.softmax(-1), dropout_p, dropout_p > 0) @ value


def multi_head(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _width: int,
    heads: int,
    in_weight: Tensor | None,
    in_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_weight: Tensor,
    out_bias: Tensor | None,
    **told: Any,
) -> tuple[Tensor, None]:
    """Compute `multi_head_attention_forward` of tokens (T, N, C) step by step; no weights are returned."""
    told |= {"bias_k": bias_k, "bias_v": bias_v, "add_zero_attn": add_zero_attn}
    extra = any(not (told.get(name) is None or told.get(name) is False) for name in PLAIN)
    if in_weight is None or query.ndim != 3 or extra:
        raise Refused("multi-head attention with masks, extra keys or separate projections is not taken apart here")
    weights, biases = in_weight.chunk(3), in_bias.chunk(3) if in_bias is not None else (None,) * 3
    parts = [linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]
    q, k, v = (part.reshape(*part.shape[:2], heads, -1).permute(1, 2, 0, 3) for part in parts)
    attended = scaled_dot_product_attention(q, k, v, dropout_p=dropout_p if told.get("training") else 0.0)
    return linear(attended.permute(2, 0, 1, 3).flatten(2), out_weight, out_bias), None
