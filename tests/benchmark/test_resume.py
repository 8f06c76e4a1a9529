"""A run that is killed at any moment and started again ends as if it had never been killed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heatproof.benchmark import import_file
from heatproof.benchmark.plan import plan
from heatproof.benchmark.run import run
from heatproof.benchmark.store import Store
from heatproof.benchmark.suite import read_suite

HERE = Path(__file__).parent
TIMES = 10


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.usefixtures("own_parts")
def test_killed_runs_end_like_those_that_were_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: Callable[..., dict[str, object]], workers: int
) -> None:
    monkeypatch.setenv("TINY_SLEEP", "0.01")
    subprocess.run([sys.executable, HERE / "tiny_kill.py", tmp_path, str(TIMES), str(workers)], check=True)
    import_file(HERE / "tiny_parts.py")
    suite = read_suite(HERE / "tiny.toml")
    cells = plan(suite)
    kinds = {cell.key for cell in cells}, {cell.explanation for cell in cells}
    expected = contents(tmp_path / "whole", *kinds)
    unfinished = 0
    for number in range(TIMES):
        folder = tmp_path / f"killed-{number}"
        unfinished += set(contents(folder, *kinds)) < set(expected)
        assert run(suite, folder).missing == 0
        assert contents(folder, *kinds) == expected
        assert not Store(folder / "store").damaged()
        assert not [path for path in folder.rglob(".*") if path.is_file()]
    assert unfinished >= TIMES // 2
