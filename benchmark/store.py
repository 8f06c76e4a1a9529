"""The store: content-addressed cells that survive a kill at any moment and say when they are damaged."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from .data import Batch, Cost, Record

META, SEAL = b"heatproof", b"sha256"
KEY = re.compile(r"[0-9a-f]{32,64}")
LEFTOVER = re.compile(r"\.[0-9A-Za-z@_.-]+\.(json|parquet)\.writing-(\d+)")
"""The names of our temporary files, which tell the process that writes them."""
ContentT = TypeVar("ContentT")
Kind = Literal["record", "maps", "preview"]
Preview = tuple[tuple[str, ...], Tensor, Tensor]
"""Ids, x, target."""
WRITERS = 8


@dataclass(frozen=True, slots=True)
class Maps:
    """Stored attributions: (N, E), by sample id, with what the explanation cost."""

    ids: tuple[str, ...]
    values: Tensor
    cost: Cost


class Store:
    """A folder of Parquet files named by the hash of what they depend on.

    A file is written under a temporary name, synced and renamed, so it is there whole or not at all. Its seal covers
    its kind, its key and all that it holds: one that cannot be read, or that stands in another's place, is put aside as
    `.damaged`, and its cell counts as missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Return where a cell of this key is, or would be."""
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a store: expected a hash in hexadecimal")
        return self.folder / key[:2] / f"{key}.parquet"

    def __contains__(self, key: str) -> bool:
        return self.path(key).is_file()

    def put_records(self, records: Mapping[str, Record]) -> None:
        """Write records side by side: waiting for the disk is most of the work."""
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(self.put_record, records.keys(), records.values()))

    def put_record(self, key: str, record: Record) -> None:
        """Write a record."""
        head = asdict(record)
        scores, ids = head.pop("scores"), head.pop("ids")
        columns = {"sample": pa.array(ids, pa.string()), **{name: _column(values) for name, values in scores.items()}}
        self._write("record", key, columns, head)

    def record(self, key: str) -> Record | None:
        """Read a record; None where there is none."""
        return self._read("record", key, _record_of)

    def records(self, keys: Iterable[str]) -> dict[str, Record | None]:
        """Read many records side by side."""
        wanted = list(dict.fromkeys(keys))
        with ThreadPoolExecutor(WRITERS) as pool:
            return dict(zip(wanted, pool.map(self.record, wanted), strict=True))

    def put_maps(self, key: str, maps: Maps) -> None:
        """Write attributions: in single precision where that loses nothing, which halves the file."""
        precise = maps.values.double()
        single = precise.float()
        values = single if single.double().equal(precise) else precise
        columns = {"sample": pa.array(maps.ids, pa.string()), "attribution": _column(values)}
        self._write("maps", key, columns, {"cost": asdict(maps.cost)})

    def maps(self, key: str) -> Maps | None:
        """Read attributions; None where there are none."""
        return self._read("maps", key, _maps_of)

    def whole_maps(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys whose attributions are there and undamaged."""
        wanted = list(dict.fromkeys(keys))
        with ThreadPoolExecutor(WRITERS) as pool:
            whole = pool.map(lambda key: self._read("maps", key, lambda *_: True), wanted)
            return {key for key, there in zip(wanted, whole, strict=True) if there}

    def put_preview(self, key: str, batch: Batch) -> None:
        """Write samples for a report to show."""
        columns = {"sample": pa.array(batch.ids, pa.string()), "x": _column(batch.x.flatten(1))}
        columns["target"] = _column(batch.target)
        self._write("preview", key, columns, {"shape": list(batch.x.shape)})

    def preview(self, key: str) -> Preview | None:
        """Read the samples that are shown: ids, x and target; None where there are none."""
        return self._read("preview", key, _preview_of)

    def _write(self, kind: Kind, key: str, columns: Mapping[str, pa.Array], head: Mapping[str, object]) -> None:
        table, text = pa.table(dict(columns)), json.dumps(head)
        sink = pa.BufferOutputStream()
        meta = {META: text.encode(), SEAL: _seal(kind, key, table, text).encode()}
        pq.write_table(table.replace_schema_metadata(meta), sink, compression="zstd", use_dictionary=False)
        write_atomic(self.path(key), sink.getvalue().to_pybytes())

    def _read(self, kind: Kind, key: str, decode: Callable[[pa.Table, Mapping[str, Any]], ContentT]) -> ContentT | None:
        """Read what a cell holds; None where there is none, or none that can be trusted."""
        if not KEY.fullmatch(key) or not (path := self.path(key)).is_file():
            return None
        content = path.read_bytes()
        try:
            table = pq.read_table(pa.BufferReader(content))
            text = table.schema.metadata[META].decode()
            if _seal(kind, key, table, text) != table.schema.metadata[SEAL].decode():
                raise ValueError("the content is not what was written here")
            return decode(table, json.loads(text))
        except Exception:  # noqa: BLE001 - damage takes any form
            with suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
            return None

    def damaged(self) -> list[Path]:
        """Return the files that could not be read and were put aside."""
        return sorted(self.folder.glob("*/*.damaged"))


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a kill or a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _seal(kind: Kind, key: str, table: pa.Table, head: str) -> str:
    """Return the hash of what a file is, whose it is, and all that it holds."""
    seal = hashlib.sha256(f"{kind} {key} {head}".encode())
    for name in table.column_names:
        column = table[name].combine_chunks()
        flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
        text = pa.types.is_string(flat.type)
        content = json.dumps(flat.to_pylist()).encode() if text else flat.to_numpy(zero_copy_only=False).tobytes()
        seal.update(f"{name} {flat.type} {len(column)} {len(flat)} ".encode() + content)
    return seal.hexdigest()


def _maps_of(table: pa.Table, head: Mapping[str, Any]) -> Maps:
    ids = tuple(table["sample"].to_pylist())
    return Maps(ids, _tensor(table["attribution"], len(ids)).double(), Cost(**head["cost"]))


def _preview_of(table: pa.Table, head: Mapping[str, Any]) -> Preview:
    ids = tuple(table["sample"].to_pylist())
    return ids, _tensor(table["x"], len(ids)).reshape(head["shape"]), _tensor(table["target"], len(ids))


def _record_of(table: pa.Table, head: Mapping[str, Any]) -> Record:
    ids = tuple(table["sample"].to_pylist())
    scores = {name: _tensor(table[name], len(ids)) for name in table.column_names if name != "sample"}
    return record_of(head, ids, scores)


def record_of(head: Mapping[str, Any], ids: tuple[str, ...], scores: Mapping[str, Tensor]) -> Record:
    """Return the record that was written as a head, ids and scores."""
    costs = {name: Cost(**head[name]) for name in ("cost", "explained")}
    return Record(**{**head, **costs, "ids": ids, "scores": scores})


def _column(values: Tensor) -> pa.Array:
    array = values.detach().cpu().numpy()
    if array.ndim == 1:
        return pa.array(array)
    return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])


def _tensor(column: pa.ChunkedArray, count: int) -> Tensor:
    array = column.combine_chunks()
    flat = array.values if isinstance(array, pa.FixedSizeListArray) else array
    numbers = np.array(flat.to_numpy(zero_copy_only=False))
    return torch.from_numpy(numbers.reshape(count, -1) if flat is not array else numbers)


def clean(folder: Path) -> None:
    """Remove the temporary files of a run directory and its store that killed processes left; no other file."""
    for leftover in (*folder.glob(".*"), *folder.glob("store/??/.*")):
        ours = LEFTOVER.fullmatch(leftover.name)
        if ours and not _alive(int(ours[2])):
            with suppress(OSError):
                leftover.unlink()


def _alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
