"""Verified runs: a method explains in a fresh process, which holds the question, and nothing to look the answer up by.

That process is handed the network, the inputs, and streams whose names are digests. It has no ids, no seed and no
folder of the run, and cannot import what makes the samples. It is no sandbox: see docs/trust.md.
"""

import hashlib
import hmac
import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from importlib.abc import MetaPathFinder
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import cloudpickle
import numpy as np
import torch
from torch import Tensor

from .attempts import Outcome, Reported, outcome_of
from .data import REASON, TRACE, Batch, Cost, Status, plain_text
from .dependencies import PACKAGE
from .entries import NAMED, file_of, import_file, is_shipped
from .errors import Refused
from .gate import Gate
from .guard import watched
from .harness import Asked, explain
from .libraries import imported
from .nursery import PATIENCE, Nursery, Room, raise_copies
from .processes import joined
from .registry import methods
from .units import areas, element_count

MAKERS = f"{PACKAGE}.datasets"
"""The package that makes samples and truths."""
LONGEST_HEAD = 10 * TRACE

Explain = Callable[[Asked, Gate, Batch], tuple[Tensor, Cost]]


@contextmanager
def apart(key: str) -> Iterator[Explain]:
    """Give what explains as `harness.explain` does, but in a process of its own, which is ready, and ends thereafter.

    The names of the samples' streams are keyed digests of their ids; with an empty key the ids themselves.
    """
    room, patience = Room(_nursery.ready()), PATIENCE
    try:
        yield lambda method, gate, batch: _explained(room, method, gate, batch, key)
    except BaseException as error:
        patience = PATIENCE if isinstance(error, Exception) else 0.0  # out of time, or interrupted
        raise
    finally:
        room.pipe.close()
        if not room.ended(patience):
            _nursery.close()


_nursery = Nursery(__name__)


def maps_apart(key: str, method: Asked, gate: Gate, batch: Batch) -> Tensor:
    """Return what `harness.maps_of` does, made in a process of its own."""
    with apart(key) as made:
        maps, cost = made(method, gate, batch)
    gate.meter.forward += cost.forward
    gate.meter.backward += cost.backward
    return maps


def veiled(ids: Sequence[str], key: str) -> tuple[str, ...]:
    """Return digests that stand for ids: always the same for the same key, and telling nothing without it."""
    if not key:
        return tuple(ids)
    return tuple(hmac.new(key.encode(), name.encode(), hashlib.sha256).hexdigest() for name in ids)


def _explained(room: Room, method: Asked, gate: Gate, batch: Batch, key: str) -> tuple[Tensor, Cost]:
    known = replace(batch, ids=veiled(batch.ids, key), truth=None, redraw=None)
    work = method, gate.network, gate.readout, gate.batch_size, known
    content = pickle.dumps((_files(method), torch.get_num_threads(), _pickled(work)))
    try:
        room.pipe.send_bytes(content)
        head = json.loads(room.hear(LONGEST_HEAD))
        if "reason" in head:
            status: Status = "skipped" if head["status"] == "skipped" else "failed"
            raise Reported(Outcome(status, str(head["reason"]), str(head["trace"])))
        maps = _read(room.hear(8 * batch.units.numel()), batch)
        cost = Cost(**head["cost"])
    except (EOFError, OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        how = room.ended(PATIENCE) or "no word"
        said = f"its process ended with {how}: return a result, or raise an error"
        raise Reported(Outcome("failed", said)) from error
    _check_cost(method, batch, cost)
    return maps, cost


def _pickled(work: tuple[Asked, object, str, int, Batch]) -> bytes:
    """Return work as bytes: classes that cannot be imported there travel with their code."""
    foreign = [name for name in sys.modules if name == MAKERS or name.startswith(NAMED)]
    for name in foreign:
        cloudpickle.register_pickle_by_value(sys.modules[name])
    content: bytes = cloudpickle.dumps(work)
    return content


def _files(method: Asked) -> list[Path]:
    """Return the files that define a method, and the one that groups its units."""
    parts = [each.part.function for each in (method, method.prior) if each]
    if lost := [part.__name__ for part in parts if part.__module__ == "__main__"]:
        raise Refused(f"{lost[0]} is defined in a notebook or a script: put it into a file, for a process to import")
    return [file for part in parts if (file := file_of(part))]


def _read(content: bytes, batch: Batch) -> Tensor:
    shape = len(batch), element_count(batch.x)
    return torch.from_numpy(np.frombuffer(content, np.float64).copy()).reshape(shape)


def _check_cost(method: Asked, batch: Batch, cost: Cost) -> None:
    """Refuse more passes than a method declares; regions come in about the number that was asked for."""
    declared = [method.passes(count) for count in (areas(batch.units) > 0).sum(1).tolist()]
    said = [each for each in declared if each]
    if method.regions is not None or len(said) < len(declared):
        return
    for place, (word, made) in enumerate((("forward", cost.forward), ("backward", cost.backward))):
        if made > (most := sum(each[place] for each in said)):
            per_sample = f"{most / len(batch):g} passes {word} per sample, made {made / len(batch):g}"
            raise Reported(Outcome("failed", f"declared {per_sample}"))


class Closed(MetaPathFinder):
    """Refuses to import what makes the samples."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Refuse, or leave it to the next finder."""
        if fullname == MAKERS or fullname.startswith(f"{MAKERS}."):
            raise ModuleNotFoundError(f"{fullname} makes samples and truths: no method of a verified run can import it")


class _Reader(pickle.Unpickler):
    """Reads work, and helps torchvision in, for networks of a library that needs it."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "timm":
            imported("torchvision")
        return super().find_class(module, name)


def serve(channel: int, parent: int) -> None:
    """Load the methods, and have copies of this process explain."""
    sys.meta_path.insert(0, Closed())
    methods.load()
    raise_copies(joined(channel, parent), _work)


def _work(pipe: Connection) -> NoReturn:
    """Explain once what comes through the pipe, and end."""
    own = os.getpid()
    try:
        answer = _answer(*pickle.loads(pipe.recv_bytes()))
    except BaseException as error:  # noqa: BLE001 - a method is attempted here
        said = outcome_of(error)
        short = replace(said, reason=plain_text(said.reason, REASON), trace=plain_text(said.trace, TRACE))
        answer = [json.dumps(asdict(short)).encode()]
    if os.getpid() == own:  # else the method forked, and this is its child
        with suppress(OSError):
            for content in answer:
                pipe.send_bytes(content)
    os._exit(0)


def _answer(files: Sequence[Path], threads: int, work: bytes) -> list[bytes]:
    torch.set_num_threads(threads)
    for file in files:
        import_file(file)
    method, network, readout, batch_size, batch = _Reader(io.BytesIO(work)).load()
    gate = Gate(network, readout, batch_size)
    asks = gate.network if method.part.capability is not None else None
    with watched(asks, batch, strict=not is_shipped(method.part.function)):
        maps, cost = explain(method, gate, batch)
    return [json.dumps({"cost": asdict(cost)}).encode(), maps.double().contiguous().numpy().tobytes()]
