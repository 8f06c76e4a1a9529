"""Small questions to check a part on: networks and samples made in code from a fixed seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..data import Batch, Truth
from ..gate import Gate
from ..network import Network
from ..units import column_units, element_count, grid_units, unit_count
from ._networks import Transformer, convolutional, perceptron, residual, to_places

SAMPLES, POOL = 5, 6


@dataclass(frozen=True, slots=True)
class Question:
    """Samples, and the gate to the model that they are asked of."""

    gate: Gate
    batch: Batch

    def sized(self, batch_size: int) -> "Question":
        """Return the same question with another batch size at the gate."""
        return replace(self, gate=Gate(self.gate.network, self.gate.readout, batch_size))

    def picked(self, index: Sequence[int]) -> "Question":
        """Return the question about some of the samples, in this order."""
        return replace(self, batch=self.batch.picked(index))


Make = Callable[[], Question]


class Asked(nn.Module):
    """A function as a module; what gives one score per input becomes the logit of class 0, beside a zero."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        answer = self.function(x)
        return torch.stack([answer, torch.zeros_like(answer)], 1) if answer.ndim == 1 else answer


def ask(
    function: Callable[[Tensor], Tensor] | nn.Module,
    x: Tensor,
    *,
    target: Tensor | None = None,
    baseline: Tensor | None = None,
    units: Tensor | None = None,
    truth: Truth | None = None,
    pool: Tensor | None = None,
    readout: str = "logit",
    layers: tuple[str, ...] = (),
) -> Question:
    """Ask a function, or a module with its spatial `layers`, about inputs (N, …); every setting has a plain default.

    A function gives the score (N,) of class 0, or logits (N, K). Targets are class 0, the baseline is zero, and every
    column or pixel is a unit of its own.
    """
    module = function if isinstance(function, nn.Module) else Asked(function)
    labels = torch.arange(element_count(x)).expand(len(x), -1) if units is None else units.expand(len(x), -1)
    batch = Batch(
        tuple(f"sample-{i}" for i in range(len(x))),
        x,
        torch.zeros(len(x), dtype=torch.int64) if target is None else target,
        labels,
        torch.zeros_like(x) if baseline is None else baseline.expand_as(x).to(x.dtype),
        truth,
        pool,
    )
    return Question(Gate(Network(module, layers=lambda: layers), readout), batch)


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network from a fixed seed; the global random state stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        return build()


def pictures() -> Question:
    """Ask a small convolutional network, partly in training mode, about 3x16x16 pictures with a grid of 16 units."""
    x = torch.rand(SAMPLES, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    network = Network(seeded(lambda: convolutional(4)), layers=lambda: ("features.2", "features.4"))
    return _question(network, x, grid_units(x, 4), 4)


def residual_pictures() -> Question:
    """Ask a small residual network, in training mode, about 3x16x16 pictures with a grid of 16 units."""
    network = Network(seeded(lambda: residual(4)), layers=lambda: ("features.4", "features.5"))
    return replace(pictures(), gate=Gate(network))


def tokens() -> Question:
    """Ask a small vision transformer about 3x16x16 pictures with a unit for each of its 16 tokens."""
    network = Network(seeded(lambda: Transformer(4)), layers=lambda: ("blocks.0",), grid=to_places)
    return replace(pictures(), gate=Gate(network))


def table() -> Question:
    """Ask a small multilayer perceptron about a table of 8 columns."""
    x = torch.randn(SAMPLES, 8, generator=torch.Generator().manual_seed(2))
    return _question(Network(seeded(lambda: perceptron(3))), x, column_units(x), 3)


def black_box() -> Question:
    """Ask a function without gradients about a table of 4 columns: so few that all their sets can be asked about."""
    x = torch.randn(SAMPLES, 4, generator=torch.Generator().manual_seed(3))
    mix = torch.randn(4, 3, generator=torch.Generator().manual_seed(4)).double()

    def predict(x: Tensor) -> Tensor:
        return ((x.double() @ mix).sin() * 2).softmax(1).float()

    return _question(Network(predict=predict), x, column_units(x), 3)


def _question(network: Network, x: Tensor, units: Tensor, classes: int) -> Question:
    target = torch.arange(len(x)) % classes
    ids = tuple(f"sample-{i}" for i in range(len(x)))
    pool = torch.rand(POOL, *x.shape[1:], generator=torch.Generator().manual_seed(6))
    batch = Batch(ids, x, target, units, torch.zeros_like(x), _any_truth(units, target, classes), pool)
    return Question(Gate(network), batch)


def _any_truth(units: Tensor, target: Tensor, classes: int) -> Truth:
    """Return something for the controls that see the truth; it is not true."""
    shape = (2, len(units), unit_count(units))
    effect, other = torch.randn(shape, generator=torch.Generator().manual_seed(5)).double()
    return Truth(
        units,
        effect > 0.5,
        effect < -0.5,
        effect,
        {"shapley": effect},
        rival=(target + 1) % classes,
        rival_effect=other,
    )


METHOD_QUESTIONS: dict[str, Make] = {
    "pictures": residual_pictures,
    "tokens": tokens,
    "table": table,
    "black_box": black_box,
}
