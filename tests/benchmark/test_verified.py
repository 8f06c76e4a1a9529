"""Verified runs: samples that nobody can have looked up, and methods that are handed nothing to look them up by."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from heatproof.benchmark import tasks
from heatproof.benchmark.results import Results
from heatproof.benchmark.splits import is_drawn, split_of

SEED, OTHER = 32 * "a", 32 * "b"
SUITE = """name = "tiny"
version = "1"
samples = 3
tasks = ["linear", "cancer_columns@breast_cancer_mlp"]
methods = ["random", "oracle", "gradient"]
metrics = ["effect_cosine"]
"""


@pytest.fixture
def run(command: Callable[..., SimpleNamespace], tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Run a small suite with these options."""
    (tmp_path / "tiny.toml").write_text(SUITE)
    return lambda *words: command("run", "tiny.toml", *words)


@pytest.mark.parametrize("name", [name for name in tasks if tasks[name].fresh and tasks[name].truth_type == "analytic"])
def test_a_drawn_split_has_rows_of_its_own(name: str) -> None:
    one, same, other = (tasks[name].questions(split_of(seed), 3) for seed in (SEED, SEED, OTHER))
    public = tasks[name].questions("test", 3)
    assert one.x.equal(same.x)
    assert one.ids == same.ids
    assert not any(one.x.equal(each.x) or set(one.ids) & set(each.ids) for each in (other, public))


@pytest.mark.parametrize("name", ["part_shapley@creatures_resnet", "own_code_shapley@own_code_resnet_1"])
def test_a_drawn_split_has_scenes_of_its_own_that_are_drawn_again_by_their_ids(name: str) -> None:
    one, other = (tasks[name].questions(split_of(seed), 2) for seed in (SEED, OTHER))
    assert not one.x.equal(other.x)
    assert one.redraw is not None
    assert one.redraw(one.ids, one.units >= 0).equal(one.x)
    assert one.truth is not None
    assert one.truth.effect is not None
    assert (one.truth.effect != 0).any(1).all()


def test_without_a_seed_one_is_drawn_each_time() -> None:
    drawn = {split_of() for _ in range(20)}
    assert len(drawn) == 20
    assert all(map(is_drawn, drawn))
    with pytest.raises(ValueError, match="the seed 'beef' is not 32 hexadecimal digits"):
        split_of("beef")


def test_a_verified_run_keeps_its_seed_and_leaves_out_what_is_fixed(
    run: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    assert run("--verified").status == 0
    folder = tmp_path / "runs" / "tiny-verified"
    first = Results.read(folder)
    assert first.seeds.origin == "drawn"
    assert run("--verified").status == 0
    again = Results.read(folder)
    assert again.seeds == first.seeds
    ids = {name for record in again.records for name in record.ids}
    assert ids == {f"linear/drawn_{first.seeds.seed}/{place}" for place in range(3)}
    skipped = {record.reason for record in again.records if record.status == "skipped"}
    assert skipped == {
        "the samples of cancer_columns@breast_cancer_mlp are fixed and public, and a verified run draws its own"
    }


def test_a_seed_repeats_a_verified_run_elsewhere_to_the_last_bit(
    run: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    assert run("--verified", "--out", "one").status == 0
    one = Results.read(tmp_path / "one")
    assert run("--seed", one.seeds.seed, "--out", "two").status == 0
    two = Results.read(tmp_path / "two")
    assert two.seeds.origin == "given"
    assert one.scores.equals(two.scores)
    for method in ("random", "gradient"):
        maps = [results.maps("linear", method) for results in (one, two)]
        assert maps[0] is not None
        assert maps[1] is not None
        assert maps[0].values.equal(maps[1].values)


def test_a_folder_keeps_to_its_seeds(run: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    run("--seed", SEED, "--out", "drawn")
    run("--out", "public")
    for words, why in {
        ("--out", "drawn"): "is a verified run",
        ("--out", "drawn", "--seed", OTHER): f"is a verified run with the seed {SEED}",
        ("--out", "public", "--verified"): "is a run with the public seed",
        ("--out", "new", "--seed", "beef"): "the seed 'beef' is not 32 hexadecimal digits",
    }.items():
        said = run(*words)
        assert said.status == 2
        assert why in said.err
        assert len(said.err.strip().splitlines()) == 1
    assert json.loads((tmp_path / "drawn" / "run.json").read_text())["seeds"]["split"] == f"drawn_{SEED}"


def test_the_board_says_where_the_seeds_came_from(run: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    words = {
        (): "Public seed: for quick looks; who knows the code can look up the answers.",
        ("--verified",): "Verified: seeds drawn at the start of the run, 20",
        ("--seed", SEED, "--out", "again"): "Verified, repeated: seeds as another run has drawn them, given at the",
    }
    for options, said in words.items():
        shown = run(*options)
        assert said in shown.out
        page = tmp_path / shown.out.partition("report: ")[2].strip()
        for kind in ("html", "md", "tex"):
            texts = [file.read_text() for file in page.parent.rglob(f"*.{kind}")]
            assert any(said in text for text in texts), kind
