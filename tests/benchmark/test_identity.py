"""Code identity: what can change a number changes the hash, and nothing else does."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module, invalidate_caches, metadata
from pathlib import Path
from typing import Any

import pytest

import heatproof
from heatproof.benchmark import Gate, Method, dependencies, identity, imputers, methods, metrics, models, tasks
from heatproof.benchmark.entries import import_file
from heatproof.benchmark.identity import code_of, digest, unfollowed

PART = '''"""A part."""

from torch import Tensor
from heatproof.identity_test import helper
from heatproof.identity_test.helper import strength, WEIGHTS


def part(x: Tensor) -> Tensor:
    """The weighted input."""
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
        for value in (*vars(identity).values(), *vars(dependencies).values()):
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
        ("part.py", "The weighted input.", "The input, weighted."),
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
    one, same, two = (typed(f"def typed(x):\n    'Doc.'\n    return {number} * x\n") for number in (1, 1, 2))
    assert Method(one).name == "typed"
    assert code_of(one) == code_of(same) != code_of(two)


class Folder:
    """Files of a user's own, beside each other; each hash is one that a new process would find."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def hashed(self, **files: str) -> str:
        """Write files, import the part of `mine.py`, and return its hash."""
        for name, content in files.items():
            path = self.path / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        own = {"beside", "packed", "wrapped", "later"}
        for name in [name for name in sys.modules if name.partition(".")[0] in own]:
            del sys.modules[name]
        invalidate_caches()
        return code_of(import_file(self.path / "mine.py").mine)


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Folder(tmp_path)


EASY = {"beside": "def scale():\n    return {}\n"}
PACKED = {
    "packed__in____init__": "from .inner import scale\n",
    "packed__in__inner": "from .deep import base\n\ndef scale():\n    return base()\n",
    "packed__in__deep": "def base():\n    return {}\n",
}
LATE = "def mine(x):\n    'Doc.'\n    from beside import scale\n    return scale() * x\n"


@pytest.mark.parametrize(
    ("files", "mine"),
    [
        (EASY, "from beside import scale\n" + FILE.format("scale()")),
        (EASY, "import beside\n" + FILE.format("beside.scale()")),
        (EASY, LATE),
        (PACKED, "from packed import scale\n" + FILE.format("scale()")),
        (PACKED, "import packed.inner as p\n" + FILE.format("p.scale()")),
        (PACKED, "def mine(x):\n    'Doc.'\n    import packed.inner\n    return packed.inner.scale() * x\n"),
        ({**EASY, "later": "from beside import scale\n"}, "from later import *\n" + FILE.format("scale()")),
    ],
    ids=["a name", "a module", "inside a function", "a package", "a part of it", "that, late", "a star"],
)
def test_modules_beside_a_file_count(beside: Folder, files: dict[str, str], mine: str) -> None:
    one, same, two = (beside.hashed(mine=mine, **{n: f.format(k) for n, f in files.items()}) for k in (1, "1  # .", 2))
    assert one == same != two


def test_a_helper_that_is_found_only_beside_the_file_counts_before_it_is_imported(tmp_path: Path) -> None:
    """A file may put its folder on the path when it runs."""
    folder = Folder(tmp_path)
    one, two = (folder.hashed(mine=LATE, beside=EASY["beside"].format(k)) for k in (1, 2))
    assert one != two


def test_a_module_that_is_not_imported_does_not_count(beside: Folder) -> None:
    one, two = (beside.hashed(mine=FILE.format(1), beside=EASY["beside"].format(k)) for k in (1, 2))
    assert one == two


def test_an_edited_helper_is_imported_again_with_the_file(beside: Folder) -> None:
    """Otherwise what the old one computes would be stored under the hash of the new one."""
    path, chain = beside.path / "mine.py", "from beside import scale as inner\n\ndef scale():\n    return inner()\n"
    mine = "from later import scale\n" + FILE.format("scale()")
    beside.hashed(mine=mine, later=chain, beside=EASY["beside"].format(1))
    assert import_file(path).mine(10.0) == 10
    (beside.path / "beside.py").write_text(EASY["beside"].format(2))
    assert import_file(path).mine(10.0) == 20


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return the function that installs a distribution `a-wrapped`, with a module `wrapped`, in some version."""
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(str(site))

    def install(version: str, code: str = "") -> None:
        info = site / "a_wrapped-1.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: A_Wrapped\nVersion: {version}\n")
        (info / "top_level.txt").write_text("wrapped\n")
        (site / "wrapped.py").write_text(f"def scale():\n    return 1\n{code}")
        invalidate_caches()
        dependencies._distributions.cache_clear()

    return install


@pytest.mark.parametrize("through", ["the file", "a helper", "inside a function"])
def test_the_version_of_a_library_counts(beside: Folder, installed: Callable[..., None], through: str) -> None:
    files = {
        "the file": {"mine": "from wrapped import scale\n" + FILE.format("scale()")},
        "a helper": {
            "mine": "from beside import scale\n" + FILE.format("scale()"),
            "beside": "import wrapped\n\ndef scale():\n    return wrapped.scale()\n",
        },
        "inside a function": {"mine": LATE.replace("beside", "wrapped")},
    }[through]
    hashes = []
    for version, code in (("1.0", ""), ("1.0", "# patched\n"), ("1.1", "")):
        installed(version, code)
        hashes.append(beside.hashed(**files))
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_version_of_the_library_that_a_method_wraps_counts(installed: Callable[..., None]) -> None:
    """Also where it is asked for by its name alone, as the adapters do."""
    linear, hashes = code_of(digest), set()
    for version in ("1.0", "1.1"):
        installed(version)
        hashes.add(code_of(digest, "wrapped"))
    assert len(hashes | {linear}) == 3
    assert dependencies.versions_of("captum") == [f"captum=={metadata.version('captum')}"]


def test_the_versions_of_core_libraries_do_not_count(beside: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Baselines that were made with one torch serve with another; the provenance has the versions."""
    mine = "import torch, numpy, scipy.stats, sklearn, skimage\n" + FILE.format(1)
    before = beside.hashed(mine=mine)
    monkeypatch.setattr(dependencies, "version", lambda name: "99")
    assert beside.hashed(mine=mine) == before
    project = tomllib.loads((Path(heatproof.__file__).parent / "pyproject.toml").read_text())["project"]
    required = {line.partition(">")[0] for line in project["dependencies"]}
    brought = {"huggingface-hub", "torchvision"}
    assert required - {"captum"} == dependencies.CORE - brought, "captum computes for entrants, and counts"


def test_shipped_parts_rest_on_nothing_but_the_core() -> None:
    """Otherwise the stored baselines would belong to somebody's versions; what wraps a library says so."""
    registries = methods, metrics, tasks, models, imputers
    functions = {registry[name].function for registry in registries for name in registry}
    libraries: dict[str, set[str]] = {}
    for function in functions:
        if function.__module__.startswith("heatproof."):
            for library in identity._dependencies(function).libraries:
                libraries.setdefault(library, set()).add(function.__name__)
    assert {"torch", "numpy"} <= set(libraries)
    assert not {name: users for name, users in libraries.items() if dependencies.versions_of(name)}


def test_what_a_file_uses_through_the_front_door_of_the_package_counts(
    package: Callable[[dict[str, str]], Path], tmp_path: Path
) -> None:
    """Also where the package imports it only when it is asked for."""
    lazy = "def __getattr__(name):\n    from .helper import strength\n    return {'strength': strength}[name]\n"
    path, hashes = tmp_path / "front.py", []
    path.write_text("from heatproof.identity_test import strength\n" + FILE.format("strength()"))
    for helper in (HELPER, HELPER.replace("2.0", "3.0")):
        package({**FILES, "__init__.py": lazy, "helper.py": helper})
        hashes.append(code_of(import_file(path).mine))
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("open('a').read()", ["open"]),
        ("Path('a').read_text()", ["read_text"]),
        ("torch.load('a')", ["load"]),
        ("os.environ['A']", ["environ"]),
        ("importlib.import_module('a')", ["import_module"]),
        ("np.exp(x)", []),
    ],
)
def test_what_cannot_be_followed_is_named(beside: Folder, line: str, names: list[str]) -> None:
    helper = f"import importlib, os\nfrom pathlib import Path\n\ndef scale():\n    return {line}\n"
    for files in ({"mine": helper.replace("scale()", "mine(x)")}, {"mine": LATE, "beside": helper}):
        beside.hashed(**files)
        assert unfollowed(import_file(beside.path / "mine.py").mine) == names
    assert not unfollowed(Gate)


def typed(code: str) -> Callable[..., object]:
    """Return a function as a notebook has it: without a file."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(code, space)
    return space["typed"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "code",
    [
        "FACTOR = {}\ndef typed(x):\n    return FACTOR * x",
        "def factor():\n    return {}\ndef typed(x):\n    return factor() * x",
        "BASE = {}\ndef factor():\n    return BASE\ndef typed(x):\n    return [factor() * y for y in x]",
        "def typed(x, factor={}):\n    return factor * x",
        "def typed(x, *, factor={}):\n    return factor * x",
        "def typed(x):\n    return typed(x) if other(x) else {}\ndef other(x):\n    return typed(x)",
    ],
)
def test_what_stands_beside_a_function_of_a_notebook_counts(code: str) -> None:
    assert code_of(typed(code.format(1))) == code_of(typed(code.format(1)))
    assert code_of(typed(code.format(1))) != code_of(typed(code.format(2)))


def test_a_file_that_a_notebook_imports_counts(beside: Folder) -> None:
    beside.hashed(mine=FILE.format(1))
    hashes = []
    for factor in (1, 2):
        (beside.path / "beside.py").write_text(EASY["beside"].format(factor))
        sys.modules.pop("beside", None)
        hashes.append(
            {
                code_of(typed(f"{line}\ndef typed(x):\n    return {call} * x"))
                for line, call in (
                    ("import beside", "beside.scale()"),
                    ("from beside import scale", "scale()"),
                )
            }
        )
    assert not hashes[0] & hashes[1]


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
