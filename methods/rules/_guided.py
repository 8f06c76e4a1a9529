"""The gradient with other rules at rectifiers."""

from typing import Any

import torch
from torch import Tensor

from ._kinds import CONVOLUTIONS, FUNCTIONS, MAXIMA, NORMS, PRODUCTS, RECTIFIERS, STRUCTURE, table
from ._mode import Operation, Rule, Table, as_if, plain


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> Tensor:
        return outer.clamp(min=0)


def rectifying(rule: Rule) -> Table:
    """Return the table of the gradient with a rule at rectifiers; other activations have none."""
    others = f"{MAXIMA} {FUNCTIONS} {NORMS} {PRODUCTS} {CONVOLUTIONS} linear div batch_norm softmax log_softmax"
    return {**STRUCTURE, **table(f"{others} sigmoid tanh hardsigmoid", plain), **table(RECTIFIERS, rule)}


def guided(func: Operation, x: Tensor) -> Tensor:
    """Let through what is positive, where the rectifier did."""
    return _rectified(func(x))


def deconvolved(func: Operation, x: Tensor) -> Tensor:
    """Let through what is positive, wherever the rectifier stood."""
    return _rectified(as_if(func(x), x))


def _rectified(x: Tensor) -> Tensor:
    """Keep a value; its gradient is rectified on the way back."""
    result: Tensor = _Rectified.apply(x)  # type: ignore[no-untyped-call]
    return result
