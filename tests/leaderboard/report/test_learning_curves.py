"""A suite that sweeps a setting gets a learning curve for each method."""

from pathlib import Path

import pytest

import heatproof
from heatproof.benchmark.results import Results
from heatproof.leaderboard.report import figures, write_report
from heatproof.leaderboard.report.tables import Findings

SUITE = """
name = "swept"
version = "1"
samples = 6
tasks = ["linear", "additive_curves", "pairwise_products", "all_of_three"]
methods = ["random", "oracle", "constant", "gradient", "kernel_shap"]
metrics = ["effect_correlation", "effect_cosine"]

[sweep]
budget = [4, 16, 256]
"""
METHODS = ["kernel_shap"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("swept")
    (folder / "swept.toml").write_text(SUITE, encoding="utf-8")
    return heatproof.run(str(folder / "swept.toml"), folder / "run")


def test_rows_are_the_variants_with_their_value_and_score(results: Results) -> None:
    (track, *_) = Findings(results).tracks
    settings = {name: card["settings"] for name, card in results.manifest["methods"].items()}
    rows = figures.swept(track, settings, "budget").sort_values("value")
    assert rows["method"].tolist() == METHODS * 3
    assert rows["value"].tolist() == [4, 16, 256]
    board = track.table["score"]
    assert rows["score"].tolist() == [board[f"kernel_shap[budget={budget}]"] for budget in (4, 16, 256)]
    assert rows["score"].iloc[2] > rows["score"].iloc[0], "more passes are not for nothing"
    with pytest.raises(ValueError, match="no method is ranked at several values of noise"):
        figures.learning_curves(track, settings, "noise")


def test_the_report_draws_them_and_hands_out_the_figure(results: Results, tmp_path: Path) -> None:
    page = write_report(results, tmp_path, ["html"]).read_text(encoding="utf-8")
    assert 'id="learning"' in page
    assert "kernel_shap[budget=16]" in page
    assert (tmp_path / "assets/learning-1.pdf").read_bytes().startswith(b"%PDF")
