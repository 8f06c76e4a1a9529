"""Code identity: what can change a number changes the hash, and nothing else does."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

import heatproof
from heatproof.benchmark import Gate, Method, identity
from heatproof.benchmark.entries import import_file
from heatproof.benchmark.identity import code_of, digest

PART = '''"""A part."""

from torch import Tensor
from heatproof.identity_test import helper
from heatproof.identity_test.helper import strength, WEIGHTS


def part(x: Tensor) -> Tensor:
    """What it does."""
    # why it does it
    return strength() * x * WEIGHTS["a"]
'''
HELPER = '''"""A helper."""

from heatproof.identity_test.deeper import base

WEIGHTS = {"a": 1.0}


def strength() -> float:
    """Strength."""
    return 2.0 * base()
'''
DEEPER = '''"""A helper's helper."""


def base() -> float:
    return 1.0
'''
FILES = {"__init__.py": '"""A package."""\n', "part.py": PART, "helper.py": HELPER, "deeper.py": DEEPER}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], Path]:
    """Return the function that writes a package heatproof.identity_test, as a new process would find it."""
    monkeypatch.setattr(heatproof, "__path__", [*heatproof.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "identity_test"
    folder.mkdir()

    def write(files: dict[str, str]) -> Path:
        for name, content in files.items():
            (folder / name).write_text(content)
        for name in [name for name in sys.modules if name.startswith("heatproof.identity_test")]:
            del sys.modules[name]
        for value in vars(identity).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
        invalidate_caches()
        return folder

    return write


@pytest.fixture
def hashed(package: Callable[[dict[str, str]], Path]) -> Callable[..., str]:
    """Return the function that hashes the part of the package, edited or not."""

    def of(file: str = "part.py", old: str = "", new: str = "", **changed: str) -> str:
        package({**FILES, file: FILES[file].replace(old, new) if old else FILES[file], **changed})
        return code_of(import_module("heatproof.identity_test.part").part)

    return of


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("part.py", "What it does.", "What it really does."),
        ("part.py", "# why it does it", "# why it does it so"),
        ("part.py", '"""A part."""', '"""The part."""'),
        ("part.py", "strength() * x", "(strength()  *  x)"),
        ("helper.py", "Strength.", "The strength."),
        ("deeper.py", "    return", "    # why\n    return"),
    ],
)
def test_docstrings_comments_and_layout_do_not_count(hashed: Callable[..., str], file: str, old: str, new: str) -> None:
    assert old in FILES[file]
    assert hashed(file, old, new) == hashed()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("part.py", "strength() * x", "strength() + x"),
        ("part.py", 'WEIGHTS["a"]', 'WEIGHTS["b"]'),
        ("helper.py", "2.0 * base()", "3.0 * base()"),
        ("helper.py", "1.0}", "1.5}"),
        ("deeper.py", "return 1.0", "return 1.5"),
    ],
)
def test_code_counts_that_of_used_helpers_included(hashed: Callable[..., str], file: str, old: str, new: str) -> None:
    assert old in FILES[file]
    assert hashed(file, old, new) != hashed()


def test_a_helper_counts_although_only_its_constant_is_used(hashed: Callable[..., str]) -> None:
    only = PART.replace("from heatproof.identity_test import helper\n", "").replace("strength, WEIGHTS", "WEIGHTS")
    only = only.replace("strength() * x", "x")
    assert hashed("helper.py", "1.0}", "1.5}", **{"part.py": only}) != hashed(**{"part.py": only})


def test_a_module_that_is_not_used_does_not_count(hashed: Callable[..., str]) -> None:
    assert hashed(**{"other.py": "x = 1\n"}) == hashed(**{"other.py": "x = 2\n"})


FILE = "from torch import Tensor\n\ndef mine(x: Tensor) -> Tensor:\n    'Doc.'\n    return {} * x\n"


def test_an_edited_file_counts_in_the_same_process(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    hashes = []
    for number in (1, 2):
        path.write_text(FILE.format(number))
        hashes.append(code_of(import_file(path).mine))
    assert hashes[0] != hashes[1]


def test_what_a_file_uses_of_the_package_counts(package: Callable[[dict[str, str]], Path], tmp_path: Path) -> None:
    """Otherwise an attribution that rests on a changed kernel would be taken from the store."""
    path = tmp_path / "uses_the_package.py"
    path.write_text("from heatproof.identity_test.helper import strength\n" + FILE.format("strength()"))
    hashes = []
    for helper in (HELPER, HELPER.replace("2.0", "3.0")):
        package({**FILES, "helper.py": helper})
        hashes.append(code_of(import_file(path).mine))
    assert hashes[0] != hashes[1]


def test_a_function_without_a_file_has_a_hash_of_its_code() -> None:
    def made(number: int) -> Callable[..., object]:
        space: dict[str, Callable[..., object]] = {}
        exec(f"def typed(x):\n    'Doc.'\n    return {number} * x\n", {"__name__": "__main__"}, space)
        return space["typed"]

    assert Method(made(1)).name == "typed"
    assert code_of(made(1)) == code_of(made(1))
    assert code_of(made(1)) != code_of(made(2))


@pytest.mark.slow
def test_a_hash_is_the_same_in_every_process() -> None:
    imports = "from heatproof.benchmark import Gate; from heatproof.benchmark.identity import code_of, digest"
    code = f"{imports}; print(code_of(Gate), digest({{'b': 1, 'a': (2.5,)}}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert other == [code_of(Gate), digest({"a": [2.5], "b": 1})]


def test_digests_tell_what_differs() -> None:
    assert digest("a", "b") != digest("ab")
    assert digest({"steps": 8}) != digest({"steps": 9})
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
