"""Random streams: a draw depends on its sample and its purpose, and on nothing else."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import Tensor

from heatproof.benchmark import Rng, seed_of, streams

DRAWS: dict[str, Callable[[Rng], Tensor]] = {
    "normal": lambda rng: rng.normal(3, 2),
    "uniform": lambda rng: rng.uniform(5),
    "integers": lambda rng: rng.integers(1000, 4),
    "permutation": lambda rng: rng.permutation(7),
}


@pytest.mark.parametrize("kind", DRAWS)
@given(st.lists(st.text(max_size=4), min_size=1, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_a_draw_depends_neither_on_batch_mates_nor_on_their_order(kind: str, ids: list[str], shuffler: object) -> None:
    draw = DRAWS[kind]
    whole = dict(zip(ids, draw(streams(ids, 5, "part", 0)), strict=True))
    shuffled = list(ids)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    again = dict(zip(shuffled, draw(streams(shuffled, 5, "part", 0)), strict=True))
    for sample in ids:
        assert torch.equal(whole[sample], again[sample])
        assert torch.equal(whole[sample], draw(streams([sample], 5, "part", 0))[0])


def test_later_draws_do_not_depend_on_batch_mates_either() -> None:
    def third(ids: list[str]) -> Tensor:
        rng = streams(ids, 0)
        rng.normal(3)
        rng.permutation(4)
        return rng.uniform(5)

    assert torch.equal(third(["a", "b", "c"])[1], third(["b"])[0])


@pytest.mark.parametrize("other", [(6, "part", 0), (5, "other", 0), (5, "part", 1)])
def test_seed_part_and_repeat_each_change_the_draw(other: tuple[object, ...]) -> None:
    ids = ["a", "b"]
    first, second = streams(ids, 5, "part", 0).uniform(3), streams(ids, *other).uniform(3)
    assert (first != second).all()
    assert (first[0] != first[1]).all()


@pytest.mark.slow
def test_a_seed_is_the_same_in_every_process() -> None:
    code = "from heatproof.benchmark import seed_of; print(seed_of(0, 'random', 3, 'sample-1'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(other) == seed_of(0, "random", 3, "sample-1")
    assert 0 <= seed_of("x") < 2**63


def test_draws_leave_the_global_random_state() -> None:
    before = torch.get_rng_state()
    rng = streams(["a", "b"], 0)
    for draw in DRAWS.values():
        draw(rng)
    assert torch.equal(before, torch.get_rng_state())


def test_draws_have_the_distribution_that_their_name_says() -> None:
    rng = streams([f"s{i}" for i in range(4000)], "distribution")
    assert kstest(rng.normal(1).flatten().double().numpy(), "norm").pvalue > 1e-3
    assert kstest(rng.uniform(1).flatten().double().numpy(), "uniform").pvalue > 1e-3
    assert sorted(set(rng.integers(3, 1).flatten().tolist())) == [0, 1, 2]
    assert rng.permutation(4).sort(1).values.tolist() == [[0, 1, 2, 3]] * 4000
    assert len(rng) == 4000
