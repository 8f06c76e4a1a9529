"""The truth of the questions on free scenes, against drawing the scenes again one by one."""

from collections.abc import Callable
from itertools import permutations
from math import log

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, tasks
from heatproof.datasets._shapley import exact_shapley
from heatproof.datasets.creatures import PARTS, UNITS, render
from heatproof.datasets.creatures.scenes import Scenes
from heatproof.datasets.own_codes import free_scenes
from heatproof.datasets.own_codes import tasks as questions
from heatproof.datasets.own_codes.coalitions import coalition_logits
from heatproof.datasets.own_codes.codes import CLASSES
from heatproof.models.own_code_pairs import PAIRS, Pair
from heatproof.models.own_codes import OWN_CODES

SIZE = 4
NAME, PAIR = "own_code_resnet_2", "own_code_resnet_2_and_3"


def small(seed: int) -> nn.Module:
    """A small network with random weights: the truth is about whatever network is asked."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 15 * 15, CLASSES), Ten()
        )


class Ten(nn.Module):
    """Makes a network surer of what it says."""

    def forward(self, x: Tensor) -> Tensor:
        return 10 * x


FIRST, SECOND = small(0), small(1)


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate(Network(FIRST), "log_odds")


@pytest.fixture(scope="module")
def pair() -> Gate:
    return Gate(Network(Pair(FIRST, SECOND)), "logit")


@pytest.fixture(scope="module")
def batch(gate: Gate) -> Batch:
    return questions.own_scenes(gate, "test", SIZE, name=NAME)


@pytest.fixture(scope="module")
def compared(pair: Gate) -> Batch:
    return questions.own_scenes(pair, "test", SIZE, name=PAIR)


def odds(network: nn.Module, image: Tensor, target: int) -> float:
    """The log-odds of one class, from probabilities."""
    p = network(image).double().softmax(1)[0]
    rest = sum(float(share) for k, share in enumerate(p) if k != target)
    return log(float(p[target])) - log(rest)


def probability(network: nn.Module, image: Tensor, target: int) -> float:
    """The probability of one class."""
    return float(network(image).double().softmax(1)[0, target])


Read = Callable[[nn.Module, Tensor, int], float]


@torch.no_grad()
def by_definition(
    network: nn.Module, name: str, target: int, read: Read = odds, resolution: float = 0.1
) -> list[float]:
    """The Shapley values of the parts of a sample: mean gains over all orders, of scenes drawn one by one."""
    scene, known = scene_of(name), {}
    for order in permutations(PARTS):
        for size in range(len(PARTS) + 1):
            kept = frozenset(order[:size])
            if kept not in known:
                keep = scene.present
                keep[0, : len(PARTS)] = torch.tensor([part in kept for part in PARTS])
                known[kept] = read(network, render(scene, keep)[0], target)
    gains = dict.fromkeys(PARTS, 0.0)
    for order in permutations(PARTS):
        for size, part in enumerate(order):
            gains[part] += (known[frozenset(order[: size + 1])] - known[frozenset(order[:size])]) / 120
    return [0.0 if abs(gain) < resolution else gain for gain in gains.values()]


def scene_of(name: str) -> Scenes:
    network, split, place = name.split("-")
    return free_scenes(1, questions.SEEDS[network, split], int(place))


@torch.no_grad()
def without(network: nn.Module, name: str, target: int) -> list[float]:
    """The loss of the log-odds of a class when a scene is drawn again without a part."""
    scene, lost = scene_of(name), []
    for part in range(len(PARTS)):
        keep = scene.present
        keep[0, part] = False
        whole, less = (odds(network, render(scene, kept)[0], target) for kept in (scene.present, keep))
        lost.append(whole - less)
    return [0.0 if abs(loss) < 0.1 else loss for loss in lost]


def test_other_concepts_of_the_effect_come_from_the_same_scenes(gate: Gate, batch: Batch) -> None:
    before = gate.meter.forward
    truth = questions.own_code_shapley(gate, batch)
    assert list(truth.values) == ["shapley", "removal", "probability"]
    assert truth.effect is truth.values["shapley"]
    for row, name in enumerate(batch.ids):
        target = int(batch.target[row])
        assert truth.values["removal"][row].tolist() == pytest.approx(without(FIRST, name, target), abs=1e-4)
        small = by_definition(FIRST, name, target, probability, 0.02)
        assert truth.values["probability"][row].tolist() == pytest.approx(small, abs=1e-5)
    assert not torch.allclose(truth.values["removal"], truth.values["shapley"], atol=0.1)
    assert gate.meter.forward == before, "its scenes were asked about before"


def test_shapley_values_of_the_prediction_in_log_odds_and_small_ones_tied(gate: Gate, batch: Batch) -> None:
    truth = questions.own_code_shapley(gate, batch)
    assert truth.effect is not None
    assert torch.equal(batch.target, FIRST(batch.x).argmax(1))
    for row, name in enumerate(batch.ids):
        expected = by_definition(FIRST, name, int(batch.target[row]))
        assert truth.effect[row].tolist() == pytest.approx(expected, abs=1e-4)
    assert ((truth.effect == 0) | (truth.effect.abs() >= 0.1)).all()
    assert (truth.effect == 0).any(), "nothing is tied, or this proves less than it says"


def test_in_probability_other_effects_are_small(batch: Batch) -> None:
    found = questions.effects(Gate(Network(FIRST), "probability"), batch, batch.target)
    untied = exact_shapley(
        coalition_logits(FIRST, questions.scenes_of(batch.ids)).double().softmax(2)[torch.arange(SIZE), :, batch.target]
    )
    torch.testing.assert_close(found, torch.where(untied.abs() < 0.02, 0.0, untied), atol=1e-6, rtol=0)
    assert ((found != 0) & (found.abs() < 0.1)).any()
    assert (found == 0).any()


def test_the_rival_is_the_second_choice(gate: Gate, batch: Batch) -> None:
    truth = questions.own_code_contrast(gate, batch)
    assert truth.rival is not None
    assert truth.rival_effect is not None
    for row in range(SIZE):
        order = FIRST(batch.x[[row]])[0].sort(descending=True).indices.tolist()
        assert [int(batch.target[row]), int(truth.rival[row])] == order[:2]
    expected = by_definition(FIRST, batch.ids[0], int(truth.rival[0]))
    assert truth.rival_effect[0].tolist() == pytest.approx(expected, abs=1e-4)


def test_a_pair_is_asked_what_each_of_its_networks_predicts(pair: Gate, compared: Batch) -> None:
    truth = questions.model_contrast(pair, compared)
    assert truth.effect is not None
    assert truth.rival is not None
    assert truth.rival_effect is not None
    assert torch.equal(compared.target, FIRST(compared.x).argmax(1))
    assert torch.equal(truth.rival, CLASSES + SECOND(compared.x).argmax(1))
    for row in range(2):
        target, rival = int(compared.target[row]), int(truth.rival[row]) - CLASSES
        for found, network, which in ((truth.effect, FIRST, target), (truth.rival_effect, SECOND, rival)):
            assert found[row].tolist() == pytest.approx(by_definition(network, compared.ids[row], which), abs=1e-4)


def test_a_network_beside_itself_has_no_contrast() -> None:
    gate = Gate(Network(Pair(FIRST, FIRST)), "logit")
    truth = questions.model_contrast(gate, questions.own_scenes(gate, "test", 2, name=PAIR))
    assert torch.equal(truth.effect, truth.rival_effect)


def test_scenes_that_a_network_is_not_clear_about_are_left_out(
    gate: Gate, batch: Batch, pair: Gate, compared: Batch
) -> None:
    def sure(network: nn.Module, scene: int, name: str) -> bool:
        x = render(free_scenes(1, questions.SEEDS[name, "test"], scene))[0]
        second, first = network(x).softmax(1)[0].sort().values[-2:].tolist()
        return first - second > 0.1

    for name, chosen, networks in ((NAME, batch, (FIRST,)), (PAIR, compared, (FIRST, SECOND))):
        places = [int(each.rpartition("-")[2]) for each in chosen.ids]
        expected = [n for n in range(places[-1] + 1) if all(sure(network, n, name) for network in networks)]
        assert places == expected
    assert places != list(range(SIZE)), "nothing is left out, or this proves nothing"


def test_parts_are_the_pixels_that_show_them(gate: Gate, batch: Batch) -> None:
    parts = questions.own_code_shapley(gate, batch).parts
    for row, name in enumerate(batch.ids):
        owners = render(free_scenes(1, questions.SEEDS[NAME, "test"], int(name.rpartition("-")[2])))[1].flatten()
        assert torch.equal(parts[row], torch.where(owners < len(PARTS), owners, -1))


def test_ids_tell_no_class_and_no_variants(batch: Batch) -> None:
    assert all(name.startswith(f"{NAME}-test-") for name in batch.ids)
    assert all(name.rpartition("-")[2].isdecimal() for name in batch.ids)


def test_every_network_and_pair_has_scenes_of_its_own() -> None:
    names = (*questions.NETWORKS, *questions.PAIRS)
    assert names == (*OWN_CODES, *PAIRS)
    assert len(set(questions.SEEDS.values())) == 2 * len(names)
    assert min(questions.SEEDS.values()) > 300, "the seeds of trainings and exams are below"
    samples = {tasks[f"own_code_shapley@{name}"].samples.__name__ for name in questions.NETWORKS}
    assert len(samples) == len(questions.NETWORKS)


def test_a_unit_goes_when_half_of_its_visible_pixels_are_hidden(batch: Batch) -> None:
    everything = torch.ones(SIZE, 64 * 64, dtype=torch.bool)
    assert torch.equal(questions.redraw(batch.ids, everything), batch.x)
    for row, name in enumerate(batch.ids):
        scene = free_scenes(1, questions.SEEDS[NAME, "test"], int(name.rpartition("-")[2]))
        owners = render(scene)[1].flatten()
        for unit in (0, 3, len(UNITS) - 1):
            pixels = (owners == unit).nonzero()[:, 0]
            if not len(pixels):
                continue
            kept = torch.ones(2, 64 * 64, dtype=torch.bool)
            half = (len(pixels) + 1) // 2
            kept[0, pixels[: half - 1]] = False
            kept[1, pixels[-half:]] = False
            before, after = questions.redraw((name, name), kept)
            keep = scene.present
            keep[0, unit] = False
            assert torch.equal(before, batch.x[row])
            assert torch.equal(after, render(scene, keep)[0][0])


def test_truth_does_not_depend_on_the_order_of_samples(gate: Gate, batch: Batch) -> None:
    order = [2, 0, 3, 1]
    turned = batch.picked(order)
    straight, other = questions.own_code_shapley(gate, batch), questions.own_code_shapley(gate, turned)
    torch.testing.assert_close(other.effect, straight.effect[order])
    assert torch.equal(other.parts, straight.parts[order])


def test_too_many_scenes_are_refused_in_one_line(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heatproof.datasets._mistakes.FARTHEST", 256)
    with pytest.raises(ValueError, match=r"size is 300, but of 256 samples only \d+ are free scenes that the network"):
        questions.own_scenes(gate, "tune", 300, name=NAME)
