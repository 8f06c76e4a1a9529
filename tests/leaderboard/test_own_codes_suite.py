"""The suite `own_codes`: what it asks of whom."""

from heatproof.api import suite
from heatproof.benchmark import models, tasks
from heatproof.benchmark.suite import question_of
from heatproof.datasets.own_codes.tasks import NETWORKS, PAIRS
from heatproof.leaderboard.board import refuse_unrankable

ASKED = suite("own_codes")


def test_every_network_that_has_weights_is_asked_the_same() -> None:
    """Add a network's tasks to the suite when its weights come."""
    there = [name for name in NETWORKS if models[name].card]
    pairs = [name for name in PAIRS if all(card for card in models[name].beside)]
    own = {f"{question}@{name}" for question in ("own_code_shapley", "own_code_contrast") for name in there}
    assert set(ASKED.tasks) == own | {f"model_contrast@{name}" for name in pairs}


def test_networks_are_the_sample_and_one_question_counts() -> None:
    refuse_unrankable(ASKED)
    assert (ASKED.cluster, ASKED.margin, ASKED.samples) == ("network", 0.1, 100)
    counted = {question_of(name) for name in ASKED.tasks} - set(ASKED.columns)
    assert counted == {"own_code_shapley"}
    assert {tasks[name].model.architecture for name in ASKED.tasks} == {"resnet", "vit"}
