"""Networks that get a new code for one run: a miniature of their training, and what a run makes of them."""

import pickle
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

from heatproof.api import run
from heatproof.benchmark import Refused, models, question, tasks
from heatproof.datasets.own_codes import training as data
from heatproof.leaderboard.report.words import drawn_from
from heatproof.models import own_codes, weights
from heatproof.models.own_codes import Limits, Short, head_of, loaded, new_code

ANY = Limits(0.0, 0.0, 1.0, 1.0)
NAME, OTHER, PAIR = "own_code_resnet_1", "own_code_resnet_2", "own_code_resnet_1_and_2"
SUITE = f"""name = "tiny"
version = "1"
samples = 2
tasks = ["own_code_shapley@{NAME}", "model_contrast@{PAIR}"]
methods = ["random", "oracle", "gradient"]
metrics = ["centred_cosine", "centred_contrast"]
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of three steps that pass any gate, small exams, and scenes that are clear to any network."""
    monkeypatch.setattr(own_codes, "Short", partial(Short, steps=3, size=8, gate=ANY))
    monkeypatch.setattr(data, "EXAM", 8)
    monkeypatch.setattr(data, "FEW", 2)
    monkeypatch.setattr(data, "CLEAR", -1.0)
    monkeypatch.setattr(question, "KEPT", 0.0)
    monkeypatch.setattr(question, "SLACK", 1.0)


def hashes(folder: Path) -> list[object]:
    """Return the hashes of the weights of both networks."""
    return [weights.card_of(name, folder / "networks")["sha256"] for name in (NAME, OTHER)]


@pytest.mark.slow
def test_a_run_asks_networks_of_its_own_goes_on_with_them_and_can_be_repeated(short: None, tmp_path: Path) -> None:
    suite, where = tmp_path / "tiny.toml", tmp_path / "one"
    suite.write_text(SUITE)
    one = run(str(suite), where, networks=True)
    first = hashes(where)
    assert {record.status for record in one.records if record.metric == "centred_contrast" and PAIR in record.task} == {
        "ok"
    }
    assert drawn_from(one).startswith("Verified: networks and seeds drawn at the start of the run, 20")
    assert set(first).isdisjoint(weights.digest_of(name) for name in models)
    for name in (f"own_code_shapley@{NAME}", f"model_contrast@{PAIR}"):
        assert one.manifest["tasks"][name]["version"] != tasks[name].version
        assert one.manifest["tasks"][name]["version"] == tasks[name].at(one.networks).version
    run(str(suite), where, networks=True)
    assert hashes(where) == first
    (tmp_path / "two").mkdir()
    shutil.copytree(tmp_path / "one" / "networks", tmp_path / "two" / "networks")
    again = run(str(suite), tmp_path / "two", networks=True, seed=one.seeds.seed)
    assert drawn_from(again).startswith("Verified, repeated: networks and seeds as another run has drawn them")
    assert again.scores.equals(one.scores)
    for words in ({"networks": True, "seed": 32 * "a"}, {"verified": True}, {}):
        with pytest.raises(ValueError, match=r"is a verified run with the seed [0-9a-f]{32}: give --networks, or"):
            run(str(suite), tmp_path / "two", **words)


def test_each_run_draws_networks_of_its_own(short: None, tmp_path: Path) -> None:
    one, other = (new_code(NAME, tmp_path / str(number), lambda line: None) for number in range(2))
    assert one["sha256"] != other["sha256"]
    assert "not kept" in str(one["code"])


def test_a_network_that_fails_its_gate_is_tried_again_and_then_left_out(
    short: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_codes, "Short", partial(Short, steps=2, size=4, gate=Limits(error=-1.0)))
    told: list[str] = []
    card = new_code(NAME, tmp_path / "networks", told.append)
    assert sum("fails its gate" in line for line in told) == 2
    assert sorted(each.name for each in (tmp_path / "networks").iterdir()) == [f"{NAME}.json"]
    shutil.copyfile(tmp_path / "networks" / f"{NAME}.json", tmp_path / "networks" / f"{OTHER}.json")
    for name in (f"own_code_shapley@{NAME}", f"model_contrast@{PAIR}"):
        objection = tasks[name].at(tmp_path / "networks").model.objection
        assert objection == card["left_out"]
        assert objection.startswith(f"{NAME} failed its gate 2 times: ")


def test_two_networks_with_the_same_code_are_no_contrast(tmp_path: Path) -> None:
    for name in (NAME, OTHER):
        weights.save_weights(loaded(NAME), name, {}, tmp_path)
    contrast = tasks[f"model_contrast@{PAIR}"].at(tmp_path)
    with pytest.raises(Refused, match=r"the two networks have the same code: the truths about them correlate 1\.00"):
        contrast.questions("test", 8)
    assert tasks[f"model_contrast@{PAIR}"].questions("test", 8).truth is not None


def test_a_task_finds_the_networks_of_its_run_in_another_process(short: None, tmp_path: Path) -> None:
    new_code(NAME, tmp_path, lambda line: None)
    asked = tasks[f"own_code_shapley@{NAME}"].at(tmp_path)
    assert pickle.loads(pickle.dumps(asked)).version == asked.version != tasks[asked.name].version
    assert tasks["linear"].at(tmp_path).version == tasks["linear"].version


@pytest.mark.parametrize("name", [NAME, "own_code_vit_1"])
def test_the_training_starts_from_the_shipped_trunk_with_a_head_of_its_own(name: str) -> None:
    network = own_codes.trunk(name)
    head = head_of(network)
    for key, value in loaded(name).state_dict().items():
        assert torch.equal(value, network.state_dict()[key]) == (key not in head)
