"""Local function approximation: the linear surrogate that is closest to a model around each sample, in closed form.

A surrogate g(xi) = b + w.xi is fitted to f over weighted points xi around a sample; its weights w are the explanation
(Han, Srinivas and Lakkaraju 2022). With squared error, that is weighted least squares; with gradient matching, the mean
gradient. Both are summed up portion by portion, over all samples at once, in double precision.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from ...benchmark import BlackBox, Differentiable, Game

Points = tuple[Tensor, Tensor]
"""Points around each sample (N, m, D), and their weights (m,) or (N, m)."""


class Around(Protocol):
    """The function that a surrogate is fitted to: a model, in terms of the surrogate's inputs."""

    @property
    def size(self) -> int:
        """The number of the surrogate's inputs, D."""
        ...

    @property
    def here(self) -> float:
        """The value of all inputs at the sample itself."""
        ...

    def scores(self, xi: Tensor) -> Tensor:
        """Return the model's scores (N, m) at points (N, m, D)."""
        ...

    def constant(self, value: float) -> Tensor:
        """Return the scores (N,) where all inputs have one value."""
        ...


@dataclass(frozen=True, slots=True)
class OfUnits:
    """Inputs that are units: 1 where a unit is left, 0 where it is hidden."""

    game: Game
    here: float = 1.0

    @property
    def size(self) -> int:
        """The number of units."""
        return self.game.players

    def scores(self, xi: Tensor) -> Tensor:
        """Return the scores (N, m) with some units hidden."""
        return self.game.scores(xi.bool())

    def constant(self, value: float) -> Tensor:
        """Return the scores (N,) with all units, or with none."""
        return self.game.full if value else self.game.empty


ModelT = TypeVar("ModelT", bound=BlackBox)


@dataclass(frozen=True, slots=True)
class OfElements(Generic[ModelT]):
    """Inputs that are the numbers of x, each moved from an origin by xi times its way."""

    model: ModelT
    target: Tensor
    origin: Tensor
    way: Tensor
    here: float

    @property
    def size(self) -> int:
        """The number of numbers."""
        return self.origin[0].numel()

    def scores(self, xi: Tensor) -> Tensor:
        """Return the scores (N, m) at points (N, m, D)."""
        return self.model.score(self.at(xi), self.target.repeat_interleave(xi.shape[1])).reshape(xi.shape[:2])

    def constant(self, value: float) -> Tensor:
        """Return the scores (N,) where all inputs have one value."""
        return self.model.score(self.origin + value * self.way, self.target)

    def at(self, xi: Tensor) -> Tensor:
        """Return the model's inputs (N · m, …) at points (N, m, D)."""
        origin, way = self.origin.flatten(1)[:, None], self.way.flatten(1)[:, None]
        return (origin + xi.to(origin) * way).reshape(-1, *self.origin.shape[1:])


def additive(model: ModelT, x: Tensor, target: Tensor) -> OfElements[ModelT]:
    """Let the surrogate read what is added to the sample."""
    return OfElements(model, target, x, torch.ones_like(x), here=0.0)


def multiplicative(model: ModelT, x: Tensor, target: Tensor, baseline: Tensor) -> OfElements[ModelT]:
    """Let the surrogate read how far each number has come on its way from the baseline to the sample."""
    return OfElements(model, target, baseline, x - baseline, here=1.0)


def gradient_matching(around: OfElements[Differentiable], points: Iterable[Points]) -> Tensor:
    """Return the weights (N, D) whose squared distance from the model's gradients is least: their weighted mean."""
    total, share = torch.zeros(1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    for xi, weight in points:
        target = around.target.repeat_interleave(xi.shape[1])
        gradient = around.model.gradient(around.at(xi), target).reshape(xi.shape).cpu().double()
        total = total + (weight.double()[..., None] * gradient).sum(1)
        share = share + weight.double().sum(-1, keepdim=True)
    return total / share * around.way.flatten(1).cpu().double()


def squared_error(
    around: Around,
    points: Iterable[Points],
    *,
    through: tuple[float, ...] = (),
    ridge: float = 0.0,
    alone: bool = False,
) -> Tensor:
    """Return the weights (N, D) whose weighted squared error is least, plus `ridge` times their squared length.

    `through` names where the surrogate must meet the model exactly: at the sample itself (`around.here`), or also where
    all inputs are at the other end. Otherwise its bias is free, and pays no ridge. Of weights that fit equally well,
    the shortest are returned. With `alone`, inputs are taken as uncorrelated: each weight is that of a regression on
    its input alone, which also serves where there are fewer points than inputs.
    """
    ends = [around.constant(value).cpu().double() for value in through]
    fit = Regression(around.here, ends[0] if ends else None, alone)
    for xi, weight in points:
        fit.add(xi, weight, around.scores(xi).cpu())
    # From here to the other end, all inputs change by the same: their weights add up to the change of the score.
    total = (ends[1] - ends[0]) / (through[1] - through[0]) if len(ends) > 1 else None
    return fit.weights(ridge, total)


class Regression:
    """The sums of a weighted regression over portions of points."""

    def __init__(self, here: float, value: Tensor | None, alone: bool) -> None:
        self.here, self.value, self.alone = here, value, alone
        self.sums: tuple[Tensor, ...] = ()

    def add(self, xi: Tensor, weight: Tensor, scores: Tensor) -> None:
        """Take in points (N, m, D), their weights and scores (N, m)."""
        design, values = xi.double(), scores.double()
        if self.value is not None:
            design, values = design - self.here, values - self.value[:, None]
        weighted = weight.double()[..., None] * design
        moment = (weighted * design).sum(1) if self.alone else weighted.transpose(1, 2) @ design
        product = (weighted.transpose(1, 2) @ values[:, :, None])[:, :, 0]
        height = weight.double().expand_as(values)
        new = (moment, product, weighted.sum(1), (height * values).sum(1, keepdim=True), height.sum(1, keepdim=True))
        self.sums = tuple(map(torch.add, self.sums, new)) if self.sums else new

    def weights(self, ridge: float, total: Tensor | None = None) -> Tensor:
        """Return the best weights (N, D), among those that add up to a total (N,) if it is given."""
        moment, product = self._centred()
        if self.alone:
            return product / (moment + ridge).clamp(min=torch.finfo(torch.float64).tiny)
        moment = moment + ridge * torch.eye(moment.shape[1], dtype=torch.float64)
        return _solved(moment, product) if total is None else _adding_up(moment, product, total)

    def _centred(self) -> tuple[Tensor, Tensor]:
        """Return the second moments of the inputs, and with the scores; about their means where the bias is free."""
        if not self.sums:
            raise ValueError("the neighbourhood has no points: yield some")
        moment, product, inputs, values, share = self.sums
        if self.value is not None:
            return moment, product
        mean = inputs / share
        square = mean * inputs if self.alone else mean[:, :, None] * inputs[:, None]
        return moment - square, product - mean * values


def _solved(moment: Tensor, product: Tensor) -> Tensor:
    """Return the shortest solution of the normal equations."""
    found: Tensor = torch.linalg.pinv(moment, hermitian=True) @ product[:, :, None]
    return found[:, :, 0]


def _adding_up(moment: Tensor, product: Tensor, total: Tensor) -> Tensor:
    """Return the shortest solution among the weights that add up to a total: an even share, and what sums to zero."""
    even = (total / moment.shape[1])[:, None].expand_as(product)
    if moment.shape[1] == 1:
        return even
    free = torch.linalg.qr(_differences(moment.shape[1]))[0]
    rest = product - (moment @ even[:, :, None])[:, :, 0]
    found: Tensor = even + _solved(free.T @ moment @ free, rest @ free) @ free.T
    return found


def _differences(size: int) -> Tensor:
    """Return columns that each take one input from the next: all that sums to zero."""
    eye = torch.eye(size, dtype=torch.float64)
    return eye[:, 1:] - eye[:, :-1]
