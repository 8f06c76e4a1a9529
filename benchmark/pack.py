"""Packs: the records of a run in one file, small enough to be shipped."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from .data import Record
from .store import record_of, write_atomic


def write_pack(path: Path, records: Mapping[str, Record]) -> None:
    """Write many records into one Parquet file, to be shipped; curves and traces are left out."""
    rows = []
    for key, record in sorted(records.items()):
        head = {**asdict(record), "trace": ""}
        ids, scores = head.pop("ids"), head.pop("scores")
        flat = {name: values.tolist() for name, values in scores.items() if values.ndim == 1}
        rows.append(
            {"key": key, "head": json.dumps(head), "ids": list(ids), "names": list(flat), "values": [*flat.values()]}
        )
    schema = pa.schema(
        [
            ("key", pa.string()),
            ("head", pa.string()),
            ("ids", pa.list_(pa.string())),
            ("names", pa.list_(pa.string())),
            ("values", pa.list_(pa.list_(pa.float64()))),
        ]
    )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink, compression="zstd")
    write_atomic(path, sink.getvalue().to_pybytes())


def read_pack(path: Path) -> dict[str, Record]:
    """Read the records of a pack by key; none where there is no such file."""
    if not path.is_file():
        return {}
    return {row["key"]: _unpacked(row) for row in pq.read_table(path).to_pylist()}


def _unpacked(row: Mapping[str, object]) -> Record:
    head = json.loads(str(row["head"]))
    scores = {
        name: torch.tensor(values, dtype=torch.float64)
        for name, values in zip(row["names"], row["values"], strict=True)  # type: ignore[call-overload]
    }
    return record_of(head, tuple(row["ids"]), scores)  # type: ignore[arg-type]
