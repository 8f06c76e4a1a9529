"""Tables whose function is a sum of curves, one for each column: the effect is the difference of the column's term."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...benchmark import Batch, Gate, Network, Truth
from ._table import analytic, drawn, exact, falling, head, numbers


class Waves(nn.Module):
    """Each column x as x, x² and sin(pitch·x): (N, D) to (N, 3D)."""

    def __init__(self, pitch: float) -> None:
        super().__init__()
        self.pitch = pitch

    def forward(self, x: Tensor) -> Tensor:
        """Return the three side by side."""
        return torch.cat([x, x**2, (self.pitch * x).sin()], 1)


@dataclass(frozen=True, slots=True)
class Curves:
    """The sum over columns of slope·x + bend·x² + height·sin(pitch·x)."""

    slope: Tensor
    bend: Tensor
    height: Tensor
    pitch: float

    def layers(self) -> nn.Sequential:
        """Return the layers that compute it."""
        return nn.Sequential(Waves(self.pitch), head(torch.cat([self.slope, self.bend, self.height])))

    def network(self) -> Network:
        """Build the network that computes it."""
        return Network(self.layers())

    def terms(self, x: Tensor) -> Tensor:
        """Return each column's own term, (N, D)."""
        return self.slope * x + self.bend * x**2 + self.height * (self.pitch * x).sin()

    def truth(self, batch: Batch) -> Truth:
        """Return the difference of the terms: Shapley value and path integral agree."""
        effect = self.terms(batch.x) - self.terms(batch.baseline)
        gradient = self.slope + 2 * self.bend * batch.x + self.height * self.pitch * (self.pitch * batch.x).cos()
        return exact(batch, effect, gradient=gradient, integrated_gradients=effect)


SMOOTH = Curves(
    slope=numbers(0, 1, -1, 0, 0.5, -0.5, 0, 1),
    bend=numbers(1, -0.5, 0, -1, 0.5, 0, 0.75, -0.25),
    height=numbers(0, 0, 2, 1, -1, -2, 1, 0.5),
    pitch=2.0,
)


def additive_curves_network() -> Network:
    """A sum of parabolas and waves, one curve for each of eight columns."""
    return SMOOTH.network()


def additive_curves_rows(gate: Gate, split: str, size: int) -> Batch:
    """Independent normal columns."""
    return drawn("additive_curves", split, size, lambda rng: rng.normal(8))


@analytic(samples=additive_curves_rows, on=additive_curves_network)
def additive_curves(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a sum of parabolas and waves, one curve for each column?"""
    return SMOOTH.truth(batch)


SHATTERED = Curves(falling(8), bend=torch.zeros(8).double(), height=torch.full((8,), 0.05).double(), pitch=200.0)


def shattered_gradient_network() -> Network:
    """A weighted sum of eight columns under ripples of height 1/20 and slope 10."""
    return SHATTERED.network()


def shattered_gradient_rows(gate: Gate, split: str, size: int) -> Batch:
    """Independent normal columns."""
    return drawn("shattered_gradient", split, size, lambda rng: rng.normal(8))


@analytic(samples=shattered_gradient_rows, on=shattered_gradient_network)
def shattered_gradient(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a sum whose ripples are too low to matter and too steep for any gradient?"""
    return SHATTERED.truth(batch)
