"""DeepLIFT's engine: every operation is done for the input and for its baseline, and the two differences are compared.

Each tensor that comes from the input carries its counterpart, so the pairing does not depend on how a network lays out
its axes. The way that a rule shows autograd has the multiplier, the change of the output over that of the input.
"""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from ...benchmark import Network, Refused, WhiteBox
from ._kinds import ACTIVATIONS, CONVOLUTIONS, FUNCTIONS, RECTIFIERS, STRUCTURE, table
from ._mode import (
    Expansion,
    Operation,
    Prepare,
    Rule,
    Rules,
    Table,
    as_if,
    every,
    name_of,
    plain,
    ruled,
    tensors,
    tracked,
)


class Paired(Rules):
    """Rules for pairs (N, 2, …) of inputs and baselines."""

    def enter(self, x: Tensor, prepare: Prepare) -> Tensor:
        """Return what the network is handed of the inputs; that of the baselines goes with it."""
        entered = super().enter(x[:, 0], prepare)
        return _pair(entered, prepare(x[:, 1].detach().clone()))

    def plainly(self, func: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do an operation without a derivative for the baseline, too."""
        return self.apply(name_of(func), plain, func, args, kwargs)

    def apply(self, name: str, rule: Rule, func: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do an operation by its rule for the input, and as it is for the baseline."""
        given = list(tensors([args, kwargs]))
        if not any("baseline" in vars(tensor) for tensor in given):
            return rule(func, *args, **kwargs)
        if any(map(tracked, given)) and any(map(_chosen, given)):
            raise Refused(f"no rule for {name} with a choice that depends on the input, and is another at the baseline")
        if name == "setitem":
            _pair(args[0], _baseline(args[0]).clone())
        with torch.no_grad():
            below = func(*every(_baseline, args), **every(_baseline, kwargs))
        result = rule(func, *args, **kwargs)
        for ours, theirs in zip(tensors(result), tensors(below), strict=True):
            _pair(ours, theirs)
        return result

    def overwrite(self, x: Tensor, result: Tensor) -> Tensor:
        """Put a result in place, for the baseline, too."""
        if "baseline" in vars(x):
            vars(x)["baseline"].copy_(_baseline(result))
        else:
            _pair(x, _baseline(result).clone())
        return super().overwrite(x, result)


def multipliers(model: WhiteBox, x: Tensor, target: Tensor, baseline: Tensor, readout: str) -> Tensor:
    """Return DeepLIFT's multipliers by the rescale rule, like x; two passes forward and one back."""
    # The pass of the baseline is inside of the other's: a network without work puts it on the bill.
    model.changed(lambda _: Network(predict=lambda given: given.new_zeros(len(given), 1))).logits(baseline)
    pairs = torch.stack([x, baseline.to(x.dtype).expand_as(x)], 1)
    return ruled(model, lambda: Paired(RESCALE), readout).gradient(pairs, target)[:, 0]


def _pair(x: Tensor, baseline: Tensor) -> Tensor:
    vars(x)["baseline"] = baseline
    return x


def _baseline(x: Tensor) -> Tensor:
    return vars(x).get("baseline", x).detach()  # type: ignore[no-any-return]


def _chosen(x: Tensor) -> bool:
    return not tracked(x) and "baseline" in vars(x) and not x.equal(_baseline(x))


def _middle(x: Tensor) -> Tensor:
    return (x.detach() + _baseline(x)) / 2


def _quotient(change: Tensor, x: Tensor, y: Tensor, otherwise: Tensor) -> Tensor:
    """Return a change over x - y; something else where x and y are too close to tell."""
    close = (x - y).abs() <= torch.finfo(x.dtype).eps ** (1 / 3) * (x.abs() + y.abs())
    return torch.where(close, otherwise, change / torch.where(close, 1, x - y))


def rescaled(func: Operation, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The change of the value over the change of the argument; halfway, the derivative, where that is too small."""
    value, below = x.detach(), _baseline(x)
    with torch.enable_grad():
        halfway = _middle(x).requires_grad_()
        (slope,) = torch.autograd.grad(func(halfway, *args, **kwargs).sum(), halfway)
    y = func(value, *args, **kwargs)
    change = y - func(below, *args, **kwargs)
    return as_if(y, x * _quotient(change, value, below, slope))


def shared(func: Operation, a: Any, *args: Any, **kwargs: Any) -> Tensor:
    """Each factor's change times the mean of the other: both together are the change of the product."""
    factors = [tensor for tensor in tensors([a, args]) if tracked(tensor)]
    if len(factors) == 1:
        return func(a, *args, **kwargs)  # type: ignore[no-any-return]
    if len(factors) > 2:
        raise Refused(f"no rule for {name_of(func)} with {len(factors)} factors that depend on the input")
    left, right = every(_middle_but(0), (a, *args)), every(_middle_but(1), (a, *args))
    value = func(*every(Tensor.detach, (a, *args)), **kwargs)
    return as_if(value, func(*left, **kwargs) + func(*right, **kwargs))


def _middle_but(index: int) -> Callable[[Tensor], Tensor]:
    """Return a change that leaves the tracked tensor at this place, and puts the other halfway to its baseline."""
    place = iter(range(2))

    def change(tensor: Tensor) -> Tensor:
        return tensor if not tracked(tensor) or next(place) == index else _middle(tensor)

    return change


def affine(func: Operation, x: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A layer is affine in its input, whose weights are constants."""
    if isinstance(weight, Tensor) and tracked(weight):
        raise Refused(f"no rule for {name_of(func)} with weights that depend on the input")
    return func(x, weight, *args, **kwargs)  # type: ignore[no-any-return]


def batch_norm(func: Operation, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A batch norm with running statistics is affine."""
    if args[4] or args[2] is None:
        raise Refused("no rule for a batch norm that takes its statistics from the batch: samples would mix")
    return func(x, *args, **kwargs)  # type: ignore[no-any-return]


def pooled(func: Operation, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A maximum's change goes to the input's winner where it grew, and to the baseline's where it shrank."""
    pool = getattr(functional, name_of(func).removesuffix("_with_indices"))
    options = {**kwargs, "return_indices": True}
    (value, place), (below, other) = pool(x.detach(), *args, **options), pool(_baseline(x), *args, **options)
    axes = 1 if "1d" in name_of(func) else 2 if "2d" in name_of(func) else 3
    winner = torch.where(value >= below, place, other).flatten(-axes)
    ours, theirs = (z.flatten(-axes).gather(-1, winner) for z in (x, _baseline(x)))
    change = (value - below).flatten(-axes)
    way = ours * _quotient(change, ours.detach(), theirs, torch.ones_like(change))
    return as_if(value, way.reshape(value.shape))


def log_softmax(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """Say a logarithm of a softmax in its parts; both are shifted alike, in double precision, so that none is lost."""
    shift = torch.maximum(x.detach().amax(dim, keepdim=True), _baseline(x).amax(dim, keepdim=True)).double()
    vars(shift).pop("baseline", None)
    shifted = x.double() - shift
    return (shifted - shifted.exp().sum(dim, keepdim=True).log()).to(dtype or x.dtype)


def softmax(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """Say a softmax as the power of its logarithm: in a quotient, multipliers of what is far apart have no end."""
    return log_softmax(x, dim, dtype).exp()


def quotient(a: Tensor, b: Tensor) -> Tensor:
    """Say a division as a product."""
    return a * b.reciprocal() if isinstance(b, Tensor) else a * (1 / b)


RESCALE: Final[Table] = {
    **STRUCTURE,
    **table(f"{RECTIFIERS} {ACTIVATIONS} {FUNCTIONS}", rescaled),
    **table("mul matmul einsum", shared),
    **table(f"{CONVOLUTIONS} linear", affine),
    **table("max_pool1d max_pool2d max_pool3d max_pool2d_with_indices", pooled),
    "batch_norm": batch_norm,
    "softmax": Expansion(softmax),
    "log_softmax": Expansion(log_softmax),
    "div": Expansion(quotient),
}
"""The rescale rule for functions of one value; products, maxima and softmax so that nothing is lost."""
