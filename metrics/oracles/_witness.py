"""A network whose parameters show, and methods that can tell whether one is still what it was."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...benchmark import BlackBox
from ...benchmark.checks import ask
from ...benchmark.checks._questions import Question

N = 3
RISING = torch.tensor([1.0, 2.0, 3.0, 4.0])
SWAPPED = torch.tensor([2.0, 1.0, 3.0, 4.0])
"""The order of RISING but for two neighbours: a correlation of 1 - 6 * 2 / (4 * 15) = 0.8."""
FALLING = -RISING
FLAT = torch.ones(4)
TRAINED = 7.0
"""A weight that no reset draws."""
Answer = Callable[..., Tensor]


class Witness(nn.Module):
    """A network whose logits are its parameters, one layer each, so that whatever is forgotten shows."""

    def __init__(self, count: int) -> None:
        super().__init__()
        layers = [nn.Linear(1, 1, bias=False) for _ in range(count)]
        for layer in layers:
            nn.init.constant_(layer.weight, TRAINED)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit for each layer, the first registered one first."""
        return torch.cat([layer(torch.ones_like(x[:, :1])) for layer in self.layers], 1)


class Bare(nn.Module):
    """A network with a parameter of its own, next to a layer; its logits are both."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.full((1,), TRAINED))
        self.head = nn.Linear(1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the bare parameter as the first logit, the layer's as the second."""
        return torch.cat([self.token.expand(len(x), 1), self.head(torch.ones_like(x[:, :1]))], 1)


def asked(count: int = 2) -> Question:
    """Ask a network of so many layers about rows of four columns."""
    return ask(Witness(count), torch.ones(N, 4))


def watching(layer: int, knows: Tensor, forgot: Tensor) -> Answer:
    """Make a method with one map while the model's layer of this number is what it was, and another afterwards."""

    def watcher(model: BlackBox, x: Tensor) -> Tensor:
        """The map of what the model knows."""
        same = model.logits(x)[:, layer : layer + 1] == TRAINED
        return torch.where(same, knows, forgot)

    return watcher


def blind(x: Tensor) -> Tensor:
    """A map that asks no model."""
    return RISING.expand(len(x), -1)


def all_of(value: float, *names: str) -> dict[str, Tensor]:
    """Expect one value of all these scores."""
    return {name: torch.full((N,), value).double() for name in names}


def maps(values: Tensor = RISING) -> Tensor:
    """Return the same map for all samples."""
    return values.double().expand(N, -1)
