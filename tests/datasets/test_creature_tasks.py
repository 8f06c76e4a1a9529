"""The truth of the tasks on creatures, against drawing the scenes again one by one."""

from dataclasses import replace
from itertools import permutations

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Game, Gate, Network
from heatproof.datasets.creatures import BODY, CODE, PARTS, UNITS, render, sample_scenes
from heatproof.datasets.creatures import tasks as questions

SIZE = 4


@pytest.fixture(scope="module")
def gate() -> Gate:
    """A small network with random weights: the truth is about whatever network is asked."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 15 * 15, len(CODE))
        return Gate(Network(nn.Sequential(*layers)))


@pytest.fixture(scope="module")
def batch(gate: Gate) -> Batch:
    return questions.creature_scenes(gate, "test", SIZE)


def worth(gate: Gate, sample: int, kept: set[str], target: int) -> float:
    """The target's probability when the scene shows only these parts, everything else as it is."""
    scene = sample_scenes(SIZE, questions.SEEDS["test"])[[sample]]
    keep = scene.present.clone()
    for place, part in enumerate(PARTS):
        keep[0, place] &= part in kept
    image, _ = render(scene, keep)
    return float(gate.logits(image).softmax(1)[0, target])


def test_shapley_values_by_the_definition_over_all_orders(gate: Gate, batch: Batch) -> None:
    truth = questions.part_shapley(gate, batch)
    assert truth.effect is not None
    for sample in range(2):
        target, gains = int(batch.target[sample]), torch.zeros(len(PARTS), dtype=torch.float64)
        known = {
            frozenset(kept): worth(gate, sample, set(kept), target)
            for size in range(len(PARTS) + 1)
            for kept in {frozenset(order[:size]) for order in permutations(PARTS)}
        }
        orders = list(permutations(PARTS))
        for order in orders:
            for place, part in enumerate(order):
                gains[PARTS.index(part)] += known[frozenset(order[: place + 1])] - known[frozenset(order[:place])]
        torch.testing.assert_close(truth.effect[sample], gains / len(orders), atol=1e-6, rtol=0)


def test_single_removals_one_by_one(gate: Gate, batch: Batch) -> None:
    effect = questions.single_deletion(gate, batch).effect
    assert effect is not None
    scenes = sample_scenes(SIZE, questions.SEEDS["test"])
    for sample in range(SIZE):
        for unit in range(len(UNITS)):
            keep = scenes[[sample]].present.clone()
            keep[0, unit] = False
            image, _ = render(scenes[[sample]], keep)
            target = int(batch.target[sample])
            lost = gate.logits(batch.x[[sample]]).softmax(1) - gate.logits(image).softmax(1)
            assert float(effect[sample, unit]) == pytest.approx(float(lost[0, target]), abs=1e-6)


def test_parts_are_the_pixels_that_show_them(gate: Gate, batch: Batch) -> None:
    owners = render(sample_scenes(SIZE, questions.SEEDS["test"]))[1].flatten(1)
    parts = questions.part_shapley(gate, batch).parts
    assert torch.equal(parts >= 0, owners < len(PARTS))
    assert torch.equal(parts[parts >= 0], owners[parts >= 0])
    assert torch.equal(questions.single_deletion(gate, batch).parts == -1, owners == BODY)


@pytest.mark.parametrize(("question", "idle"), [("distractors", "distractor"), ("background", "background")])
def test_idle_units_are_verified_sample_by_sample(gate: Gate, batch: Batch, question: str, idle: str) -> None:
    truth = getattr(questions, question)(gate, batch)
    effect = questions.single_deletion(gate, batch).effect
    assert effect is not None
    for sample in range(SIZE):
        named = [unit.startswith(idle) for unit in UNITS]
        verified = bool((effect[sample, named].abs() < questions.NEGLIGIBLE).all())
        assert truth.relevant[sample].any() == truth.impossible[sample].any() == verified
        if verified:
            assert [UNITS[i] for i in truth.relevant[sample].nonzero()[:, 0]] == list(PARTS)
            assert truth.impossible[sample].tolist() == named


def test_the_rival_is_another_class_that_shares_most_parts(gate: Gate, batch: Batch) -> None:
    truth = questions.target_contrast(gate, batch)
    assert truth.rival is not None
    for target, rival in zip(batch.target.tolist(), truth.rival.tolist(), strict=True):
        alike = [int((CODE[target] == code).sum()) if k != target else -1 for k, code in enumerate(CODE)]
        assert alike[rival] == max(alike)


def test_truth_does_not_depend_on_the_order_of_samples(gate: Gate, batch: Batch) -> None:
    order = torch.tensor([2, 0, 3, 1])

    def mixed(values: Tensor) -> Tensor:
        return values[order]

    turned = Batch(
        tuple(batch.ids[i] for i in order.tolist()),
        mixed(batch.x),
        mixed(batch.target),
        mixed(batch.units),
        mixed(batch.baseline),
    )
    straight, other = questions.part_shapley(gate, batch), questions.part_shapley(gate, turned)
    assert straight.effect is not None
    assert other.effect is not None
    torch.testing.assert_close(other.effect, mixed(straight.effect), atol=1e-6, rtol=0)
    assert torch.equal(other.parts, mixed(straight.parts))


def shown(sample: int) -> Tensor:
    """Return the unit that each pixel of a sample shows, (E,)."""
    return render(sample_scenes(SIZE, questions.SEEDS["test"])[[sample]])[1].flatten()


def drawn(sample: int, without: set[str]) -> Tensor:
    """Draw a scene without some units."""
    scene = sample_scenes(SIZE, questions.SEEDS["test"])[[sample]]
    return render(scene, scene.present & torch.tensor([unit not in without for unit in UNITS]))[0][0]


def test_a_scene_of_which_everything_is_kept_is_the_sample_itself(batch: Batch) -> None:
    kept = torch.ones(SIZE, 64 * 64, dtype=torch.bool)
    assert torch.equal(questions.redraw(batch.ids, kept), batch.x)


def test_of_a_scene_of_which_nothing_is_kept_the_body_stays(batch: Batch) -> None:
    empty = questions.redraw(batch.ids, torch.zeros(SIZE, 64 * 64, dtype=torch.bool))
    for sample in range(SIZE):
        assert torch.equal(empty[sample], drawn(sample, set(UNITS)))


def test_a_unit_goes_when_half_of_its_visible_pixels_are_hidden(batch: Batch) -> None:
    for sample in range(SIZE):
        owners = shown(sample)
        for number in owners.unique().tolist():
            pixels = (owners == number).nonzero()[:, 0]
            half = (len(pixels) + 1) // 2
            kept = torch.ones(2, 64 * 64, dtype=torch.bool)
            kept[0, pixels[: half - 1]] = False
            kept[1, pixels[-half:]] = False
            before, after = questions.redraw((batch.ids[sample],) * 2, kept)
            assert torch.equal(before, batch.x[sample])
            assert torch.equal(after, drawn(sample, set() if number == BODY else {UNITS[number]}))


def test_scenes_are_drawn_again_alike_alone_together_and_repeated(batch: Batch) -> None:
    kept = torch.rand(12, 64 * 64, generator=torch.Generator().manual_seed(71)) < 0.5
    ids = tuple(batch.ids[i] for i in (3, 0, 0, 2, 3, 1, 0, 2, 2, 1, 3, 0))
    together = questions.redraw(ids, kept)
    for i in range(12):
        assert torch.equal(together[i], questions.redraw((ids[i],), kept[[i]])[0])


def test_the_game_of_the_scene_loses_what_removing_a_unit_takes(gate: Gate, batch: Batch) -> None:
    truth = questions.part_protocols(gate, batch)
    assert truth.effect is not None
    scene = Game(gate, replace(batch, imputer="redraw")).on(truth.parts, len(UNITS))
    lost = scene.full[:, None] - scene.scores(~torch.eye(len(UNITS), dtype=torch.bool).expand(SIZE, -1, -1))
    torch.testing.assert_close(lost, truth.effect, atol=1e-6, rtol=0)


def test_part_protocols_know_the_creature_and_what_is_idle_beside_it(gate: Gate, batch: Batch) -> None:
    truth, rivals = questions.part_protocols(gate, batch), questions.target_contrast(gate, batch)
    assert truth.effect is not None
    assert truth.rival is not None
    assert truth.relevant is not None
    assert truth.impossible is not None
    assert torch.equal(truth.effect, questions.single_deletion(gate, batch).effect)
    assert torch.equal(truth.rival, rivals.rival)
    for unit, name in enumerate(UNITS):
        assert (truth.relevant[:, unit] == (name in PARTS)).all()
        idle = (truth.effect[:, unit].abs() < questions.NEGLIGIBLE) & (name not in PARTS)
        assert torch.equal(truth.impossible[:, unit], idle)


def test_effects_on_the_rival_are_its_own(gate: Gate, batch: Batch) -> None:
    truth = questions.part_protocols(gate, batch)
    other = questions.single_deletion(gate, replace(batch, target=truth.rival))
    assert torch.equal(truth.rival_effect, other.effect)
