"""One training recipe for the embedded networks."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import cos, pi
from typing import Protocol, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..benchmark import sources
from .weights import save_weights

Batches: TypeAlias = Callable[[int, int, int], tuple[Tensor, Tensor, Tensor]]
Progress: TypeAlias = Callable[[int, int, float], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a trained network depends on beside its architecture and the batches."""

    steps: int
    size: int
    lr: float
    weight_decay: float = 0.05
    warmup: int = 300
    average: float = 0.998
    auxiliary: float = 1.0
    seed: int = 0

    def rate(self, step: int) -> float:
        """The learning rate at a step, relative to `lr`: a linear rise, then half a cosine down to zero."""
        rise = (step + 1) / self.warmup
        fall = (1 + cos(pi * step / self.steps)) / 2
        return min(rise, 1.0) * fall


class Pooling(Protocol):
    """A network as the recipe needs it, and as every timm model is."""

    num_features: int

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the unpooled features."""

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return the pooled features, or the logits."""

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""


class Supervised(nn.Module):
    """A timm network and, for the time of training, a linear reading of every part from its pooled features."""

    def __init__(self, network: nn.Module, auxiliary: tuple[int, int]) -> None:
        super().__init__()
        self.network = cast("Pooling", network)
        self.auxiliary = auxiliary
        self.reading = nn.Linear(self.network.num_features, auxiliary[0] * auxiliary[1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the class logits (N, K) and the part logits (N, P, V)."""
        pooled = self.network.forward_head(self.network.forward_features(x), pre_logits=True)
        return self.network.get_classifier()(pooled), self.reading(pooled).unflatten(1, self.auxiliary)


def loss(supervised: Supervised, batch: tuple[Tensor, Tensor, Tensor], weight: float) -> Tensor:
    """Soft cross-entropy of the classes plus, weighted, that of the parts."""
    x, target, parts = batch
    logits, readings = supervised(x.contiguous(memory_format=torch.channels_last))
    return cross_entropy(logits, target) + weight * cross_entropy(readings.flatten(0, 1), parts.flatten(0, 1))


def train(network: nn.Module, batches: Batches, recipe: Recipe, progress: Progress | None = None) -> nn.Module:
    """Train a timm network on `batches(step, size, seed)` -> (x, target (N, K), parts (N, P, V)); return its average.

    AdamW on a warmed-up cosine; the returned copy is the exponential average of the weights, in evaluation mode. A
    function of the network's initial weights, the recipe and the batches alone.
    """
    _, _, parts = batches(0, 1, recipe.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        supervised = Supervised(network, (parts.shape[1], parts.shape[2])).train()
    # Convolutions on a processor are nearly twice as fast this way.
    supervised.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(supervised.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.rate)
    blend = get_ema_multi_avg_fn(recipe.average)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=blend, use_buffers=True)
    for step in range(recipe.steps):
        value = loss(supervised, batches(step, recipe.size, recipe.seed), recipe.auxiliary)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(supervised.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        if progress is not None:
            progress(step + 1, recipe.steps, value.item())
    return average.module.eval()


def trained_weights(
    name: str, build: Callable[[], nn.Module], recipe: Recipe, data: tuple[str, str], tell: Callable[[str], None]
) -> Mapping[str, object]:
    """Train a network from its recipe's seed, examine it, write its weights, and return their card.

    `data` names the training data that gives the batches, and that which gives the accuracies of the card.
    """
    start = time.monotonic()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = build()

    def report(step: int, steps: int, value: float) -> None:
        if step % 100 == 0:
            tell(f"step {step} of {steps}: loss {value:.3f}")

    batches, exam = (sources[each].function for each in data)
    trained = train(network, batches, recipe, report)
    facts = {
        **exam(trained),
        "parameters": sum(parameter.numel() for parameter in trained.parameters()),
        "recipe": asdict(recipe),
        "minutes": round((time.monotonic() - start) / 60, 1),
    }
    return save_weights(trained, name, facts)
