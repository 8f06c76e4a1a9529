"""The admission of tasks, on linear networks: what every map scores is known in closed form."""

from collections.abc import Callable
from math import pi, sqrt

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, Task, Truth, column_units, grid_units, metric, model, task
from heatproof.benchmark.checks import Check, check_task
from heatproof.benchmark.checks._cheats import CHEATS, without_own
from heatproof.benchmark.checks._judge import Judge, Scale
from heatproof.benchmark.checks._siblings import siblings
from heatproof.benchmark.checks._task_figures import Figures, _blind, figures
from heatproof.benchmark.checks.oracles import holder
from heatproof.benchmark.question import Model

COLUMNS, N = 6, 40
OUTPUTS = 8

pytestmark = pytest.mark.usefixtures("own_parts")


def linear(*weights: list[float]) -> Network:
    """A linear network, an output for each row of weights."""
    layer = nn.Linear(len(weights[0]), len(weights), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights))
    return Network(layer)


def weights_of(gate: Gate) -> Tensor:
    layer = gate.module
    assert isinstance(layer, nn.Linear)
    return layer.weight.detach().double()


def rows(x: Tensor, outputs: int = 1) -> Callable[[Gate, str, int], Batch]:
    """Return samples that are the first rows of a table, asked about the first outputs in turn."""

    def samples(gate: Gate, split: str, size: int) -> Batch:
        some = x[:size]
        ids = tuple(f"{split}-{place}" for place in range(len(some)))
        target = torch.arange(len(some)) % outputs
        return Batch(ids, some, target, column_units(some), torch.zeros_like(some))

    return samples


def signs() -> Tensor:
    """Columns of random signs and sizes: no map is right that does not know the weights."""
    return torch.randn(N, COLUMNS, generator=torch.Generator().manual_seed(1))


def sides() -> Tensor:
    """Columns of random signs and equal sizes."""
    return signs().sign()


SECRET = torch.randn(OUTPUTS, COLUMNS, generator=torch.Generator().manual_seed(1)).tolist()
"""Weights that differ from output to output, in size, too: with `sides`, nobody knows the truth who does not ask."""


def product(gate: Gate, batch: Batch) -> Truth:
    """The weight of the target times the column."""
    return Truth(batch.units, effect=weights_of(gate)[batch.target] * batch.x.double())


def question(
    truth: Callable[..., Truth | None] = product,
    *,
    weights: tuple[list[float], ...] = ([1.0, -1, 2, -2, 0.5, -0.5], [1.0, 1, 1, 1, 1, 1]),
    x: Tensor | None = None,
    headline: str = "centred_cosine",
    knows: frozenset[str] = frozenset({"effect"}),
    outputs: int = 1,
) -> Task:
    """A task on a network of its own, which is not registered."""

    def toy() -> Network:
        """A linear network."""
        return linear(*weights)

    samples = rows(signs() if x is None else x, outputs)
    return Task(truth, samples, Model(toy), "toy", "analytic", headline, knows, readout="logit")


def secret(headline: str = "centred_cosine") -> Task:
    """A question that only the network answers."""
    return question(weights=tuple(SECRET), x=sides(), headline=headline, outputs=OUTPUTS)


def outcomes(asked: Task, samples: int = N) -> dict[str, Check]:
    return {check.name: check for check in check_task(asked, samples=samples, raises=False)}


def failed(asked: Task, samples: int = N) -> dict[str, str]:
    return {name: check.said for name, check in outcomes(asked, samples).items() if not check.passed}


def test_a_question_that_only_the_network_answers_is_admitted() -> None:
    found = outcomes(secret())
    assert all(check.passed for check in found.values()), found
    assert [name for name, check in found.items() if check.skipped] == ["specificity"]
    assert check_task(secret(), samples=N), "it raises where nothing fails"


def test_the_controls_are_the_truth_and_chance() -> None:
    measured = figures(question(), N)
    assert measured.oracle == pytest.approx(1)
    # Pearson's correlation of random numbers is 0 on average, with variance 1 / (columns - 1).
    assert measured.random == pytest.approx(0, abs=0.05)
    assert measured.noise == pytest.approx(1 / sqrt((COLUMNS - 1) * N), rel=0.3)


def test_the_input_as_its_own_answer_is_named() -> None:
    found = failed(question(weights=([1.0] * COLUMNS,), x=signs().abs()))
    assert list(found) == ["best_cheat"]
    assert found["best_cheat"].startswith("magnitude scores 1.00 without asking the network, at most 0.50 allowed")
    with pytest.raises(AssertionError, match=r"product fails 1 of 8 checks:\n  best_cheat: magnitude scores 1\.00"):
        check_task(question(weights=([1.0] * COLUMNS,), x=signs().abs()), samples=N)


def test_a_truth_that_is_the_same_for_all_samples_is_named() -> None:
    found = failed(question(x=torch.ones(N, COLUMNS) + 0.01 * signs()))
    assert list(found) == ["best_cheat"]
    assert found["best_cheat"].startswith(("parts_as_elsewhere scores 1.00", "map_elsewhere scores 1.00"))


def test_sizes_that_give_the_truth_away_are_named() -> None:
    """With signs nothing is to be had from the input; without them, its sizes and the truth's go together."""
    x = signs()
    sizes = torch.stack([x.abs(), (torch.tensor(SECRET[0]) * x).abs()], 1)
    mean = float(torch.stack([torch.corrcoef(pair)[0, 1] for pair in sizes]).mean())
    measured = figures(question(weights=(SECRET[0],)), N)
    assert measured.cheats["magnitude, unsigned"] == pytest.approx(mean, abs=0.05), "but for the chance of random maps"
    assert measured.cheats["magnitude"] < 0.2
    even = figures(question(weights=([1.0] * COLUMNS,)), N)
    assert even.cheats["magnitude, unsigned"] == pytest.approx(1), "the sizes of the truth are those of the input"
    assert even.cheats["magnitude"] < 0.2


def register(name: str, *weights: list[float], **cards: object) -> None:
    def build() -> Network:
        """A linear network."""
        return linear(*weights, [-each for each in weights[0]])

    build.__name__ = name
    model(**cards)(build)  # type: ignore[arg-type]


def on(*names: str, truth: Callable[..., Truth] = product, outputs: int = 1) -> dict[str, Task]:
    """Put a question to several registered networks."""
    from heatproof.benchmark import tasks

    samples, knows = rows(signs() if outputs == 1 else sides(), outputs), {"effect"}
    task(samples=samples, on=names, family="toy", truth_type="analytic", headline="centred_cosine", knows=knows)(truth)
    return {name: tasks[f"{truth.__name__}@{name}"] for name in names}


OWN = [1.0, -1, 2, -2, 0.5, -0.5]


def test_another_network_with_the_same_truth_is_named() -> None:
    register("toy_one", *SECRET)
    register("toy_double", *([2 * weight for weight in row] for row in SECRET))
    found = failed(on("toy_one", "toy_double", outputs=OUTPUTS)["toy_one"])
    assert list(found) == ["specificity"]
    assert "the truth about toy_double (of " in found["specificity"]
    assert "scores 1.00 here, at most 0.50 allowed: let the networks differ" in found["specificity"]


def test_another_network_is_asked_of_the_same_target_and_of_its_own_prediction() -> None:
    """The opposite network predicts the other output, or the same: weights and output change their sign together."""
    register("toy_one", OWN)
    register("toy_other", [-weight for weight in OWN])
    measured = figures(on("toy_one", "toy_other")["toy_one"], N)
    # All samples are asked about output 0, so that it is the only one that a prediction can be.
    names = {
        f"toy_other (of {what})": pytest.approx(-1, abs=0.05) for what in ("its own prediction", "the same target")
    }
    assert measured.networks == names


def test_the_mean_of_other_networks_leaves_out_the_own() -> None:
    register("toy_one", OWN)
    register("toy_half", [OWN[0], OWN[1], OWN[2], 0, 0, 0])
    register("toy_rest", [0, 0, 0, OWN[3], OWN[4], OWN[5]])
    measured = figures(on("toy_one", "toy_half", "toy_rest")["toy_one"], N)
    assert measured.networks["all others, on average"] == pytest.approx(1), "the halves make the whole"
    assert max(value for name, value in measured.networks.items() if name.startswith("toy")) < 0.95


def test_networks_that_share_weights_are_not_others() -> None:
    register("toy_one", OWN, card={"sha256": "a"})
    register("toy_two", OWN, card={"sha256": "b"})
    register("toy_pair", OWN, beside=({"sha256": "a"}, {"sha256": "c"}))
    register("toy_bare", OWN)
    asked = on("toy_one", "toy_two", "toy_pair", "toy_bare")
    assert {each.model.name for each in siblings(asked["toy_one"])} == {"toy_two", "toy_bare"}
    assert {each.model.name for each in siblings(asked["toy_bare"])} == {"toy_one", "toy_two", "toy_pair"}


def test_networks_that_cannot_be_asked_are_left_out_with_the_reason() -> None:
    def lost() -> Network:
        """A network whose weights are not there."""
        raise ValueError("no such file")

    register("toy_one", OWN)
    model()(lost)
    check = outcomes(on("toy_one", "lost")["toy_one"])["specificity"]
    assert check.skipped
    assert check.reason == "the question is put to no other network; 1 left out: lost cannot be built"


def contrast(gate: Gate, batch: Batch) -> Truth:
    """The first column speaks for the target, the second for the rival."""
    effect = torch.eye(2, COLUMNS, dtype=torch.float64)[None].repeat(len(batch), 1, 1) * batch.x.abs()[:, None]
    return Truth(
        batch.units, effect=effect[:, 0], rival=torch.ones(len(batch), dtype=torch.int64), rival_effect=effect[:, 1]
    )


def test_an_oracle_that_is_not_the_maximum_is_named() -> None:
    """Unit-length effects at right angles: their difference against its opposite projects to 2 / sqrt(2)."""
    both = frozenset({"effect", "rival"})
    found = failed(question(contrast, headline="effect_contrast", knows=both))["oracle_is_the_maximum"]
    assert found.startswith(
        f"the contrastive truth of equal lengths has {sqrt(2):.4g}, the truth itself 1: choose a headline score of"
    )
    assert "oracle_is_the_maximum" not in failed(question(contrast, headline="centred_contrast", knows=both))


def test_controls_that_do_not_separate_are_named() -> None:
    """A map of noise has as much of its mass on five of six columns as there are: .83; on one column more, .94."""

    def most(gate: Gate, batch: Batch) -> Truth:
        """All columns but one are relevant."""
        last = torch.arange(batch.x.shape[1]) == batch.x.shape[1] - 1
        return Truth(batch.units, relevant=(~last).expand(len(batch), -1), impossible=last.expand(len(batch), -1))

    knows = frozenset({"relevant", "impossible"})
    wide = torch.randn(N, 16, generator=torch.Generator().manual_seed(2))
    found = outcomes(question(most, weights=([1.0] * 16,), x=wide, headline="relevance_mass", knows=knows))
    assert [name for name, check in found.items() if not check.passed] == ["controls_separate"]
    assert found["controls_separate"].said.startswith("the truth has 1.00, random maps 0.94, where higher")
    scaled = {"oracle_is_the_maximum", "specificity", "best_cheat", "amortised", "noise"}
    assert {name for name, check in found.items() if check.skipped} == scaled
    assert "controls_separate" not in failed(question(most, headline="relevance_mass", knows=knows))


def test_a_score_that_takes_the_truth_for_bad_is_named() -> None:
    @metric(better="lower")
    def upside_down(attribution: Tensor, effect: Tensor) -> Tensor:
        """The cosine, called an error."""
        return torch.cosine_similarity(attribution, effect)

    assert upside_down
    found = failed(question(headline="upside_down"))["controls_separate"]
    assert found.startswith("the truth has 1.00, random maps 0.0")
    assert "where lower is better: 0.1 apart needed: choose a headline score that tells them apart" in found


def test_a_score_of_which_less_is_better_is_admitted() -> None:
    @metric(better="lower")
    def angle(attribution: Tensor, effect: Tensor) -> Tensor:
        """The angle to the truth."""
        return torch.cosine_similarity(attribution, effect).clamp(-1, 1).acos()

    @metric(better="lower")
    def centred_angle(attribution: Tensor, effect: Tensor) -> Tensor:
        """The angle to the truth, both without their means."""
        return angle(*(each - each.mean(1, keepdim=True) for each in (attribution, effect)))

    measured = figures(question(headline="angle"), N)
    assert measured.gap == pytest.approx(pi / 2, abs=0.1)
    assert max(measured.above.values()) < 0, "every distorted truth is at an angle to the truth"
    assert measured.above["largest part of the truth"] < measured.above["truth with 0.1 of noise"]
    assert centred_angle
    assert not failed(secret("centred_angle"))


def test_samples_without_a_truth_are_counted_and_nothing_is_made_of_nothing() -> None:
    def some(gate: Gate, batch: Batch) -> Truth:
        """The truth is known of every fourth sample."""
        known = torch.arange(len(batch)) % 4 == 0
        return Truth(batch.units, effect=product(gate, batch).effect * known[:, None])  # type: ignore[operator]

    def none(gate: Gate, batch: Batch) -> Truth:
        """Nothing has an effect."""
        return Truth(batch.units, effect=torch.zeros(len(batch), COLUMNS))

    assert outcomes(question(some))["gated"].reason == "75% of 40 samples are left out: they have no score of the truth"
    found = failed(question(none))
    assert list(found) == ["controls_separate"]
    assert found["controls_separate"].startswith("centred_cosine has no value for the truth on any of 40 samples")


def test_a_network_that_fails_its_gate_is_named() -> None:
    register("toy_one", *SECRET, card={"accuracy_evidence_only": 0.5})
    found = failed(on("toy_one", outputs=OUTPUTS)["toy_one"])
    assert found == {
        "network": "toy_one reaches only 0.50 accuracy with the evidence alone, 0.90 needed: "
        "train it again, or choose another network"
    }


def test_a_task_without_a_truth_has_nothing_to_show() -> None:
    def nothing(gate: Gate, batch: Batch) -> None:
        """No truth is known."""

    found = outcomes(question(nothing, headline="", knows=frozenset()))
    assert all(check.skipped for name, check in found.items() if name != "network")
    promised = failed(question(nothing))
    assert promised["best_cheat"] == "ValueError: nothing knows effect, but returns no truth"
    assert "give at least 2" in failed(question(), 1)["best_cheat"]


def test_no_cheat_sees_the_truth_of_its_sample() -> None:
    """Whatever is true of a sample, the cheats say the same about it."""
    x = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    parts, effect = grid_units(x, 4), torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(4)).double()
    network = Network(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)))
    batch = Batch(tuple("abcde"), x, torch.zeros(5, dtype=torch.int64), parts, torch.zeros_like(x))

    def said(effects: Tensor) -> dict[str, list[Tensor]]:
        truth = Truth(parts, effect=effects[0], rival=batch.target + 1, rival_effect=effects[1])
        return {name: [cheat(each) for each in _blind(Gate(network), batch, truth)] for name, cheat in CHEATS.items()}

    other = effect.clone()
    other[:, 2] = 100.0
    before, after = said(effect), said(other)
    for name in CHEATS:
        for question, again in zip(before[name], after[name], strict=True):
            assert question.shape == (5, 64)
            assert torch.equal(question[2], again[2]), name
    assert not torch.equal(before["parts_as_elsewhere"][0][1], after["parts_as_elsewhere"][0][1])
    assert not torch.equal(before["untrained_gradient"][0], before["untrained_gradient"][1])


def test_means_leave_out_the_own_sample() -> None:
    values = torch.randn(7, 3, 2, generator=torch.Generator().manual_seed(5)).double()
    for row, found in enumerate(without_own(values)):
        rest = [values[other] for other in range(7) if other != row]
        torch.testing.assert_close(found, torch.stack(rest).mean(0))


def test_the_amortised_answer_is_the_mean_of_the_class_without_the_own() -> None:
    """The truth is its class's alone: the class mean is the truth itself, but where the class has no other sample."""

    def samples(gate: Gate, split: str, size: int) -> Batch:
        batch = rows(torch.ones(5, COLUMNS))(gate, split, size)
        target = torch.tensor([0, 0, 1, 1, 2])
        return Batch(batch.ids, batch.x, target, batch.units, batch.baseline)

    weights = torch.randn(3, COLUMNS, generator=torch.Generator().manual_seed(6)).double()

    def toy() -> Network:
        """A linear network."""
        return linear(*weights.tolist())

    asked = Task(product, samples, Model(toy), "toy", "analytic", "centred_cosine", frozenset({"effect"}))
    single = float(torch.corrcoef(torch.stack([weights[2], weights[:2].mean(0)]))[0, 1])
    measured = figures(asked, 5)
    expected = ((4 + single) / 5 - measured.random) / (1 - measured.random)
    assert measured.amortised == pytest.approx(expected, abs=1e-6)


def test_what_is_undefined_counts_as_chance() -> None:
    nan = float("nan")
    chance = torch.tensor([[0.0, 0.2, nan, 0.1], [0.2, nan, nan, 0.3]])
    scale = Scale(chance, torch.tensor([1.0, 0.8, 1.0, nan]))
    assert scale.counted.tolist() == [True, True, False, False]
    assert scale.random == pytest.approx((0.1 + 0.2) / 2)
    assert scale.oracle == pytest.approx(0.9)
    assert scale.normalised(torch.tensor([0.5, nan, 7.0, 7.0])) == pytest.approx((0.35 - 0.15) / 0.75)
    draws = (0.1, 0.2)
    assert scale.noise == pytest.approx(float(torch.tensor(draws).std()) / 0.75)


def test_a_contrast_is_told_one_map_for_each_question() -> None:
    asked = question(contrast, headline="centred_contrast", knows=frozenset({"effect", "rival"}))
    batch = asked.questions("test", 4)
    assert batch.truth is not None
    judge = Judge(holder(asked.headline), asked.headline, asked.gate(), batch, batch.truth)
    effect, rival = batch.truth.effect, batch.truth.rival_effect
    assert effect is not None
    assert rival is not None
    assert judge.maps([effect, rival]).tolist() == pytest.approx([1.0] * 4)
    assert judge.maps([rival, effect]).tolist() == pytest.approx([-1.0] * 4)
    assert judge.maps([effect]).tolist() == [0.0] * 4, "one map for both questions ignores the question"


def picture(x: Tensor) -> dict[str, Tensor]:
    """The maps of the cheats about one picture beside an empty one, as pictures."""
    both = torch.stack([x, torch.zeros_like(x)])
    parts = grid_units(both, 4)
    batch = Batch(("a", "b"), both, torch.zeros(2, dtype=torch.int64), parts, torch.zeros_like(both))
    truth = Truth(parts, effect=torch.tensor([[1.0, 0, 0, 0], [0.0, 1, 0.05, -0.2]]))
    (blind,) = _blind(Gate(Network(predict=lambda x: torch.ones(len(x), 2) / 2)), batch, truth)
    return {name: cheat(blind)[0].reshape(x.shape[1:]) for name, cheat in CHEATS.items() if "untrained" not in name}


def test_cheats_on_a_picture_of_one_step() -> None:
    """A bright left half: edges and dark outlines are at the step, the magnitude is the left half."""
    x = torch.zeros(3, 8, 8)
    x[:, :, :4] = 1.0
    said = picture(x)
    middle = torch.tensor([-0.5 + column / 7 for column in range(8)], dtype=torch.float64)
    centre = torch.exp(-middle.square() / (2 * 0.25**2))
    centre = centre[:, None] * centre
    edges = torch.zeros(8, 8).double()
    edges[:, 3:5] = 3.0
    torch.testing.assert_close(said["edges_in_the_centre"], edges * centre)
    torch.testing.assert_close(said["squared_edges_in_the_centre"], (edges * centre) ** 2)
    torch.testing.assert_close(said["magnitude"], x.sum(0).double())
    torch.testing.assert_close(said["magnitude_in_the_centre"], x.sum(0).double() * centre)
    dark = said["dark_outlines_in_the_centre"]
    assert (dark[:, :4] == 0).all()
    assert (dark[:, 4:7] > 0).all()
    assert (said["surprise_in_the_centre"] > 0).all()
    # The other sample's truth: part 1 has 1, part 3 has .2, the rest less than a tenth of the most.
    left, right = torch.zeros(8, 4).double(), torch.ones(8, 4).double()
    torch.testing.assert_close(said["object_evenly"], torch.cat([left, right], 1))
    torch.testing.assert_close(said["parts_equally"], torch.cat([left, right], 1) / 16)
    told = torch.tensor([[0, 1], [0.05, -0.2]]).double().repeat_interleave(4, 0).repeat_interleave(4, 1) / 16
    torch.testing.assert_close(said["parts_as_elsewhere"], told)
    torch.testing.assert_close(said["map_elsewhere"], told)


def test_cheats_that_do_not_apply_are_skipped_with_a_reason() -> None:
    measured = figures(question(), N)
    assert isinstance(measured, Figures)
    done = set(measured.cheats)
    assert set(measured.skipped) | {name.removesuffix(", unsigned") for name in done} == set(CHEATS)
    assert {f"{name}, unsigned" for name in done & set(CHEATS)} == done - set(CHEATS)
    assert set(measured.skipped.values()) == {"the inputs are no pictures"}
    assert "magnitude" in measured.cheats

    def box() -> Network:
        """A function without parameters."""
        return Network(predict=lambda x: torch.stack([x[:, 0].sigmoid(), 1 - x[:, 0].sigmoid()], 1))

    def first(gate: Gate, batch: Batch) -> Truth:
        """Only the first column counts."""
        return Truth(batch.units, effect=batch.x.double() * (torch.arange(COLUMNS) == 0))

    asked = Task(first, rows(signs()), Model(box), "toy", "analytic", "effect_cosine", frozenset({"effect"}))
    reasons = figures(asked, N).skipped
    assert reasons["untrained_gradient"] == "the network has no parameters to draw anew"
