"""Fixtures that the tests of running share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from heatproof.benchmark.store import Store


@pytest.fixture
def contents() -> Callable[..., dict[str, object]]:
    """Hand out the reader of stores: `contents(folder, records, maps)`."""
    return _contents


def _contents(folder: Path, records: set[str], maps: set[str]) -> dict[str, object]:
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
