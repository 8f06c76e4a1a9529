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
        ("[settings.b]", "[sweep]\na = [1]\nb = [2]\n[settings.b]", "sweep: .*a, b cannot be swept at once"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path, WHOLE.replace(old, new))
    with pytest.raises(ValueError, match=message) as refusal:
        read_suite(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


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
