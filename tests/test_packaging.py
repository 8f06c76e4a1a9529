"""The package is what the tree is."""

import re
import runpy
import sys
import tomllib
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
OUTSIDE = {"tests", "docs", "build", "dist", "runs", "report"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def sources() -> list[Path]:
    """Return the package's Python files, relative to the root."""
    files = (path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
    return [file for file in files if file.parts[0] not in OUTSIDE and not file.parts[0].startswith(".")]


def test_every_folder_of_the_package_is_listed() -> None:
    folders = {".".join(["heatproof", *file.parent.parts]) for file in sources()}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders


def test_the_list_is_sorted_and_says_nothing_twice() -> None:
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert listed == sorted(set(listed))


def test_every_folder_of_the_package_says_what_it_is() -> None:
    for folder in {file.parent for file in sources()}:
        assert (ROOT / folder / "__init__.py").read_text(encoding="utf-8").startswith('"""'), folder


def test_files_that_are_no_code_are_listed_too() -> None:
    """Files that the code reads at run time must be in a wheel: weights, suites, templates."""
    data = PROJECT["tool"]["setuptools"].get("package-data", {})
    listed = {
        file for package, patterns in data.items() for pattern in patterns for file in _matching(package, pattern)
    }
    kinds = {".toml", ".safetensors", ".parquet", ".j2", ".jinja", ".html", ".css", ".js", ".typed"}
    folders = {file.parts[0] for file in sources() if len(file.parts) > 1}
    needed = {path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in kinds}
    assert not {str(path.relative_to(ROOT)) for path in needed - listed}


def _matching(package: str, pattern: str) -> list[Path]:
    return list(ROOT.joinpath(*package.split(".")[1:]).glob(pattern))


def test_the_description_for_package_indexes_needs_no_file_of_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, str] = {}
    monkeypatch.setitem(sys.modules, "setuptools", SimpleNamespace(setup=told.update))
    runpy.run_path(str(ROOT / "setup.py"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(told["long_description"].splitlines()) == len(readme.splitlines())
    for address in re.findall(r"\]\(([^)]*)\)", told["long_description"]):
        assert address.startswith(("https://", "#")), address
    assert "<img" not in told["long_description"]
    assert told["long_description_content_type"] == "text/markdown"


def test_the_citation_names_the_same_authors_and_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r'- name: "(.*)"', citation) == [author["name"] for author in PROJECT["project"]["authors"]]
    assert f"\nversion: {PROJECT['project']['version']}\n" in citation


def test_warnings_are_errors() -> None:
    assert PROJECT["tool"]["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    with pytest.raises(UserWarning, match="as an error"):
        warnings.warn("as an error", stacklevel=1)
