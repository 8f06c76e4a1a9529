"""The contract of metrics: sound ones pass, and each breach is found by the check that is there for it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.benchmark import (
    BlackBox,
    Differentiable,
    Layered,
    Metric,
    Refused,
    Rng,
    UnknownName,
    at_elements,
    descending,
    impute,
    like_input,
    per_unit,
    spread,
    unit_count,
)
from heatproof.benchmark.checks import Check, check_metric, metric_checks, oracles
from heatproof.benchmark.checks._linear import METRIC_QUESTIONS, NOISY, TRUTHFUL, TURNED
from heatproof.benchmark.checks.oracles import sizes
from heatproof.benchmark.harness import Asked, explain

Outcome = dict[str, Check]


def outcome(metric: Callable[..., Any] | Metric, **settings: object) -> Outcome:
    return {check.name: check for check in check_metric(metric, raises=False, **settings)}


def failed(found: Outcome) -> set[str]:
    return {name.partition("[")[0] for name, check in found.items() if not check.passed}


@pytest.mark.parametrize("name", METRIC_QUESTIONS)
def test_the_truth_of_a_linear_model_is_what_removing_units_does(name: str) -> None:
    question = METRIC_QUESTIONS[name]()
    batch, gate = question.batch, question.gate
    truth = batch.truth
    assert truth is not None
    assert truth.effect is not None
    assert truth.relevant is not None
    assert truth.impossible is not None
    assert truth.rival is not None
    assert truth.rival_effect is not None
    for target, effect in ((batch.target, truth.effect), (truth.rival, truth.rival_effect)):
        full = gate.score(batch.x, target)
        for unit in range(unit_count(batch.units)):
            without = gate.score(impute(batch.x, batch.baseline, batch.units != unit), target)
            torch.testing.assert_close((full - without).double(), effect[:, unit], rtol=1e-4, atol=1e-5)
    assert (truth.effect[truth.relevant] > 0.3).all()
    assert (truth.effect[truth.impossible] == 0).all()
    assert (truth.effect[~truth.relevant & ~truth.impossible] < 0).all()
    slope = per_unit(
        gate.gradient(batch.x, batch.target).double().reshape(len(batch), -1, batch.units.shape[1]).sum(1), batch.units
    )
    torch.testing.assert_close(slope, truth.values["gradient"], rtol=1e-5, atol=1e-6)
    maps, _ = explain(Asked(TRUTHFUL, {}), gate, batch)
    torch.testing.assert_close(per_unit(maps, batch.units), truth.effect, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", METRIC_QUESTIONS)
def test_noise_is_as_large_as_the_truth(name: str) -> None:
    question = METRIC_QUESTIONS[name]()
    truth = question.batch.truth
    assert truth is not None
    assert truth.effect is not None
    maps, cost = explain(Asked(NOISY, {}), question.gate, question.batch)
    size = per_unit(maps, question.batch.units).std()
    assert float(size) == pytest.approx(float(truth.effect.square().mean().sqrt()), rel=0.15)
    assert (cost.forward, cost.backward) == (0, 0)


@pytest.mark.parametrize("name", TURNED)
def test_a_turned_question_is_the_same_question_back_to_front(name: str) -> None:
    here, there = (make().batch for make in TURNED[name])
    assert here.truth is not None
    assert there.truth is not None
    for part in ("relevant", "impossible", "effect", "rival_effect"):
        one, two = getattr(here.truth, part), getattr(there.truth, part)
        torch.testing.assert_close(one.double(), two.double().flip(1), rtol=1e-5, atol=1e-6)
    assert here.truth.relevant[:, :4].all()  # type: ignore[index]
    assert here.ids == there.ids


def mass(attribution: Tensor, truth: Tensor) -> Tensor:
    """The share of positive relevance on the truth; NaN where there is none."""
    positive = attribution.clamp(min=0)
    return (positive * truth).sum(1) / positive.sum(1)


def outside(attribution: Tensor, impossible: Tensor) -> Tensor:
    """The share of relevance where there can be none."""
    return (attribution.abs() * impossible).sum(1) / attribution.abs().sum(1)


def agreement(attribution: Tensor, effect: Tensor, parts: Tensor) -> Tensor:
    """The cosine with the true effect."""
    return torch.cosine_similarity(per_unit(attribution, parts, effect.shape[1]), effect, dim=1, eps=0)


def drop(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, attribution: Tensor, rng: Rng
) -> dict[str, Tensor]:
    """The score without the four most relevant units; and how many are tied, of which few is better."""
    relevance = per_unit(attribution, units)
    top = torch.zeros_like(relevance).scatter(1, descending(relevance, rng)[:, :4], 1.0)
    left = model.score(impute(x, baseline, at_elements(top, units) == 0), target)
    return {"left": left, "zeros": (relevance == 0).double().mean(1), "curve": torch.stack([left, left], 1)}


def rest(attribution: Tensor, model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor) -> Tensor:
    """The distance of the sum of relevance from the score."""
    return (attribution.sum(1) - model.score(x, target) + model.score(baseline, target)).abs()


def evenness(attribution: Tensor) -> Tensor:
    """The largest magnitude's share."""
    return attribution.abs().amax(1) / attribution.abs().sum(1)


def contrast(
    attribution: Tensor, effect: Tensor, rival: Tensor, parts: Tensor, explain: Callable[..., Tensor]
) -> Tensor:
    """The change of relevance with the question."""
    other = explain(target=rival)
    gap = per_unit(attribution / attribution.abs().amax(1, True) - other / other.abs().amax(1, True), parts, 16)
    return (gap * effect).sum(1)


SOUND = {
    "mass": Metric(mass, better="higher", reads="positive", passes=lambda: (0, 0)),
    "outside": Metric(outside, better="lower", reads="magnitude", passes=lambda: (0, 0)),
    "agreement": Metric(agreement, passes=lambda: (0, 0)),
    "drop": Metric(drop, better={"left": "lower", "zeros": "lower"}, descriptive=("zeros",), passes=lambda: (1, 0)),
    "rest": Metric(rest, better="lower", scale_free=False, passes=lambda: (2, 0)),
    "evenness": Metric(evenness, reads="magnitude", passes=lambda: (0, 0)),
    "contrast": Metric(contrast, passes=lambda: (0, 0)),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_metrics_pass(name: str) -> None:
    found = outcome(SOUND[name])
    assert not failed(found), [check for check in found.values() if not check.passed]
    assert not found["alone[linear_pictures]"].skipped
    assert not found["cost[linear_table]"].skipped


def test_what_there_is_to_know_is_said() -> None:
    assert outcome(SOUND["drop"])["truth_first[linear_table]"].reason == "judged by left"
    blind = outcome(SOUND["evenness"])["truth_first[linear_table]"]
    assert (blind.passed, blind.skipped) == (True, True)
    assert blind.reason == "it sees neither the truth nor the model: nothing says which map is better"
    assert outcome(mass)["cost[linear_table]"].skipped


def test_a_refusal_is_no_breach() -> None:
    def layered(attribution: Tensor, model: Layered) -> Tensor:
        """Needs layers."""
        return attribution.sum(1)

    def refusing(attribution: Tensor, values: Mapping[str, Tensor]) -> Tensor:
        """Wants a concept that nobody knows."""
        raise Refused(f"only {', '.join(sorted(values))} are known")

    found = outcome(layered)
    assert found["scores[linear_table]"].skipped
    assert "needs a Layered model, this one is only WhiteBox" in found["scores[linear_table]"].reason
    assert not found["scores[linear_pictures]"].skipped
    reason = outcome(refusing)["alone[linear_table]"].reason
    assert reason == "only gradient, integrated_gradients, shapley are known"


def test_each_check_can_be_a_test_of_its_own_and_names_are_looked_up() -> None:
    names = [name for name, _ in metric_checks(mass)]
    assert len(set(names)) == len(names)
    assert all(check().name == name for name, check in metric_checks(mass)[:3])
    with pytest.raises(UnknownName, match="unknown metric"):
        check_metric("no_such_metric_at_all")
    with pytest.raises(ValueError, match="mass has no setting 'k'"):
        check_metric(mass, k=3)


def test_a_metric_that_refuses_every_question_fails() -> None:
    def refusing(attribution: Tensor) -> Tensor:
        """Refuses everything."""
        raise Refused("not for me")

    found = outcome(refusing)
    assert failed(found) == {"answers"}
    assert found["answers"].reason == "every question is refused, so nothing was checked: not for me"


def test_failures_are_raised_with_a_line_each_unless_they_are_only_asked_for() -> None:
    with pytest.raises(AssertionError) as raised:
        check_metric(wrong_way)
    first, *lines = str(raised.value).splitlines()
    assert first == f"wrong_way fails {len(lines)} of {len(metric_checks(wrong_way))} checks:"
    assert lines[0].startswith(
        "  truth_first[linear_pictures]: wrong_way, of which higher is better, has the order wrong"
    )
    assert not all(check.passed for check in check_metric(wrong_way, raises=False))
    assert all(check.passed for check in check_metric(mass))


def wrong_way(attribution: Tensor, effect: Tensor, parts: Tensor) -> Tensor:
    """Worse for the truth."""
    return -agreement(attribution, effect, parts)


def blind(attribution: Tensor, truth: Tensor) -> Tensor:
    """Names the truth and does not look."""
    return attribution.abs().amax(1) / attribution.abs().sum(1)


def best_of_batch(attribution: Tensor, truth: Tensor) -> Tensor:
    """Relative to the best of the batch."""
    found = mass(attribution, truth)
    return found / found.nan_to_num(0.0).max()


def by_place(attribution: Tensor, truth: Tensor) -> Tensor:
    """Depends on the place in the batch."""
    return mass(attribution, truth) + 1e-3 * torch.arange(float(len(truth)))


def global_luck(attribution: Tensor, truth: Tensor) -> Tensor:
    """Draws from the global random state."""
    return mass(attribution, truth) + 1e-3 * torch.rand(len(truth))


def numpy_luck(attribution: Tensor, truth: Tensor) -> Tensor:
    """Draws from numpy's global random state."""
    return mass(attribution, truth) + 1e-3 * np.random.rand()


def clamped(attribution: Tensor, truth: Tensor) -> Tensor:
    """Protects a division with a small number."""
    positive = attribution.clamp(min=0)
    return (positive * truth).sum(1) / (positive.sum(1) + 1e-9)


def first_wins(attribution: Tensor, truth: Tensor) -> Tensor:
    """Breaks ties by place."""
    return truth.gather(1, attribution.argmax(1, keepdim=True))[:, 0].double()


def first_ranked(attribution: Tensor, units: Tensor, effect: Tensor) -> Tensor:
    """Ranks units, ties by place."""
    order = per_unit(attribution, units).argsort(dim=1, descending=True, stable=True)
    return effect.gather(1, order[:, :4]).sum(1)


def raises_on_zero(attribution: Tensor, truth: Tensor) -> Tensor:
    """Does not like zero maps."""
    if bool((attribution == 0).all(1).any()):
        raise ValueError("a zero map")
    return mass(attribution, truth)


def infinite_on_zero(attribution: Tensor, truth: Tensor) -> Tensor:
    """Divides by zero."""
    return mass(attribution, truth).nan_to_num(torch.inf)


def spreads_nan(attribution: Tensor, truth: Tensor) -> Tensor:
    """One undefined map spoils all."""
    found = mass(attribution, truth)
    return found + 0 * found.sum()


def overwrites(attribution: Tensor, x: Tensor, truth: Tensor) -> Tensor:
    """Changes the samples."""
    x.mul_(2)
    return mass(attribution, truth)


def learns(attribution: Tensor, model: Differentiable, truth: Tensor) -> Tensor:
    """Changes the network."""
    network = model.score.__self__.network.module  # type: ignore[attr-defined]
    with torch.no_grad():
        next(network.parameters()).mul_(1.5)
    return mass(attribution, truth)


def restless(attribution: Tensor, truth: Tensor) -> Tensor:
    """Draws from a generator that nobody can seed."""
    return mass(attribution, truth) + 1e-3 * np.random.default_rng().random()


def one_number(attribution: Tensor, truth: Tensor) -> Tensor:
    """Returns one number for all."""
    return mass(attribution, truth).nanmean()[None]


ALL = {name.partition("[")[0] for name, _ in metric_checks(mass)}
MATES = {"alone", "batch_sizes", "order", "undefined", "not_finite"}
BREACHES: list[tuple[Callable[..., Tensor], set[str], set[str]]] = [
    (wrong_way, {"truth_first"}, {"truth_first"}),
    (blind, {"truth_first"}, {"truth_first"}),
    (best_of_batch, {"alone", "batch_sizes"}, MATES | {"ties"}),
    (by_place, {"alone", "batch_sizes", "order"}, MATES),
    (global_luck, {"random_state"}, {"random_state"}),
    (numpy_luck, {"random_state"}, {"random_state"}),
    (restless, {"repeatable", "random_state"}, MATES | {"repeatable", "random_state", "scale", "ties"}),
    (clamped, {"scale"}, {"scale"}),
    (first_wins, {"ties"}, {"ties"}),
    (first_ranked, {"ties"}, {"ties"}),
    (raises_on_zero, {"undefined"}, {"undefined", "not_finite"}),
    (infinite_on_zero, {"undefined"}, {"undefined"}),
    (spreads_nan, {"undefined"}, {"undefined", "not_finite"}),
    (overwrites, {"inputs"}, ALL),
    (learns, {"network"}, ALL),
    (one_number, {"scores"}, {"scores"}),
]


@pytest.mark.parametrize(("function", "least", "most"), BREACHES, ids=[breach[0].__name__ for breach in BREACHES])
def test_a_breach_is_found_by_its_check(function: Callable[..., Tensor], least: set[str], most: set[str]) -> None:
    found = failed(outcome(function))
    assert least <= found <= most


@pytest.mark.parametrize(
    ("metric", "check", "message"),
    [
        (
            Metric(mass, better="lower", reads="positive"),
            "truth_first",
            "of which lower is better, has the order wrong",
        ),
        (Metric(mass, scale_free=False, reads="positive"), "scale", "declare scale_free=True"),
        (Metric(rest, better="lower"), "scale", "declare scale_free=False if it must"),
        (Metric(rest, better="lower", scale_free=False, passes=lambda: (1, 0)), "cost", "billed are (48, 0) single"),
        (Metric(drop, better={"left": "lower", "lost": "lower"}), "scores", "which direction of lost is better"),
        (Metric(evenness, better={"other": "lower"}), "scores", "returns evenness"),
    ],
)
def test_a_wrong_declaration_is_found(metric: Metric, check: str, message: str) -> None:
    found = outcome(metric)
    assert check in failed(found)
    assert message in found[f"{check}[linear_table]"].said


def test_a_breach_says_what_to_do() -> None:
    assert "break ties by chance, as `descending` does" in outcome(first_wins)["ties[linear_pictures]"].advice
    assert "batch.x" in outcome(overwrites)["inputs[linear_table]"].reason
    assert "undefined is NaN" in outcome(infinite_on_zero)["undefined[linear_table]"].said


def test_every_score_is_judged_by_itself() -> None:
    """One that cannot tell the truth from its opposite is not carried by another, but may say so."""
    both = Metric(drop, better={"left": "lower", "zeros": "lower"}, passes=lambda: (1, 0))
    found = outcome(both)["truth_first[linear_table]"]
    assert not found.passed
    assert found.reason.startswith("zeros does not tell the truth from its opposite")
    none = replace(both, descriptive=("left", "zeros"))
    assert outcome(none)["truth_first[linear_table]"].skipped


def test_what_gives_no_scores_is_one_breach() -> None:
    found = outcome(one_number)
    rest = [check for name, check in found.items() if not name.startswith("scores")]
    assert {check.reason for check in rest if check.skipped} >= {"it gives no scores here"}
    assert all(check.passed for check in rest)


def test_what_is_drawn_from_the_global_state_is_compared_under_one_seed() -> None:
    found = outcome(numpy_luck)
    assert found["random_state[linear_table]"].reason == "numpy_luck is drawn from the global random state"
    assert found["random_state[linear_table]"].habit
    assert found["alone[linear_table]"].skipped
    assert not found["scale[linear_table]"].skipped


def test_maps_of_one_size_meet_in_a_batch() -> None:
    maps = torch.tensor([[1.0, 0.0], [0.0, 1e12], [0.0, 0.0], [0.5, -1.0], [1e-12, 0.0]])
    assert sizes(maps) == [[4], [0, 2, 3], [1]]
    assert sizes(torch.zeros(2, 3)) == [[0, 1]]


def test_a_map_is_spread_evenly_in_noise() -> None:
    question = METRIC_QUESTIONS["linear_pictures"]()
    maps, _ = explain(Asked(NOISY, {}), question.gate, question.batch)
    units = question.batch.units
    torch.testing.assert_close(maps, spread(per_unit(maps, units), units))


def average_drop(model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, attribution: Tensor) -> Tensor:
    """The fall of the score relative to itself when the input is shaded by the map."""
    positive = attribution.clamp(min=0)
    shade = like_input(positive / positive.amax(1, keepdim=True), x).to(x.dtype)
    before, after = model.score(x, target), model.score(baseline + shade * (x - baseline), target)
    fall = (before - after).clamp(min=0) / before.where(before > 0, torch.nan)
    return fall.where(positive.amax(1) > 0, torch.nan)


def test_anybodys_metric_is_put_to_the_proof_of_the_score_that_it_is_like() -> None:
    def per_batch(model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, attribution: Tensor) -> Tensor:
        """The same, relative to the largest of the batch."""
        scaled = attribution / attribution.clamp(min=0).amax()
        shade = like_input(scaled.clamp(min=0), x).to(x.dtype)
        before, after = model.score(x, target), model.score(baseline + shade * (x - baseline), target)
        return (before - after).clamp(min=0) / before

    right, wrong = (check_metric(function, like="average_drop", raises=False) for function in (average_drop, per_batch))
    names = {check.name for check in right}
    assert len(names) > 28
    assert all(check.passed for check in right)
    broken = {check.name for check in wrong if not check.passed}
    assert "alone[linear_table]" in broken
    assert broken & {oracle for oracle in oracles if oracles[oracle].metric == "average_drop"}


def test_a_score_that_no_metric_gives_is_one_line() -> None:
    with pytest.raises(ValueError, match="no registered metric gives a score 'delation'; there are "):
        check_metric(average_drop, like="delation")
