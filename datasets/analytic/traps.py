"""Tables in which something hides what a column does: saturation, cancellation, a gate."""

import torch
from torch import Tensor, nn

from ...benchmark import Batch, Gate, Network, Rng, Truth
from ._table import analytic, drawn, exact, falling, head, layer, logits, numbers

PAIRS = 5
WEIGHTS = falling(PAIRS)


def over_pairs(first: float, second: float) -> Tensor:
    """Return the matrix (P, 2P) that adds the two columns of each pair with these weights."""
    return torch.kron(torch.eye(PAIRS, dtype=torch.float64), numbers(first, second)[None])


def laid_out(known: Tensor, weights: Tensor) -> Tensor:
    """Weigh what is known of the columns of pairs, (N, P, 2), and lay it out as columns (N, 2P)."""
    return (known * weights[:, None]).flatten(1)


def in_pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and the second columns of the pairs, (N, P) each."""
    return x[:, ::2], x[:, 1::2]


def saturation_network() -> Network:
    """A weighted sum of -relu(1 - a - b) over five pairs of columns."""
    return Network(nn.Sequential(layer(over_pairs(-1, -1), torch.ones(PAIRS)), nn.ReLU(), head(-WEIGHTS)))


def full(rng: Rng) -> Tensor:
    """Draw four pairs that add up to more than 1.2, and a fifth that adds up to less than 0.8."""
    x = 0.6 + 0.6 * rng.uniform(2 * PAIRS)
    x[:, -2:] -= 0.5 + 0.3 * (x[:, -2:] - 0.6)
    return x


def saturation_rows(gate: Gate, split: str, size: int) -> Batch:
    """Pairs of which four are full: a little more or less of either column changes nothing."""
    return drawn("saturation", split, size, full)


@analytic(samples=saturation_rows, on=saturation_network)
def saturation(gate: Gate, batch: Batch) -> Truth:
    """Do columns count that have done so much that the gradient is zero?"""
    a, b = in_pairs(batch.x)
    open_ = (a + b < 1).double()
    shapley, path, gradient = capped_shapley(a, b), capped_path(a, b), torch.stack([open_, open_], 2)
    return exact(
        batch,
        laid_out(shapley, WEIGHTS),
        gradient=laid_out(gradient, WEIGHTS),
        integrated_gradients=laid_out(path, WEIGHTS),
    )


def capped_shapley(a: Tensor, b: Tensor) -> Tensor:
    """Return the Shapley values (N, P, 2) of min(a + b, 1) for columns (N, P) that are not negative, against zero."""
    both, lead = (a + b).clamp(max=1), a.clamp(max=1) - b.clamp(max=1)
    return torch.stack([both + lead, both - lead], 2) / 2


def capped_path(a: Tensor, b: Tensor) -> Tensor:
    """Return the integrals (N, P, 2) of the gradient of min(a + b, 1) on the straight way from zero."""
    sum_ = a + b
    share = torch.where(sum_ > 1, 1 / sum_, 1.0)
    return torch.stack([a * share, b * share], 2)


VETO = 10.0


def cancellation_network() -> Network:
    """A weighted sum of relu(a - 10 z) over five pairs of columns."""
    return Network(nn.Sequential(layer(over_pairs(1, -VETO)), nn.ReLU(), head(WEIGHTS)))


def vetoed(rng: Rng) -> Tensor:
    """Draw columns between 1/2 and 3/2, each with a bit; the first bit is set, the second is not."""
    a, z = 0.5 + rng.uniform(PAIRS), rng.integers(2, PAIRS).float()
    z[:, 0], z[:, 1] = 1, 0
    return torch.stack([a, z], 2).flatten(1)


def cancellation_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns, each with a bit that vetoes it."""
    return drawn("cancellation", split, size, vetoed)


@analytic(samples=cancellation_rows, on=cancellation_network)
def cancellation(gate: Gate, batch: Batch) -> Truth:
    """Do a column and the bit that vetoes it count, when together they leave nothing on any straight path?"""
    a, z = in_pairs(batch.x)
    gradient = torch.stack([1 - z, -VETO * (1 - z)], 2)
    return exact(
        batch,
        laid_out(vetoed_shapley(a, z), WEIGHTS),
        gradient=laid_out(gradient, WEIGHTS),
        integrated_gradients=laid_out(vetoed_path(a, z), WEIGHTS),
    )


def vetoed_shapley(a: Tensor, z: Tensor) -> Tensor:
    """Return the Shapley values (N, P, 2) of a column and of the bit, both (N, P), that sets it to zero."""
    return torch.stack([a * (2 - z), -a * z], 2) / 2


def vetoed_path(a: Tensor, z: Tensor) -> Tensor:
    """Return the integrals (N, P, 2) of their gradient: a vetoed column is nothing anywhere on the straight way."""
    return torch.stack([a * (1 - z), 0 * z], 2)


class Switch(nn.Module):
    """Blocks of a gate and four columns: a softmax lets the first two through where it is positive, else the others.

    `routes` (B, 2, 2) weighs the columns by block and route. A gate 1/2 away from zero leaks less than 1e-17.
    """

    sharpness = 40.0

    def __init__(self, routes: Tensor) -> None:
        super().__init__()
        self.routes = nn.Parameter(routes.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 2)."""
        side, columns = blocks(x)
        share = (self.sharpness * torch.stack([side, -side], 2)).softmax(2)
        return logits((share * (columns * self.routes).sum(3)).sum((1, 2)))


def blocks(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gates (N, B), and the columns behind them (N, B, 2, 2) by block and route."""
    cut = x.reshape(len(x), x.shape[1] // 5, 5)
    return cut[..., 0], cut[..., 1:].reshape(*cut.shape[:2], 2, 2)


ROUTES = falling(8).reshape(2, 2, 2)
TURNED = numbers(-1, 0, 0, 0, 0).repeat(2)


def softmax_gate_network() -> Network:
    """Two softmax gates, each between two weighted sums."""
    return Network(Switch(ROUTES))


def routed(rng: Rng) -> Tensor:
    """Draw normal columns behind gates 1/2 to 3/2 from zero, of which the first is positive."""
    x, sign = rng.normal(2, 5), 2 * rng.integers(2, 2) - 1
    sign[:, 0] = 1
    x[..., 0] = sign * (0.5 + rng.uniform(2))
    return x.flatten(1)


def softmax_gate_rows(gate: Gate, split: str, size: int) -> Batch:
    """Gates and what lies behind them, where the reference has all gates on the negative side."""
    return drawn("softmax_gate", split, size, routed, TURNED)


@analytic(samples=softmax_gate_rows, on=softmax_gate_network)
def softmax_gate(gate: Gate, batch: Batch) -> Truth:
    """Does a gate count, whose gradient is zero, and do the columns that it has shut out?"""
    side, columns = blocks(batch.x)
    terms, open_ = columns * ROUTES, (side > 0).double()[..., None]
    turn = open_ * (terms[:, :, 0] - terms[:, :, 1]).sum(2, keepdim=True) / 2
    shapley = torch.cat([turn, terms[:, :, 0] * open_ / 2, terms[:, :, 1] * (1 - open_ / 2)], 2)
    gradient = torch.cat([0 * turn, ROUTES[:, 0] * open_, ROUTES[:, 1] * (1 - open_)], 2)
    return exact(batch, shapley.flatten(1), gradient=gradient.flatten(1))
