"""Tables whose columns act together: quadratic forms, of which the Shapley value is the gradient halfway."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ...benchmark import Batch, Gate, Network, Rng, Truth
from ._table import analytic, drawn, exact, falling, numbers


class Quadratic(nn.Module):
    """Outputs u·x + x'Qx, with weights (K, D) and symmetric forms (K, D, D)."""

    def __init__(self, weights: Tensor, forms: Tensor) -> None:
        super().__init__()
        self.weights, self.forms = nn.Parameter(weights), nn.Parameter(forms)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K)."""
        return x @ self.weights.T + torch.einsum("nd,kde,ne->nk", x, self.forms, x)


@dataclass(frozen=True, slots=True)
class Form:
    """The function u·x + x'Qx with weights u (D,) and a symmetric form Q (D, D)."""

    weights: Tensor
    form: Tensor

    def slope(self, x: Tensor) -> Tensor:
        """Return the gradient, (N, D)."""
        return self.weights + 2 * x @ self.form

    def effect(self, batch: Batch) -> Tensor:
        """Return the Shapley values (N, D): the columns of a pair share what they do together evenly."""
        return (batch.x - batch.baseline) * self.slope((batch.x + batch.baseline) / 2)

    def truth(self, batch: Batch) -> Truth:
        """Return the truth: Shapley value and path integral agree."""
        effect = self.effect(batch)
        return exact(batch, effect, gradient=self.slope(batch.x), integrated_gradients=effect)


def quadratic(first: Form, second: Form | None = None) -> Quadratic:
    """Return the layer with these two outputs, the second zero where there is none."""
    other = second or Form(torch.zeros_like(first.weights), torch.zeros_like(first.form))
    return Quadratic(torch.stack([first.weights, other.weights]), torch.stack([first.form, other.form]))


def network(first: Form, second: Form | None = None) -> Network:
    """Build the network with these two outputs."""
    return Network(quadratic(first, second))


def products(strength: Tensor, pairs: list[tuple[int, int]], count: int) -> Tensor:
    """Return the form (D, D) that multiplies the columns of each pair."""
    form = torch.zeros(count, count, dtype=torch.float64)
    for value, (first, second) in zip(strength, pairs, strict=True):
        form[first, second] = form[second, first] = value / 2
    return form


NEIGHBOURS = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
PRODUCTS = Form(torch.zeros(10).double(), products(falling(5), NEIGHBOURS, 10))


def pairwise_products_network() -> Network:
    """A weighted sum of five products of two columns."""
    return network(PRODUCTS)


def pairwise_products_rows(gate: Gate, split: str, size: int) -> Batch:
    """Independent normal columns, where the reference is one half."""
    return drawn("pairwise_products", split, size, lambda rng: rng.normal(10), 0.5)


@analytic(samples=pairwise_products_rows, on=pairwise_products_network)
def pairwise_products(gate: Gate, batch: Batch) -> Truth:
    """How do two columns share their product?"""
    return PRODUCTS.truth(batch)


EITHER = Form(falling(5).repeat_interleave(2), products(-2 * falling(5), NEIGHBOURS, 10))


def exclusive_or_network() -> Network:
    """A weighted sum of a + b - 2ab over five pairs of columns."""
    return network(EITHER)


def bits(rng: Rng) -> Tensor:
    """Draw ten bits, of which the first two differ."""
    x = rng.integers(2, 10)
    x[:, 1] = 1 - x[:, 0]
    return x


def exclusive_or_rows(gate: Gate, split: str, size: int) -> Batch:
    """Pairs of bits, of which the first pair differs."""
    return drawn("exclusive_or", split, size, bits)


@analytic(samples=exclusive_or_rows, on=exclusive_or_network)
def exclusive_or(gate: Gate, batch: Batch) -> Truth:
    """Which bits count where one of a pair must be set, and both together undo each other?"""
    return EITHER.truth(batch)


ASKED = Form(numbers(1, 0, 0, 0, -1.5, 0.5, 0, 0), products(numbers(1.5, -1, 0.5), [(0, 1), (2, 3), (6, 7)], 8))
RIVAL = Form(numbers(-1, 0, 0.5, 0, 0, 0, 1.5, 0), products(numbers(1.5, -1, -0.5), [(2, 4), (1, 5), (6, 7)], 8))


def analytic_contrast_network() -> Network:
    """Two quadratic forms of the same eight columns."""
    return network(ASKED, RIVAL)


def analytic_contrast_rows(gate: Gate, split: str, size: int) -> Batch:
    """Independent normal columns."""
    return drawn("analytic_contrast", split, size, lambda rng: rng.normal(8))


@analytic(
    samples=analytic_contrast_rows,
    on=analytic_contrast_network,
    headline="effect_contrast",
    knows={"effect", "values", "rival"},
)
def analytic_contrast(gate: Gate, batch: Batch) -> Truth:
    """Which columns move the one of two functions of the same columns that was asked about?"""
    return replace(ASKED.truth(batch), rival=1 - batch.target, rival_effect=RIVAL.effect(batch))
