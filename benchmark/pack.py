"""Packs: the records of a run in one file, small enough to be shipped."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from .data import Record
from .store import SEAL, record_of, write_atomic

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("head", pa.string()),
        ("ids", pa.list_(pa.string())),
        ("names", pa.list_(pa.string())),
        ("values", pa.list_(pa.list_(pa.float64()))),
    ]
)
Row = dict[str, object]


def write_pack(path: Path, records: Mapping[str, Record]) -> None:
    """Write many records into one Parquet file, to be shipped; curves and traces are left out."""
    rows: list[Row] = []
    for key, record in sorted(records.items()):
        head = {**asdict(record), "trace": ""}
        ids, scores = head.pop("ids"), head.pop("scores")
        flat = {name: values.tolist() for name, values in scores.items() if values.ndim == 1}
        rows.append(
            {"key": key, "head": json.dumps(head), "ids": list(ids), "names": list(flat), "values": [*flat.values()]}
        )
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(rows, SCHEMA).replace_schema_metadata({SEAL: _seal(rows)})
    pq.write_table(table, sink, compression="zstd")
    write_atomic(path, sink.getvalue().to_pybytes())


def read_pack(path: Path) -> dict[str, Record]:
    """Read the records of a pack by key; none where there is no such file, a ValueError where it is damaged."""
    if not path.is_file():
        return {}
    content = path.read_bytes()
    try:
        table = pq.read_table(pa.BufferReader(content))
        rows: list[Row] = table.to_pylist()
        if table.schema.metadata[SEAL] != _seal(rows):
            raise ValueError("the content is not what was written")
        return {str(row["key"]): _unpacked(row) for row in rows}
    except Exception as error:
        raise ValueError(
            f"{path.name} is damaged ({type(error).__name__}): install heatproof again, or make the pack again"
        ) from error


def _seal(rows: list[Row]) -> bytes:
    """Return the hash of all records, each under its key."""
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest().encode()


def _unpacked(row: Row) -> Record:
    head = json.loads(str(row["head"]))
    scores = {
        name: torch.tensor(values, dtype=torch.float64)
        for name, values in zip(row["names"], row["values"], strict=True)  # type: ignore[call-overload]
    }
    return record_of(head, tuple(row["ids"]), scores)  # type: ignore[arg-type]
