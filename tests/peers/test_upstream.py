"""Each block of docs/upstream.md prints what the page says that it prints, and needs the library alone."""

import io
import re
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from heatproof.benchmark.libraries import load, seeded
from heatproof.peers import conformance

PAGE = (Path(__file__).parents[2] / "docs" / "upstream.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^### (.+?)\n(.+?)^```python\n(.+?)^```\n\n```text\n(.+?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = [part.partition("\n") for part in PAGE.split("\n## ")[1:]]
BLOCKS = [
    pytest.param(*head.split(), title, *block, id=title)
    for head, _, body in SECTIONS
    for title, *block in BLOCK.findall(body)
]


def test_every_entry_has_a_block_and_says_what_was_expected_and_observed() -> None:
    assert len(BLOCKS) == PAGE.count("\n### ") == PAGE.count("```python") == 14
    for block in BLOCKS:
        text = " ".join(str(block.values[3]).split())
        assert [word in text for word in ("Expected: ", "Observed: ", "A fix would be")] == [True] * 3, block.id


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("library", "version", "title", "text", "code", "printed"), BLOCKS)
def test_a_block_prints_what_the_page_says(
    library: str, version: str, title: str, text: str, code: str, printed: str
) -> None:
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    if conformance.installed(library)[library] != version:
        pytest.skip(f"seen with {library} {version}, another is installed")
    if "numpy" in title and np.lib.NumpyVersion(np.__version__) < "2.4.0":
        pytest.skip("this numpy has trapz")
    assert "heatproof" not in code
    load(library)
    said = io.StringIO()
    with seeded(0), redirect_stdout(said), redirect_stderr(io.StringIO()):
        exec(compile(code, title, "exec"), {"__name__": "__main__"})
    assert said.getvalue() == printed


def test_the_page_says_which_versions_it_was_seen_with() -> None:
    named = dict(re.findall(r"\b(torch|numpy|quantus|grad-cam) (\d[\d.]*\d)", PAGE.partition("\n## ")[0]))
    assert set(named) == {"torch", "numpy", "quantus", "grad-cam"}
    assert [head.split()[1] for head, _, _ in SECTIONS] == [named["quantus"], named["grad-cam"]]
