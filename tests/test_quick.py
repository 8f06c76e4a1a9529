"""The suite `quick` and its stored baselines: what the leaderboard claims."""

from pathlib import Path

import pytest

import heatproof
from heatproof.api import baselines, suite
from heatproof.benchmark import tasks
from heatproof.benchmark.pack import read_pack
from heatproof.benchmark.plan import plan
from heatproof.leaderboard.board import Standing

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
    assert len(quick.tasks) >= 14
    assert len(quick.methods) >= 12
    assert len(quick.metrics) >= 8
    families: dict[str, list[str]] = {}
    for name in quick.tasks:
        families.setdefault(tasks[name].family, []).append(tasks[name].headline)
    assert all(len(headlines) >= 3 and "effect_contrast" in headlines for headlines in families.values())


def test_the_stored_baselines_belong_to_this_code() -> None:
    quick = suite("quick")
    stored = read_pack(baselines(quick))
    stale = {cell.names for cell in plan(quick) if not cell.reason and cell.key not in stored}
    assert not stale, f"{len(stale)} records are stale, {sorted(stale)[0]} first: run `make baselines`"


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
    assert (standing.scores.tasks["share"] >= 0.95).all()
    assert standing.scores.tasks["admitted"].all()


@pytest.mark.slow
def test_a_map_that_ignores_the_target_scores_exactly_0_on_contrast(standing: Standing) -> None:
    samples = standing.scores.samples
    contrast = [name for name, score in standing.results.headline().items() if score == "effect_contrast"]
    assert len(contrast) >= 3
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
