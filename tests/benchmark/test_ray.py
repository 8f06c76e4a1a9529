"""The same records on a Ray cluster as in this process."""

from pathlib import Path

import pytest
import torch

from heatproof.benchmark import methods, metrics, tasks
from heatproof.benchmark.run import How, run
from heatproof.benchmark.suite import Suite

SUITE = Suite(
    name="tiny",
    version="1",
    samples=4,
    tasks=("linear", "saturation"),
    methods=("random", "oracle", "gradient"),
    metrics=("effect_cosine", "perturbation_curves"),
)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ray_gives_the_same_records(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    assert all((tasks["linear"], methods["gradient"], metrics["effect_cosine"]))
    here, there = run(SUITE, tmp_path / "here"), run(SUITE, tmp_path / "there", how=How(ray="local"))
    ray.shutdown()
    assert len(here.records) == len(there.records) == 2 * 3 * 2
    for mine, theirs in zip(here.records, there.records, strict=True):
        assert (mine.task, mine.method, mine.metric, mine.ids) == (
            theirs.task,
            theirs.method,
            theirs.metric,
            theirs.ids,
        )
        assert all(
            torch.equal(mine.scores[name].nan_to_num(7.5), theirs.scores[name].nan_to_num(7.5)) for name in mine.scores
        )
