"""A run of a suite that generalises over networks, with conventions, for the tests of what is made of it."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch import nn

from heatproof.api import run
from heatproof.benchmark import Batch, Gate, Network, Truth, column_units
from heatproof.benchmark import model as register_model
from heatproof.benchmark import task as register_task
from heatproof.benchmark.entries import registries
from heatproof.benchmark.results import Results

COLUMNS = 6
NETWORKS = {"plain": ("plain_1", "plain_2", "plain_3"), "bent": ("bent_1", "bent_2")}
NAMES = [name for names in NETWORKS.values() for name in names]
PAIR = "plain_1_and_2"
SUITE = """
name = "clustered"
version = "1"
samples = 12
repeats = 2
cluster = "network"
margin = 0.1
columns = ["doubles", "both"]
tasks = [TASKS]
methods = ["random", "oracle", "edges", "gradient", "input_x_gradient", "leave_one_out"]
metrics = ["centred_cosine", "centred_cosine[sign=magnitude]", "centred_cosine[tolerance=1]", "effect_cosine"]

[conventions]
"as it is" = "centred_cosine"
"absolute values" = "centred_cosine[sign=magnitude]"
"uncentred" = "effect_cosine"
"1 px of tolerance" = "centred_cosine[tolerance=1]"
"""
TASKS = [*(f"{question}@{name}" for question in ("effects", "doubles") for name in NAMES), f"both@{PAIR}"]


def network(seed: int, bent: bool) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = nn.Linear(COLUMNS, 4)
        return Network(nn.Sequential(first, *([nn.Softplus(), nn.Linear(4, 2)] if bent else [nn.Linear(4, 2)])))


def rows(gate: Gate, split: str, size: int) -> Batch:
    x = torch.randn(size, COLUMNS, generator=torch.Generator().manual_seed(1))
    ids = tuple(f"{split}-{n}" for n in range(size))
    return Batch(ids, x, gate.logits(x).argmax(1), column_units(x), torch.zeros_like(x))


def removed(gate: Gate, batch: Batch, times: float = 1.0) -> Truth:
    """The fall of the score when a column becomes zero."""
    keep = ~torch.eye(COLUMNS, dtype=torch.bool)
    whole = gate.score(batch.x, batch.target)
    without = torch.stack([gate.score(batch.x * kept, batch.target) for kept in keep], 1)
    return Truth(batch.units, effect=times * (whole[:, None] - without).double())


def effects(gate: Gate, batch: Batch) -> Truth:
    """Does each column count?"""
    return removed(gate, batch)


def doubles(gate: Gate, batch: Batch) -> Truth:
    """Does each column count twice?"""
    return removed(gate, batch, 2.0)


def both(gate: Gate, batch: Batch) -> Truth:
    """Does each column count for two networks?"""
    return removed(gate, batch)


def add_network(name: str, kind: str, seed: int, pair: tuple[str, ...] = ()) -> None:
    def build() -> Network:
        return network(seed, kind == "bent")

    build.__name__ = build.__qualname__ = name
    build.__doc__ = "A small network."
    register_model(architecture=kind, pair=pair)(build)


def add_parts() -> None:
    for seed, name in enumerate(NAMES):
        add_network(name, name.partition("_")[0], seed)
    add_network(PAIR, "plain", 9, ("plain_1", "plain_2"))
    ask = partial(
        register_task, samples=rows, family="small", truth_type="analytic", headline="centred_cosine", knows={"effect"}
    )
    for question in (effects, doubles):
        ask(on=tuple(NAMES), readout="logit")(question)
    ask(on=(PAIR,), readout="logit")(both)


@pytest.fixture
def clustered_text() -> str:
    """The suite's file, with TASKS in place of its tasks."""
    return SUITE


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """A run of the suite, whose parts stay as long as it is looked at."""
    folder = tmp_path_factory.mktemp("clustered")
    path = folder / "clustered.toml"
    path.write_text(SUITE.replace("TASKS", ", ".join(f'"{task}"' for task in TASKS)))
    add_parts()
    yield run(str(path), folder / "run")
    for registry in registries.values():
        for name, part in list(registry._parts.items()):
            if part.function.__module__ == __name__:
                del registry._parts[name]
