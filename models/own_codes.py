"""Networks that label free scenes by a code of their own, and how another of the same kind is made.

The code is drawn from the system's entropy when a network is trained, and is kept nowhere: the truth about a network
is had by asking it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final, cast

import torch
from torch import Tensor, nn

from ..benchmark import Network, model, sources
from .adapters import Pixels, adapt
from .creatures import EXAMPLE, resnet, vit
from .training import Recipe, train
from .weights import card_of, load_weights, save_weights

CLASSES: Final = 6
NUMBERS: Final = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Kind:
    """An architecture, what it is in words, and how it is trained; a network's number is its seed."""

    build: Callable[[], nn.Module]
    words: str
    steps: int
    size: int
    lr: float

    def recipe(self, number: int) -> Recipe:
        """Return the recipe of a network."""
        return Recipe(self.steps, self.size, self.lr, warmup=200, average=0.99, seed=number)


KINDS: Final = {
    "resnet": Kind(resnet, "A ten-layer residual network", steps=2500, size=128, lr=3e-3),
    "vit": Kind(vit, "A three-block vision transformer", steps=4000, size=64, lr=2e-3),
}
OWN_CODES: Final = tuple(f"own_code_{kind}_{number}" for kind in KINDS for number in NUMBERS)

AT_LEAST: Final = {"accuracy_clear": 0.96, "accuracy_evidence_only_clear": 0.98}
ABOVE_CHANCE: Final = 0.03
"""The most by which a network may be right more often than by chance without the evidence."""
ERROR: Final = 0.025
"""The most by which its probabilities may differ from the code's, on average over classes and subsets of parts."""


def kind_of(name: str) -> tuple[Kind, int]:
    """Return the kind and the number of a network."""
    _, _, kind, number = name.split("_")
    return KINDS[kind], int(number)


def untrained(name: str) -> nn.Module:
    """Return the named network as it is before training, from its seed."""
    kind, number = kind_of(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        network = kind.build()
        cast("Callable[[int], None]", network.reset_classifier)(CLASSES)
    return network


def shortcomings(card: Mapping[str, object]) -> list[str]:
    """Return where a network falls short of the gate, by its card."""
    facts = {name: value for name, value in card.items() if isinstance(value, float)}
    few = [
        f"{name} is {facts[name]:.3f}, at least {limit} needed"
        for name, limit in AT_LEAST.items()
        if facts[name] < limit
    ]
    limits = {"accuracy_evidence_removed": facts["chance"] + ABOVE_CHANCE, "posterior_error": ERROR}
    much = [
        f"{name} is {facts[name]:.3f}, at most {limit:.3f} allowed"
        for name, limit in limits.items()
        if facts[name] > limit
    ]
    return few + much


def train_own_code(name: str, progress: Callable[[str], None]) -> Mapping[str, object]:
    """Train a network of the named one's kind on a code drawn for it, write its weights, and return their card.

    The code is unlike those of the other networks that are there, and is forgotten. A network that fails the gate is a
    ValueError.
    """
    others = [loaded(other) for other in OWN_CODES if other != name and card_of(other)]
    game = sources["draw_own_code"].function(others)
    progress(f"drew a code unlike those of {len(others)} networks")
    network, facts = trained(name, game, progress)
    if short := shortcomings(facts):
        raise ValueError(f"{name} fails its gate: {'; '.join(short)}: train it again, the code is another one then")
    return save_weights(network, name, facts)


def trained(name: str, game: Tensor, progress: Callable[[str], None]) -> tuple[nn.Module, dict[str, object]]:
    """Train the named network on a code's game (243, 32, K); return it with what its card says."""
    start = time.monotonic()
    kind, number = kind_of(name)
    recipe = kind.recipe(number)

    def report(step: int, steps: int, value: float) -> None:
        if step % 100 == 0:
            progress(f"step {step} of {steps}: loss {value:.3f}")

    network = train(untrained(name), partial(sources["own_code_batch"].function, game=game), recipe, report)
    agreement = sources["own_code_agreement"].function(network, game)
    return network, {
        **{fact: round(value, 4) for fact, value in agreement.items()},
        "code": "drawn from the system's entropy for this network, and not kept",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "recipe": asdict(recipe),
        "minutes": round((time.monotonic() - start) / 60, 1),
    }


def loaded(name: str) -> nn.Module:
    """Return the named network with its weights, in evaluation mode."""
    return load_weights(untrained(name), name).eval()


def _register(name: str) -> None:
    """Register the named network: all are built alike, and differ in their weights."""
    kind, number = kind_of(name)
    architecture = name.split("_")[2]

    def own_code() -> Network:
        return adapt(loaded(name), preprocess=Pixels(), example=EXAMPLE)

    own_code.__name__ = own_code.__qualname__ = name
    own_code.__doc__ = (
        f"{kind.words} with a code of its own, the {number}. of its kind, on free scenes, 64 x 64 pixels."
    )
    model(train=partial(train_own_code, name), card=card_of(name), architecture=architecture)(own_code)


for each in OWN_CODES:
    _register(each)
