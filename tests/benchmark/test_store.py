"""The store: whole files or none, damage that is noticed, and no way to lose what is there."""

import errno
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from heatproof.benchmark import Batch, Cost, Record
from heatproof.benchmark.pack import read_pack, write_pack
from heatproof.benchmark.store import Maps, Store, clean, write_atomic

KEY = "ab" + "0" * 30
MAPS = Maps(("a", "b"), torch.tensor([[0.1, -2.0], [torch.nan, 3e-300]], dtype=torch.float64), Cost(3, 2, 0.5, 7.0))


def record(**changes: object) -> Record:
    scores = {
        "score": torch.tensor([0.1, float("nan"), -0.0], dtype=torch.float64),
        "single": torch.tensor([1.5, 2.5, 3.5]),
        "curve": torch.arange(6.0, dtype=torch.float64).reshape(3, 2) / 7,
    }
    costs = {"cost": Cost(1, 2, 0.25, 8.0), "explained": Cost(9, 8, 0.5, 6.0)}
    words = {"reason": "1 of 3", "ids": ("a", "b", "ü"), "scores": scores, **costs, **changes}
    return Record("task", "method", "metric", 1, "ok", **words)  # type: ignore[arg-type]


def same(left: Record | None, right: Record) -> bool:
    """Return whether two records agree to the bit."""
    if left is None or list(left.scores) != list(right.scores):
        return False
    words = ("task", "method", "metric", "seed", "status", "reason", "ids", "cost", "explained", "trace")
    bits = [
        one.dtype == two.dtype and one.shape == two.shape and one.numpy().tobytes() == two.numpy().tobytes()
        for one, two in zip(left.scores.values(), right.scores.values(), strict=True)
    ]
    return all(bits) and all(getattr(left, word) == getattr(right, word) for word in words)


KINDS = ("record", "maps", "preview")


def samples() -> Batch:
    x = torch.rand(2, 3, 4, 5)
    return Batch(("a", "b"), x, torch.tensor([1, 0]), torch.zeros(2, 20).long(), torch.zeros_like(x))


def put_all(store: Store, keys: dict[str, str], but: str = "") -> None:
    """Write one file of each kind under the keys."""
    contents = {"record": record(), "maps": MAPS, "preview": samples()}
    for kind, key in keys.items():
        if kind != but:
            put = {"record": store.put_record, "maps": store.put_maps, "preview": store.put_preview}[kind]
            put(key, contents[kind])


def test_a_record_comes_back_to_the_bit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_record(KEY, record())
    assert same(Store(tmp_path).record(KEY), record())
    assert KEY in store
    assert "cd" * 16 not in store
    assert store.record("cd" * 16) is None


def test_a_failure_comes_back_with_its_trace(tmp_path: Path) -> None:
    failed = Record("task", "method", "metric", 0, "failed", "ValueError: no", trace='Traceback\n  "quoted"\n')
    Store(tmp_path).put_record(KEY, failed)
    assert same(Store(tmp_path).record(KEY), failed)


def test_many_records_are_written_side_by_side(tmp_path: Path) -> None:
    many = {f"{i:02x}" * 16: record(reason=str(i)) for i in range(40)}
    Store(tmp_path).put_records(many)
    assert all(same(Store(tmp_path).record(key), value) for key, value in many.items())


def test_maps_come_back_to_the_bit(tmp_path: Path) -> None:
    Store(tmp_path).put_maps(KEY, MAPS)
    back = Store(tmp_path).maps(KEY)
    assert back is not None
    assert (back.ids, back.cost, back.values.dtype) == (MAPS.ids, MAPS.cost, torch.float64)
    assert back.values.numpy().tobytes() == MAPS.values.numpy().tobytes()
    assert Store(tmp_path).maps("cd" * 16) is None


def test_maps_take_four_bytes_a_value_where_that_loses_nothing(tmp_path: Path) -> None:
    store, single = Store(tmp_path), torch.rand(4, 20_000, generator=torch.Generator().manual_seed(7))
    for key, values in (("aa" * 16, single.double()), ("bb" * 16, single.double() / 3)):
        store.put_maps(key, Maps(tuple("abcd"), values, Cost()))
        back = store.maps(key)
        assert back is not None
        assert back.values.equal(values)
    assert store.path("aa" * 16).stat().st_size < 4.1 * single.numel() < store.path("bb" * 16).stat().st_size


def test_a_preview_comes_back(tmp_path: Path) -> None:
    batch = samples()
    Store(tmp_path).put_preview(KEY, batch)
    back = Store(tmp_path).preview(KEY)
    assert back is not None
    assert back[0] == ("a", "b")
    assert torch.equal(back[1], batch.x)
    assert back[2].tolist() == [1, 0]
    assert Store(tmp_path).preview("cd" * 16) is None


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "another file"])
def test_a_damaged_file_is_put_aside_and_counts_as_missing(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    store.put_record(KEY, record())
    whole = store.path(KEY).read_bytes()
    contents = {"cut": whole[: len(whole) // 2], "empty": b"", "garbage": os.urandom(999), "another file": b""}
    store.path(KEY).write_bytes(contents[damage])
    if damage == "another file":
        pq.write_table(pq.read_table(io.BytesIO(whole)).replace_schema_metadata(None), store.path(KEY))
    assert store.record(KEY) is None
    assert KEY not in store
    assert [path.name for path in store.damaged()] == [f"{KEY}.damaged"]
    store.put_record(KEY, record())
    assert same(store.record(KEY), record())


@pytest.mark.parametrize("kind", ["record", "maps", "preview"])
def test_a_file_of_another_kind_counts_as_missing(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path)
    put_all(store, dict.fromkeys(KINDS, KEY), but=kind)
    assert getattr(store, kind)(KEY) is None


def test_a_record_that_has_the_form_of_maps_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    scores = {"attribution": torch.rand(3, 4, dtype=torch.float64)}
    store.put_record(KEY, record(scores=scores))
    assert store.maps(KEY) is None


@pytest.mark.parametrize("kind", ["record", "maps", "preview"])
def test_a_whole_file_in_another_s_place_counts_as_missing(tmp_path: Path, kind: str) -> None:
    """Otherwise a method could be given the oracle's scores by renaming a file."""
    store, other = Store(tmp_path), "cd" * 16
    for key in (KEY, other):
        put_all(store, {kind: key})
    store.path(other).write_bytes(store.path(KEY).read_bytes())
    assert getattr(store, kind)(other) is None
    assert [path.stem for path in store.damaged()] == [other]
    assert getattr(store, kind)(KEY) is not None


@pytest.mark.parametrize("key", ["../../evil", "", "k", "AB" * 16, "/etc/passwd"])
def test_a_key_is_a_hash_and_never_a_path(tmp_path: Path, key: str) -> None:
    outside = tmp_path / "evil.parquet"
    outside.write_bytes(b"somebody's")
    store = Store(tmp_path / "run" / "store")
    assert store.record(key) is None
    with pytest.raises(ValueError, match="is no key of a store"):
        store.put_record(key, record())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [outside]


@pytest.mark.slow
def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_record(KEY, record())
    whole = store.path(KEY).read_bytes()
    wrong = []
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        store.path(KEY).write_bytes(flipped)
        back = store.record(KEY)
        if back is not None and not same(back, record()):
            wrong.append(place)
    assert not wrong


def test_damage_in_a_folder_that_cannot_be_written_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.put_record(KEY, record())
    store.path(KEY).write_bytes(b"PAR1")

    def refuse(*_: object) -> Path:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    assert store.record(KEY) is None


def test_reading_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.put_record(KEY, record())
    monkeypatch.setattr("heatproof.benchmark.store.write_atomic", None)
    monkeypatch.setattr(Path, "mkdir", None)
    monkeypatch.setattr(Path, "replace", None)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert same(store.record(KEY), record())
    assert store.record("cd" * 16) is None
    assert not store.damaged()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_file_that_cannot_be_read_just_now_is_not_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files, or a network drive that is away: the file itself is whole."""
    store = Store(tmp_path)
    store.put_record(KEY, record())

    def busy(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(pq, "read_table", busy)
        patched.setattr(Path, "read_bytes", busy)
        with pytest.raises(OSError, match="Too many open files"):
            store.record(KEY)
    assert same(store.record(KEY), record())


class Full(io.BytesIO):
    """A file on a disk that is full after a few bytes."""

    def write(self, content: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["open", "write", "fsync", "replace"])
def test_a_full_disk_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    store = Store(tmp_path)
    store.put_record(KEY, record())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        if where == "write":
            real = Path.open
            patched.setattr(
                Path, "open", lambda path, mode="r", *rest: (real(path, mode).close(), Full())[1] if "w" in mode else 1
            )
        else:
            patched.setattr(
                *{"open": (Path, "open"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[where], full
            )
        for key in (KEY, "cd" * 16):
            with pytest.raises(OSError, match="No space left"):
                store.put_record(key, record(reason="newer"))
    assert same(store.record(KEY), record())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [store.path(KEY)]


def test_the_file_is_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    synced: list[bool] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(path.exists())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    write_atomic(path, b"content")
    assert synced[0] is False
    assert path.read_bytes() == b"content"


WRITER = """
import sys, torch
from pathlib import Path
from heatproof.benchmark import Record
from heatproof.benchmark.store import Store
torch.set_num_threads(1)
store, ids = Store(Path(sys.argv[1]) / "store"), tuple(map(str, range(20000)))
for turn in range(1000000):
    for i in range(8):
        values = torch.full((20000,), float(turn), dtype=torch.float64)
        store.put_record(f"{i:02d}" * 16, Record("t", "m", "s", 0, "ok", str(turn), ids, {"score": values}))
    if turn == 0:
        print("ready", flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_whole_files(tmp_path: Path) -> None:
    seen = 0
    for attempt in range(5):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.01 + 0.057 * attempt)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        store = Store(tmp_path / "store")
        clean(tmp_path)
        for path in store.folder.glob("*/*.parquet"):
            back = store.record(path.stem)
            assert back is not None
            assert (back.scores["score"] == float(back.reason)).all()
            seen += 1
        assert not store.damaged()
    assert seen > 8
    assert all(path.suffix == ".parquet" for path in tmp_path.rglob("*") if path.is_file())


def test_cleaning_removes_what_killed_writers_left_and_nothing_else(tmp_path: Path) -> None:
    run, store = tmp_path, Store(tmp_path / "store")
    store.put_record(KEY, record())
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    left = [
        run / f".run.json.writing-{finished.pid}",
        store.path(KEY).with_name(f".{KEY}.parquet.writing-{finished.pid}"),
    ]
    somebody_s = [
        run / f".notes.{finished.pid}",
        run / ".notes.2024",
        store.folder / f".{KEY}.parquet.{finished.pid}",
        run / "mine" / f".a.parquet.writing-{finished.pid}",
        store.path(KEY).with_name(".notes.2024"),
        run / "report" / f".page.json.writing-{finished.pid}",
    ]
    for path in (*left, *somebody_s):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    clean(run)
    assert not [path for path in left if path.exists()]
    assert [path for path in somebody_s if path.exists()] == somebody_s
    assert same(store.record(KEY), record())


def test_what_a_killed_writer_leaves_is_what_cleaning_removes(tmp_path: Path) -> None:
    """The two agree on the names of temporary files."""
    code = """
import os, signal, sys
from pathlib import Path
from heatproof.benchmark.store import write_atomic
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_atomic(Path(sys.argv[1]), b"content")
"""
    for name in ("run.json", f"store/ab/{KEY}.parquet"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False)
    assert len([path for path in tmp_path.rglob(".*") if path.is_file()]) == 2
    clean(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_cleaning_spares_what_a_living_process_is_writing(tmp_path: Path) -> None:
    """Two runs may share a directory."""
    store = Store(tmp_path / "store")
    store.put_record(KEY, record())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        half = store.path(KEY).with_name(f".{KEY}.parquet.writing-{other.pid}")
        half.write_bytes(b"half")
        clean(tmp_path)
        spared = half.exists()
    assert spared


def test_a_pack_holds_what_can_be_averaged(tmp_path: Path) -> None:
    failed = Record("task", "method", "metric", 0, "failed", "ValueError: no", trace="Traceback")
    write_pack(tmp_path / "pack.parquet", {"k1": record(), "k2": failed})
    back = read_pack(tmp_path / "pack.parquet")
    assert set(back) == {"k1", "k2"}
    assert list(back["k1"].scores) == ["score", "single"]
    expected = record().scores
    for name in ("score", "single"):
        assert torch.equal(back["k1"].scores[name].nan_to_num(7.0), expected[name].double().nan_to_num(7.0))
    assert (back["k1"].ids, back["k1"].cost, back["k1"].seed) == (record().ids, record().cost, 1)
    assert (back["k2"].status, back["k2"].reason, back["k2"].trace) == ("failed", "ValueError: no", "")
    assert read_pack(tmp_path / "nothing.parquet") == {}


@pytest.mark.parametrize("damage", ["swapped", "edited", "unsealed", "cut", "garbage"])
def test_a_damaged_pack_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "pack.parquet"
    write_pack(path, {"k1": record(), "k2": record(reason="another")})
    whole, table = path.read_bytes(), pq.read_table(path)
    rows, meta = table.to_pylist(), table.schema.metadata
    if damage == "swapped":
        rows[0]["key"], rows[1]["key"] = "k2", "k1"
    if damage == "edited":
        rows[0]["values"][0][0] = 1.0
    changed = pa.Table.from_pylist(rows, table.schema).replace_schema_metadata(None if damage == "unsealed" else meta)
    pq.write_table(changed, path)
    if damage in ("cut", "garbage"):
        path.write_bytes({"cut": whole[:-100], "garbage": b"PAR1"}[damage])
    with pytest.raises(ValueError, match=r"^pack\.parquet is damaged \(\w+\): install heatproof again, .*") as refusal:
        read_pack(path)
    assert "\n" not in str(refusal.value)
