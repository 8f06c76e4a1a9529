"""Creatures in noise that a network gets wrong, and the truth about them, drawn scene by scene."""

from collections.abc import Collection
from dataclasses import replace
from itertools import permutations

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Batch, Game, Gate, Truth, seed_of, tasks
from heatproof.datasets import _mistakes
from heatproof.datasets._mistakes import first_where, noisy
from heatproof.datasets.creatures import PARTS, UNITS, mistakes, render, sample_scenes
from heatproof.datasets.creatures.mistakes import NOISE, speckled
from heatproof.datasets.creatures.tasks import NEGLIGIBLE, SEEDS

NETWORKS = ("creatures_resnet", "creatures_vit")
SIZE = 6

each_network = pytest.mark.parametrize("network", NETWORKS)


def asked(network: str, split: str = "test") -> tuple[Gate, Batch]:
    task = tasks[f"creature_mistakes@{network}"]
    return task.gate(), task.questions(split, SIZE)


def place(sample: str) -> int:
    return int(sample.rpartition("-")[2])


def pictured(network: str, sample: str, without: Collection[str] = ()) -> Tensor:
    """Draw a scene of the split `test` without some units, and add its noise, (3, 64, 64)."""
    scene = sample_scenes(1, SEEDS["test"], place(sample))
    x, _ = render(scene, scene.present & torch.tensor([unit not in without for unit in UNITS]))
    stream = torch.Generator().manual_seed(seed_of("noise", sample))
    return (x[0] + NOISE[network] * torch.randn(3, 64, 64, generator=stream)).clamp(0, 1)


@each_network
def test_samples_are_the_first_that_are_wrong_and_asked_about_the_true_class(network: str) -> None:
    gate, batch = asked(network)
    kind, label = batch.ids[0].split("-")[0], sample_scenes(place(batch.ids[-1]) + 1, SEEDS["test"]).label
    found = []
    for number in range(place(batch.ids[-1]) + 1):
        sample = f"{kind}-test-{number}"
        x = pictured(network, sample)
        if int(gate.logits(x[None]).argmax()) != int(label[number]):
            found.append(sample)
            assert torch.equal(batch.x[len(found) - 1], x)
            assert int(batch.target[len(found) - 1]) == int(label[number])
    assert tuple(found) == batch.ids


@pytest.mark.slow
@each_network
def test_more_than_a_hundred_are_there_and_about_a_third_of_the_scenes_of_tune_are_wrong(network: str) -> None:
    task = tasks[f"creature_mistakes@{network}"]
    many = task.samples(task.gate(), "test", 120)
    assert len(many) == 120
    assert (task.gate().logits(many.x).argmax(1) != many.target).all()
    tune = task.samples(task.gate(), "tune", 60)
    assert 0.2 <= 60 / (place(tune.ids[-1]) + 1) <= 0.4


@each_network
def test_splits_have_other_scenes_and_more_samples_begin_with_the_same(network: str) -> None:
    gate, batch = asked(network)
    task = tasks[f"creature_mistakes@{network}"]
    more = task.samples(gate, "test", SIZE + 2)
    assert more.ids[:SIZE] == batch.ids
    assert torch.equal(more.x[:SIZE], batch.x)
    assert not set(asked(network, "tune")[1].ids) & set(batch.ids)


def worth(gate: Gate, network: str, sample: str, kept: frozenset[str], target: int) -> float:
    """Return the target's probability when a scene shows only these of the parts, in its noise."""
    x = pictured(network, sample, without=set(PARTS) - kept)
    return float(gate.logits(x[None]).double().softmax(1)[0, target])


def shapley_values(gate: Gate, network: str, sample: str, target: int) -> Tensor:
    """Return the Shapley values (5,) by their definition, over all orders of the parts."""
    orders = list(permutations(PARTS))
    sets = {frozenset(order[:size]) for order in orders for size in range(len(PARTS) + 1)}
    known = {kept: worth(gate, network, sample, kept, target) for kept in sets}
    gains = torch.zeros(len(PARTS), dtype=torch.float64)
    for order in orders:
        for size, part in enumerate(order):
            gains[PARTS.index(part)] += known[frozenset(order[: size + 1])] - known[frozenset(order[:size])]
    return gains / len(orders)


def effect_of(truth: Truth | None) -> Tensor:
    assert truth is not None
    assert truth.effect is not None
    return truth.effect


@each_network
def test_shapley_values_by_the_definition_in_the_same_noise(network: str) -> None:
    gate, batch = asked(network)
    effect = effect_of(batch.truth)
    asked_about = 0
    for row in range(SIZE):
        expected = shapley_values(gate, network, batch.ids[row], int(batch.target[row]))
        matters = float(expected.abs().max()) >= NEGLIGIBLE
        asked_about += matters
        torch.testing.assert_close(effect[row], expected if matters else torch.zeros_like(expected), atol=1e-5, rtol=0)
    assert 0 < asked_about < SIZE


@each_network
def test_parts_are_the_pixels_that_show_them(network: str) -> None:
    _, batch = asked(network)
    assert batch.truth is not None
    for row, sample in enumerate(batch.ids):
        owners = render(sample_scenes(1, SEEDS["test"], place(sample)))[1].flatten()
        assert torch.equal(batch.truth.parts[row], torch.where(owners < len(PARTS), owners, -1))


@each_network
def test_scenes_are_drawn_again_in_the_same_noise(network: str) -> None:
    gate, batch = asked(network)
    assert batch.redraw is not None
    sample = batch.ids[2]
    owners = render(sample_scenes(1, SEEDS["test"], place(sample)))[1].flatten()
    kept = torch.stack([owners >= 0, owners != 0, owners >= len(PARTS)])
    drawn = batch.redraw((sample,) * 3, kept)
    expected = [pictured(network, sample, without) for without in ((), PARTS[:1], PARTS)]
    assert torch.equal(drawn, torch.stack(expected))
    whole = Game(gate, replace(batch, truth=None, imputer="redraw")).full
    torch.testing.assert_close(whole, gate.score(batch.x, batch.target), atol=1e-6, rtol=0)


def test_truth_does_not_depend_on_the_order_of_samples() -> None:
    gate, batch = asked("creatures_resnet")
    order = [2, 0, 3, 1]
    turned = mistakes.creature_mistakes(gate, replace(batch, truth=None).picked(order))
    torch.testing.assert_close(effect_of(turned), effect_of(batch.truth)[order], atol=1e-6, rtol=0)


def test_noise_follows_from_ids_that_tell_how_much_and_is_clipped() -> None:
    ids, x = ("creature+0.0-test-1", "creature+0.5-test-1", "creature+0.5-test-2"), torch.full((3, 3, 64, 64), 0.5)
    found = speckled(ids, x)
    assert torch.equal(found[0], x[0])
    assert not torch.equal(found[1], found[2])
    assert float(found.min()) == 0.0
    assert float(found.max()) == 1.0
    inside = torch.special.erf(torch.tensor(0.5**0.5))
    assert float(((found[1:] > 0) & (found[1:] < 1)).float().mean()) == pytest.approx(float(inside), abs=0.01)
    assert torch.equal(speckled(ids[:0:-1], x[1:]), found[1:].flip(0))


def test_grey_noise_is_the_same_in_all_channels() -> None:
    found = noisy(("a",), torch.full((1, 3, 8, 8), 0.5), 0.01, channels=1)
    assert torch.equal(found[:, 0], found[:, 1])
    assert torch.equal(found[:, 0], found[:, 2])


def test_the_first_places_of_a_kind_are_found_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[range] = []

    def thirds(places: range) -> Tensor:
        looked.append(places)
        return torch.tensor(places) % 3 == 2

    monkeypatch.setattr(_mistakes, "PORTION", 10)
    monkeypatch.setattr(_mistakes, "FARTHEST", 40)
    assert first_where(thirds, 5, "thirds").tolist() == [2, 5, 8, 11, 14]
    assert looked == [range(10), range(10, 20)]
    assert first_where(thirds, 13, "thirds").tolist() == list(range(2, 40, 3))
    with pytest.raises(
        ValueError, match=r"^size is 14, but of 40 samples only 13 are thirds: ask for at most as many$"
    ):
        first_where(thirds, 14, "thirds")
