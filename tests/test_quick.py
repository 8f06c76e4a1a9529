"""The suite `quick` and its stored baselines: what the leaderboard claims."""

from collections import Counter
from pathlib import Path

import pytest

import heatproof
from heatproof.api import baselines, suite
from heatproof.benchmark import tasks
from heatproof.benchmark.admission import admission_keys
from heatproof.benchmark.pack import read_pack
from heatproof.benchmark.plan import plan
from heatproof.benchmark.suite import question_of
from heatproof.leaderboard.board import Standing

PANELS = ("distractors", "background", "cancer_columns")
CHANCE = '''
"""Random maps of their own."""
from heatproof import Rng, method
from torch import Tensor


@method()
def another_random(x: Tensor, rng: Rng) -> Tensor:
    """Relevance from another stream than the control's."""
    return rng.normal(*x.shape[1:])


@method()
def blind(x: Tensor) -> Tensor:
    """A map that ignores the target."""
    return x
'''


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Standing:
    """Two newcomers among the stored baselines, from a file outside the repository."""
    folder = tmp_path_factory.mktemp("quick")
    file = folder / "chance.py"
    file.write_text(CHANCE)
    return Standing(heatproof.run("quick", folder / "run", [str(file)]))


def test_the_suite_is_as_large_as_it_says() -> None:
    quick = suite("quick")
    counted = [tasks[name] for name in quick.tasks if question_of(name) not in quick.columns]
    families: dict[str, list[str]] = {}
    for task in counted:
        families.setdefault(task.family, []).append(task.model.architecture)
    assert {family: len(networks) for family, networks in families.items()} == {"own_codes": 4, "analytic": 10}
    assert Counter(families["own_codes"]) == {"resnet": 2, "vit": 2}
    assert {task.headline for task in counted} == {"centred_cosine"}
    assert len(quick.methods) >= 12


def test_the_stored_baselines_belong_to_this_code() -> None:
    quick = suite("quick")
    stored = read_pack(baselines(quick))
    stale = {cell.names for cell in plan(quick) if not cell.reason and cell.key not in stored}
    assert not stale, f"{len(stale)} records are stale, {sorted(stale)[0]} first: run `make baselines`"
    unchecked = [name for name, key in admission_keys(quick).items() if key not in stored]
    assert not unchecked, f"the checks of {unchecked} are stale: run `make baselines`"


def test_what_counts_cannot_be_passed_without_the_network_and_panels_can() -> None:
    quick = suite("quick")
    stored = read_pack(baselines(quick))
    passed = {name: not stored[key].reason for name, key in admission_keys(quick).items()}
    assert passed == {name: question_of(name) not in PANELS for name in quick.tasks}


@pytest.mark.slow
def test_random_scores_0_and_the_oracle_1_on_every_task(standing: Standing) -> None:
    table = standing.scores.table.set_index(["task", "method"])
    for task in suite("quick").tasks:
        row = table.loc[(task, "another_random")]
        assert abs(row["z"]) <= 3 * row["se"] or row["z"] == 0, task
        assert table.loc[(task, "oracle"), "z"] == 1
        assert table.loc[(task, "random"), "z"] == 0


@pytest.mark.slow
def test_the_oracle_beats_random_on_nearly_every_sample(standing: Standing) -> None:
    rows = standing.scores.tasks.set_index("task")
    assert (rows["share"] >= 0.95).all()
    assert {question_of(str(name)) for name in rows.index[~rows["admitted"]]} == set(PANELS)


@pytest.mark.slow
def test_a_map_that_ignores_the_question_scores_exactly_0_on_contrast(standing: Standing) -> None:
    samples = standing.scores.samples
    contrast = [name for name, score in standing.results.headline().items() if score == "centred_contrast"]
    assert contrast == ["model_contrast@own_code_resnet_1_and_2"]
    for method in ("blind", "random", "another_random", "input_magnitude", "edges", "center"):
        mine = samples[samples["task"].isin(contrast) & (samples["method"] == method)]
        assert (mine["value"] == 0).all()


@pytest.mark.slow
def test_the_newcomers_are_ranked_and_the_baselines_stay(standing: Standing, tmp_path: Path) -> None:
    board = standing.boards["differentiable"].rows
    assert {"another_random", "blind", "integrated_gradients"} <= set(board.index)
    alone = Standing(heatproof.run("quick", tmp_path / "alone", ["gradient"])).boards["differentiable"].rows
    for name in alone.index:
        assert alone.loc[name, "score"] == board.loc[name, "score"]
