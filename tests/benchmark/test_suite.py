"""Suite files: what is wrong with one is said in a line."""

from pathlib import Path

import pytest

from heatproof.benchmark import UnknownName
from heatproof.benchmark.suite import find_suite, read_suite

WHOLE = """
name = "tiny"
version = "1"
samples = 4
tasks = ["a"]
methods = ["b"]
metrics = ["c"]

[settings.b]
steps = 3
noise = 0.5
fast = true
layer = "last"
"""


def written(folder: Path, content: str, name: str = "tiny.toml") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_suite_is_read(tmp_path: Path) -> None:
    suite = read_suite(written(tmp_path, WHOLE))
    assert suite.title == "tiny@1"
    assert (suite.tasks, suite.methods, suite.metrics) == (("a",), ("b",), ("c",))
    assert (suite.seed, suite.samples, suite.repeats) == (0, 4, 1)
    values = suite.settings["b"]
    assert values == {"steps": 3, "noise": 0.5, "fast": True, "layer": "last"}
    assert [type(value) for value in values.values()] == [int, float, bool, str]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("samples", "sampels", "samples: Field required; unknown key 'sampels', did you mean 'samples'"),
        ("samples = 4", "samples = 4\nqqq = 1", "unknown key 'qqq'"),
        ("samples = 4", "samples = 0", "samples: .*greater than 0"),
        ("samples = 4", 'samples = "many"', "samples: .*integer"),
        ('tasks = ["a"]', "tasks = []", "tasks: .*at least 1"),
        ('tasks = ["a"]', 'tasks = ["a"', "tiny.toml is not TOML"),
        ("steps = 3", "steps = [3]", r"settings\.b\.steps"),
        ("samples = 4", "samples = 1000000000000", "samples: .*less than or equal to 1000000, got 1000000000000"),
        ("samples = 4", f"samples = 4\nrepeats = {10**23}", f"repeats: .*less than or equal to 1000, got {10**23}"),
        ("samples = 4", f"samples = {'9' * 4000}", "samples: .*"),
        ("[settings.b]", f"[sweep]\na = {list(range(1001))}\n[settings.b]", "sweep: 1,001 values are too many"),
        (
            'tasks = ["a"]',
            f"repeats = 1000\ntasks = {[str(i) for i in range(251)]}",
            "the suite has up to 251,000 cells: at most 250,000, cut it into several suites",
        ),
        ("[settings.b]", "[sweep]\na = [1]\nb = [2]\n[settings.b]", "sweep: .*a, b cannot be swept at once"),
        ("samples = 4", 'samples = 4\ncluster = "scene"', "cluster: Input should be 'task' or 'network'"),
        ("samples = 4", "samples = 4\nmargin = -0.1", "margin: .*greater than or equal to 0"),
        ("samples = 4", 'samples = 4\ncolumns = ["e"]', "columns: no task asks e: choose among a"),
        ("samples = 4", 'samples = 4\ncolumns = ["a"]', "columns: all questions are columns, and none is left"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path, WHOLE.replace(old, new))
    with pytest.raises(ValueError, match=message) as refusal:
        read_suite(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_tasks_are_the_sample_and_every_difference_counts_unless_a_suite_says_otherwise(tmp_path: Path) -> None:
    bare = read_suite(written(tmp_path, WHOLE))
    assert (bare.cluster, bare.margin, bare.columns) == ("task", 0.0, ())
    more = 'tasks = ["a@one", "b@one"]\ncluster = "network"\nmargin = 0.1\ncolumns = ["b"]'
    told = read_suite(written(tmp_path, WHOLE.replace('tasks = ["a"]', more)))
    assert (told.cluster, told.margin, told.columns) == ("network", 0.1, ("b",))


@pytest.mark.parametrize("key", ["name", "version"])
@pytest.mark.parametrize(
    "word", ["../../evil", "/etc", "a/b", "a\\\\b", "..", ".hidden", "", "a b", "-x", "a" * 65, "a\\u0000", "ü", "a\\n"]
)
def test_the_name_of_a_suite_is_no_path(tmp_path: Path, key: str, word: str) -> None:
    """Its run directory, its reports and its pack are named after it."""
    old = {"name": 'name = "tiny"', "version": 'version = "1"'}[key]
    path = written(tmp_path, WHOLE.replace(old, f'{key} = "{word}"'))
    with pytest.raises(ValueError, match=f"{key}: '.*' is no name: use up to 64 letters, digits") as refusal:
        read_suite(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("word", ["quick", "my-suite_2", "2026.1", "A"])
def test_plain_names_of_suites_are_taken(tmp_path: Path, word: str) -> None:
    whole = WHOLE.replace('"tiny"', f'"{word}"').replace('"1"', f'"{word}"')
    assert read_suite(written(tmp_path, whole)).title == f"{word}@{word}"


def test_a_part_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    """It would count twice."""
    for kind in ("tasks", "methods", "metrics"):
        letter = {"tasks": "a", "methods": "b", "metrics": "c"}[kind]
        content = WHOLE.replace(f'{kind} = ["{letter}"]', f'{kind} = ["{letter}", "{letter}"]')
        with pytest.raises(ValueError, match=kind):
            read_suite(written(tmp_path, content))


def test_suites_are_found_by_name_or_path(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    assert find_suite("tiny", tmp_path) == find_suite(str(path), tmp_path / "elsewhere") == read_suite(path)
    with pytest.raises(UnknownName, match="unknown suite 'tniy': did you mean tiny"):
        find_suite("tniy", tmp_path)
    with pytest.raises(UnknownName, match="unknown suite 'zzz': known: tiny"):
        find_suite("zzz", tmp_path)
    with pytest.raises(UnknownName, match=r"suite file .*nothing\.toml does not exist"):
        find_suite(str(tmp_path / "nothing.toml"), tmp_path)
