"""The protocols for parts: what oracles cannot say of them."""

from dataclasses import replace

import pytest
import torch

from heatproof.benchmark import Refused, methods, metrics, tasks
from heatproof.benchmark.checks._linear import linear_table
from heatproof.benchmark.checks.oracles import agrees, oracles_of
from heatproof.benchmark.harness import Asked, explain, score

PROTOCOLS = ("background_independence", "distractibility", "part_checks", "target_sensitivity")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_no_oracle_is_skipped(name: str) -> None:
    proofs = [agrees(metrics[name], proof) for proof in oracles_of(name)]
    assert len(proofs) >= 4


def test_each_choice_of_true_parts_is_one_pass() -> None:
    question = linear_table()
    maps = torch.ones(question.batch.units.shape).double()
    assert score(Asked(metrics["part_checks"], {}), question.gate, question.batch, maps, None)[1].forward == 24 * 2**4


def test_too_many_parts_are_refused() -> None:
    question = linear_table()
    truth = question.batch.truth
    assert truth is not None
    wide = replace(question.batch, truth=replace(truth, relevant=torch.ones(24, 16, dtype=torch.bool)))
    with pytest.raises(Refused, match="all choices of 16 parts"):
        score(Asked(metrics["part_checks"], {}), question.gate, wide, question.batch.x.double(), None)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5])
def test_sufficient_is_a_share(share: float) -> None:
    question = linear_table()
    with pytest.raises(ValueError, match="sufficient is"):
        score(
            Asked(metrics["part_checks"], {"sufficient": share}),
            question.gate,
            question.batch,
            question.batch.x.double(),
            None,
        )


@pytest.mark.slow
@pytest.mark.parametrize("model", ["creatures_resnet", "creatures_vit"])
def test_the_truth_passes_all_protocols_on_real_scenes_and_a_map_that_ignores_the_target_does_not(model: str) -> None:
    task = tasks[f"part_protocols@{model}"]
    batch, gate = task.questions("tune", 12), task.gate()

    def found(method: str) -> dict[str, float]:
        asked = Asked(methods[method], {})
        maps, _ = explain(asked, gate, batch)
        scores = [score(Asked(metrics[name], {}), gate, batch, maps, asked)[0] for name in PROTOCOLS]
        return {name: float(values.nanmean()) for each in scores for name, values in each.items()}

    truth, constant = found("oracle"), found("constant")
    assert truth["target_sensitivity"] == pytest.approx(1)
    assert constant["target_sensitivity"] == 0.5
    for name in truth:
        assert truth[name] > constant[name] + 0.15
