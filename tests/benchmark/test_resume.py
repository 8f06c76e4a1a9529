"""A run that is killed at any moment and started again ends as if it had never been killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from heatproof.benchmark import import_file
from heatproof.benchmark.plan import plan
from heatproof.benchmark.run import run
from heatproof.benchmark.store import Store
from heatproof.benchmark.suite import read_suite

HERE = Path(__file__).parent
TIMES = 10


def contents(folder: Path, records: set[str], maps: set[str]) -> dict[str, object]:
    """Return all that a store holds, to the bit, but for seconds and memory, which no two runs share."""
    store = Store(folder / "store")
    keys = {path.stem for path in store.folder.glob("*/*.parquet")}
    return {
        **{key: _record(store, key) for key in keys & records},
        **{key: _maps(store, key) for key in keys & maps},
        **{key: store.path(key).read_bytes() for key in keys - records - maps},
    }


def _record(store: Store, key: str) -> object:
    record = store.record(key)
    assert record is not None
    scores = {name: values.numpy().tobytes() for name, values in record.scores.items()}
    costs = [(cost.forward, cost.backward) for cost in (record.cost, record.explained)]
    return record.status, record.reason, record.ids, scores, costs, record.seed


def _maps(store: Store, key: str) -> object:
    maps = store.maps(key)
    assert maps is not None
    return maps.ids, maps.values.numpy().tobytes(), maps.cost.forward, maps.cost.backward


@pytest.mark.slow
@pytest.mark.usefixtures("own_parts")
def test_killed_runs_end_like_those_that_were_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_SLEEP", "0.01")
    subprocess.run([sys.executable, HERE / "tiny_kill.py", tmp_path, str(TIMES)], check=True)
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
