"""Networks that label free scenes by a code of their own, and how another of the same kind is made.

The code is drawn from the system's entropy when a network is trained, and is kept nowhere: the truth about a network
is had by asking it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor, nn

from ..benchmark import Network, model, sources
from .adapters import Pixels, adapt
from .creatures import EXAMPLE, resnet, vit
from .training import Pooling, Recipe, train
from .weights import card_of, digest_of, load_weights, save_card, save_weights

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


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a gate."""

    accuracy_clear: float = 0.96
    accuracy_evidence_only_clear: float = 0.98
    above_chance: float = 0.03
    """The most by which a network may be right more often than by chance without the evidence."""
    error: float = 0.025
    """The most by which its probabilities may differ from the code's, on average over classes and subsets of parts."""


SHIPPED: Final = Limits()
DRAWN: Final = Limits(error=0.03)
"""A short training on a new code reaches the rest as well, and an error of about 0.025."""
TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Short:
    """A training on from a shipped network, and the gate that it must pass."""

    steps: int = 500
    size: int = 96
    gate: Limits = DRAWN

    def recipe(self, name: str) -> Recipe:
        """Return the recipe of a network: that of its kind, cut short."""
        kind, number = kind_of(name)
        return replace(kind.recipe(number), steps=self.steps, size=self.size, warmup=max(1, self.steps // 5))


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


def shortcomings(card: Mapping[str, object], gate: Limits = SHIPPED) -> list[str]:
    """Return where a network falls short of a gate, by its card."""
    facts = {name: value for name, value in card.items() if isinstance(value, float)}
    least = {name: getattr(gate, name) for name in ("accuracy_clear", "accuracy_evidence_only_clear")}
    few = [
        f"{name} is {facts[name]:.3f}, at least {limit} needed" for name, limit in least.items() if facts[name] < limit
    ]
    limits = {"accuracy_evidence_removed": facts["chance"] + gate.above_chance, "posterior_error": gate.error}
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
    kind, number = kind_of(name)
    network, facts = trained(untrained(name), kind.recipe(number), game, progress)
    if short := shortcomings(facts):
        raise ValueError(f"{name} fails its gate: {'; '.join(short)}: train it again, the code is another one then")
    return save_weights(network, name, facts)


def trained(
    network: nn.Module, recipe: Recipe, game: Tensor, progress: Callable[[str], None]
) -> tuple[nn.Module, dict[str, object]]:
    """Train a network on a code's game (243, 32, K); return it with what its card says."""
    start = time.monotonic()

    def report(step: int, steps: int, value: float) -> None:
        if step % 100 == 0:
            progress(f"step {step} of {steps}: loss {value:.3f}")

    network = train(network, partial(sources["own_code_batch"].function, game=game), recipe, report)
    agreement = sources["own_code_agreement"].function(network, game)
    return network, {
        **{fact: round(value, 4) for fact, value in agreement.items()},
        "code": "drawn from the system's entropy for this network, and not kept",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "recipe": asdict(recipe),
        "minutes": round((time.monotonic() - start) / 60, 1),
    }


def trunk(name: str) -> nn.Module:
    """Return the named network with its shipped weights, but for an untrained last layer."""
    network = loaded(name)
    network.load_state_dict({**network.state_dict(), **head_of(untrained(name))})
    return network


def head_of(network: nn.Module) -> dict[str, Tensor]:
    """Return the parameters of a network's last layer, under their names in the network."""
    last = cast("Pooling", network).get_classifier()
    path = next(name for name, part in network.named_modules() if part is last)
    return {f"{path}.{name}": value for name, value in last.state_dict().items()}


def loaded(name: str, folder: Path | None = None) -> nn.Module:
    """Return the named network with its weights, the shipped ones or those in a folder, in evaluation mode."""
    return load_weights(untrained(name), name, folder).eval()


def new_code(
    name: str, folder: Path, progress: Callable[[str], None], short: Short | None = None
) -> Mapping[str, object]:
    """Train the named network on from its shipped weights, on a code drawn for a run, into the run's folder.

    The code is unlike those of the networks that are there. One that fails the gate is trained once more, on another
    code; where that fails, too, its card says why it is left out.
    """
    how = short or Short()
    others = [loaded(other, folder) for other in OWN_CODES if other != name and digest_of(other, folder)]
    for _ in range(TRIES):
        game = sources["draw_own_code"].function(others)
        made, facts = trained(trunk(name), how.recipe(name), game, progress)
        if not (lacking := shortcomings(facts, how.gate)):
            return save_weights(made, name, facts, folder)
        progress(f"{name} fails its gate: {'; '.join(lacking)}")
    return save_card(name, {**facts, "left_out": f"{name} failed its gate {TRIES} times: {'; '.join(lacking)}"}, folder)


def _register(name: str) -> None:
    """Register the named network: all are built alike, and differ in their weights."""
    kind, number = kind_of(name)
    architecture = name.split("_")[2]

    def own_code(folder: Path | None = None) -> Network:
        return adapt(loaded(name, folder), preprocess=Pixels(), example=EXAMPLE)

    own_code.__name__ = own_code.__qualname__ = name
    own_code.__doc__ = (
        f"{kind.words} with a code of its own, the {number}. of its kind, on free scenes, 64 x 64 pixels."
    )
    model(
        train=partial(train_own_code, name),
        anew=partial(new_code, name),
        card=card_of(name),
        architecture=architecture,
    )(own_code)


for each in OWN_CODES:
    _register(each)
