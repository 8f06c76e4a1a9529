"""Which of the shipped tasks can be passed without asking the network, as measured."""

from collections.abc import Mapping, Sequence

import pytest

from heatproof.benchmark import tasks
from heatproof.benchmark.checks import Check, check_task
from heatproof.benchmark.checks._cheats import CHEATS
from heatproof.benchmark.checks._judge import Judge, values_of
from heatproof.benchmark.checks._task_figures import _blind, figures
from heatproof.benchmark.checks.oracles import holder
from heatproof.benchmark.checks.task_checks import Subject
from heatproof.benchmark.question import Model


def cards(model: Model) -> Sequence[Mapping[str, object]]:
    """The cards of the weights that a model is made of, empty where they are not there yet."""
    return model.beside or (model.card,)


OWN = [name for name in tasks if tasks[name].family == "own_codes" and all(cards(tasks[name].model))]


def outcomes(name: str, samples: int) -> dict[str, Check]:
    return {check.name: check for check in check_task(name, samples=samples, raises=False)}


def failed(name: str, samples: int) -> set[str]:
    return {check for check, outcome in outcomes(name, samples).items() if not outcome.passed}


@pytest.mark.parametrize(
    ("name", "fails"),
    [
        ("part_shapley", {"specificity"}),
        ("single_deletion", {"specificity", "best_cheat"}),
        ("background", {"specificity", "best_cheat"}),
        ("distractors", {"specificity", "best_cheat"}),
        ("target_contrast", {"specificity", "oracle_is_the_maximum"}),
    ],
)
def test_creatures_that_share_a_code_are_not_admitted(name: str, fails: set[str]) -> None:
    assert failed(f"{name}@creatures_resnet", 16) == fails


def test_the_contrast_of_creatures_has_an_answer_above_its_oracle() -> None:
    measured = figures(tasks["target_contrast@creatures_resnet"], 16)
    assert measured.distorted["contrastive truth of equal lengths"] == pytest.approx(1.22, abs=0.02)


@pytest.mark.parametrize("task", ["own_code_shapley", "own_code_contrast"])
def test_a_network_with_a_code_of_its_own_must_be_asked(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    two = [tasks[f"{task}@own_code_vit_{number}"] for number in (1, 2)]
    monkeypatch.setattr("heatproof.benchmark.checks._task_figures.siblings", lambda _: two)
    assert not failed(f"{task}@own_code_resnet_1", 16)


def test_no_map_that_ignores_the_networks_tells_two_of_them_apart() -> None:
    asked = tasks["model_contrast@own_code_vit_1_and_2"]
    batch = asked.questions("test", 6)
    assert batch.truth is not None
    judge = Judge(holder(asked.headline), asked.headline, asked.gate(), batch, batch.truth)
    known = _blind(judge.gate, batch, batch.truth)
    ignore = [cheat for name, cheat in CHEATS.items() if name.endswith("_in_the_centre")]
    assert len(ignore) == 5
    for cheat in ignore:
        assert judge.maps([cheat(each) for each in known]).tolist() == [0.0] * 6
    assert judge.parts(values_of(batch.truth)).tolist() == pytest.approx([1.0] * 6)


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_every_question_about_an_own_code_is_admitted(name: str) -> None:
    subject = Subject(tasks[name], 48)
    assert all(check().passed for _, check in subject.checks)
    measured = subject.figures
    assert measured.gated <= 0.1
    assert max(measured.cheats.values()) <= 0.25, "twice the standard error above what 100 scenes give at most"
    if measured.networks:
        assert sum(measured.networks.values()) / len(measured.networks) <= 0.1
