"""Other samples to draw from: of every dataset, and never one that is asked about."""

import re

import pytest
import torch

from heatproof.benchmark import tasks
from heatproof.datasets import breast_cancer
from heatproof.datasets.creatures import tasks as creatures

# Those of files that the user has are in test_folders.py.
SAMPLES = {task.samples.__name__: task for task in map(tasks.__getitem__, tasks) if task.files is None}
# Scenes of the networks with a code of their own are drawn alike.
SAMPLES = {name: task for name, task in SAMPLES.items() if not re.search("own_code.*[2-4]$", name)}

each_dataset = pytest.mark.parametrize("name", sorted(SAMPLES))


@each_dataset
def test_no_sample_of_the_pool_is_asked_about(name: str) -> None:
    task = SAMPLES[name]
    for split in ("tune", "test"):
        batch = task.samples(task.gate(), split, 150)
        assert batch.pool is not None
        assert len(batch.pool) == (16 if name == "cancer_rows" else 32)
        assert batch.pool.dtype == batch.x.dtype
        assert len(batch.pool.unique(dim=0)) > len(batch.pool) / 2
        # Rows of bits repeat themselves.
        same = (batch.pool.flatten(1)[:, None] == batch.x.flatten(1)).all(2)
        assert not same.any() or bool(((batch.x == 0) | (batch.x == 1)).all())


@each_dataset
def test_the_pool_is_the_same_for_all_splits_and_sizes(name: str) -> None:
    task = SAMPLES[name]
    first, second = (task.samples(task.gate(), split, size).pool for split, size in (("tune", 2), ("test", 5)))
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)


def test_tumours_of_the_pool_are_of_no_split() -> None:
    asked = torch.cat([breast_cancer.rows()[split] for split in ("tune", "test")])
    assert not (breast_cancer.background()[:, None] == breast_cancer.columns()[asked]).all(2).any()


def test_scenes_of_the_pool_are_of_the_split_tune() -> None:
    first = creatures.sample_scenes(1, creatures.SEEDS["tune"], creatures.POOL_START)
    task = SAMPLES["creature_scenes"]
    pool = task.samples(task.gate(), "test", 1).pool
    assert pool is not None
    assert torch.equal(creatures.render(first)[0][0], pool[0])
