"""Results: a run directory, read back into tables."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from .data import Record
from .splits import Seeds
from .store import Maps, Store

MANIFEST = "run.json"
NETWORKS = "networks"
"""The folder of the networks that a run has made anew, beside its manifest."""
Manifest = dict[str, Any]
PLACE = ["task", "method", "metric", "seed", "status", "reason"]


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a run directory; None where there is none."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        content: Manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): remove it and run again, the results are kept") from error
    return content


def seeds_in(manifest: Manifest) -> Seeds:
    """Return where the samples of a run come from; before there were others, all were public."""
    return Seeds(**manifest.get("seeds", {}))


def undefined(said: str) -> str:
    """Return the reason of a value that is NaN, given when its metric says that it is."""
    return f"undefined here: {said}" if said else "undefined here, and the metric does not say when"


@dataclass(frozen=True, slots=True)
class _Piece:
    """The values of one score of one record."""

    record: Record
    score: str
    ids: tuple[str, ...]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Results:
    """The contents of a run directory."""

    folder: Path
    manifest: Manifest = field(repr=False)
    """The suite, the provenance, and a card for each task, method and metric, as `run.json` has them."""

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """Open a run directory."""
        manifest = read_manifest(folder)
        if manifest is None:
            raise ValueError(f"{folder} is not a run directory (it has no {MANIFEST}): give the --out of a run")
        return cls(folder, manifest)

    @cached_property
    def store(self) -> Store:
        """The store behind it."""
        return Store(self.folder / "store")

    @property
    def seeds(self) -> Seeds:
        """Where its samples come from."""
        return seeds_in(self.manifest)

    @property
    def networks(self) -> Path | None:
        """The folder of the networks that it has made anew; None where it has asked the shipped ones."""
        return self.folder / NETWORKS if self.seeds.networks else None

    @property
    def title(self) -> str:
        """The suite that the scores belong to, suite@version."""
        return f"{self.manifest['suite']['name']}@{self.manifest['suite']['version']}"

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """All cells that have an outcome, the impossible ones included."""
        cells = self.manifest["cells"]
        read = self.store.records(key for *_, key, _explanation, reason in cells if not reason)
        found = []
        for task, method, metric, seed, key, _explanation, reason in cells:
            if reason:
                found.append(Record(task, method, metric, seed, "skipped", reason))
            elif (record := read[key]) is not None:
                found.append(replace(record, task=task, method=method, metric=metric, seed=seed))
        return tuple(found)

    @property
    def missing(self) -> int:
        """The number of cells without an outcome yet."""
        return len(self.manifest["cells"]) - len(self.records)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell: its place, status, reason and costs per sample."""
        return pd.DataFrame([_cell_row(record) for record in self.records])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per value: task, family, truth_type, method, metric, score, seed, sample, value, status, reason.

        A cell without values has one row, with sample "" and value NaN, for each of its metric's scores. A value that
        is NaN has a reason: that of its cell, or else when its metric is undefined.
        """
        known = (record for record in self.records if record.method not in self.absent)
        pieces = [piece for record in known for piece in self._pieces(record)]
        lengths = [len(piece.ids) for piece in pieces]
        places = [(*(getattr(piece.record, name) for name in PLACE), piece.score) for piece in pieces]
        table = pd.DataFrame(places, columns=[*PLACE, "score"]).loc[np.repeat(np.arange(len(pieces)), lengths)]
        table = table.reset_index(drop=True)
        table["sample"] = np.concatenate([piece.ids for piece in pieces])
        table["value"] = np.concatenate([piece.values for piece in pieces])
        for word in ("family", "truth_type"):
            table[word] = table["task"].map({name: card[word] for name, card in self.manifest["tasks"].items()})
        bare = table["value"].isna() & (table["reason"] == "")
        table.loc[bare, "reason"] = [
            undefined(self.manifest["metrics"][metric].get("undefined", {}).get(score, ""))
            for metric, score in table.loc[bare, ["metric", "score"]].itertuples(index=False)
        ]
        return table

    def _pieces(self, record: Record) -> Iterator["_Piece"]:
        if record.status != "ok":
            for name in self.manifest["metrics"][record.metric]["better"]:
                yield _Piece(record, name, ("",), np.array([np.nan]))
        for name, values in record.scores.items():
            if values.ndim == 1:
                yield _Piece(record, name, record.ids, values.double().numpy())

    def headline(self) -> dict[str, str]:
        """Return the score that counts for each task that knows the truth."""
        return {name: card["headline"] for name, card in self.manifest["tasks"].items() if card["headline"]}

    def chance(self, scores: Mapping[str, str]) -> dict[str, float]:
        """Return what a random map scores on average, for each task whose score, by task, declares it."""
        cards = self.manifest["metrics"].values()
        declared = {score: card.get("chance") for card in cards for score in card["better"]}
        return {task: zero for task, score in scores.items() if (zero := declared.get(score)) is not None}

    @cached_property
    def admissions(self) -> dict[str, Record | None]:
        """The outcome of each task's checks, where the suite asks for admission; None: not made yet."""
        keys = self.manifest.get("admission", {})
        read = self.store.records(keys.values())
        return {task: read[key] for task, key in keys.items()}

    @cached_property
    def truthless(self) -> tuple[str, ...]:
        """The tasks that know no truth: they have proxies, and count for no ranking."""
        return tuple(name for name, card in self.manifest["tasks"].items() if not card["headline"])

    def methods(self, role: str) -> list[str]:
        """Return the names of the methods with a role (entrant, control or canary) that have outcomes here."""
        cards = self.manifest["methods"]
        return [name for name, card in cards.items() if card["role"] == role and name not in self.absent]

    @cached_property
    def absent(self) -> tuple[str, ...]:
        """The methods of the suite that were neither run here nor are among the stored baselines."""
        possible = {cell[1] for cell in self._possible}
        ran = {cell[1] for cell in self._possible if tuple(cell[:4]) in self._places}
        return tuple(name for name in self.manifest["methods"] if name in possible - ran)

    @cached_property
    def unfinished(self) -> tuple[str, ...]:
        """The entrants that lack an outcome of a score that counts, as while another process is at them."""
        cards = self.manifest["methods"]
        return tuple(name for name in self.lacking(self.headline()) if cards[name]["role"] == "entrant")

    def lacking(self, scores: Mapping[str, str]) -> tuple[str, ...]:
        """Return the methods that lack an outcome of a score of some task, by task."""
        metrics = {score: name for name, card in self.manifest["metrics"].items() for score in card["better"]}
        asked = {(task, metrics.get(score)) for task, score in scores.items()}
        cells = [cell for cell in self._possible if (cell[0], cell[2]) in asked]
        lacking = {cell[1] for cell in cells if tuple(cell[:4]) not in self._places}
        return tuple(name for name in self.manifest["methods"] if name in lacking)

    @property
    def _possible(self) -> list[list[Any]]:
        return [cell for cell in self.manifest["cells"] if not cell[6]]

    @cached_property
    def _places(self) -> set[tuple[str, str, str, int]]:
        return {(record.task, record.method, record.metric, record.seed) for record in self.records}

    def curve(self, task: str, method: str, name: str) -> Tensor | None:
        """Return the curves (N, S) of a score that keeps them, for the first repeat; None where there are none."""
        for record in self.records:
            if (record.task, record.method, record.seed) == (task, method, 0) and name in record.scores:
                return record.scores[name]
        return None

    def maps(self, task: str, method: str) -> Maps | None:
        """Return the stored attributions of a method on a task, the first repeat; None where there are none."""
        for name, by, _metric, seed, _key, explanation, _reason in self.manifest["cells"]:
            if (name, by, seed) == (task, method, 0):
                return self.store.maps(explanation)
        return None

    def preview(self, task: str) -> tuple[tuple[str, ...], Tensor, Tensor] | None:
        """Return the samples of a task that can be shown: ids, x and target."""
        return self.store.preview(self.manifest["tasks"][task]["preview"])


def _cell_row(record: Record) -> dict[str, object]:
    count = max(len(record.ids), 1)
    return {
        **{name: getattr(record, name) for name in [*PLACE, "trace"]},
        "samples": len(record.ids),
        "forward": record.explained.forward / count,
        "backward": record.explained.backward / count,
        "seconds": record.explained.seconds / count,
        "peak_mb": record.explained.peak_mb,
        "metric_forward": record.cost.forward / count,
        "metric_seconds": record.cost.seconds / count,
    }
