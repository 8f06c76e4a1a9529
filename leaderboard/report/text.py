"""The report as text: Markdown, a LaTeX table, CSV, JSON and BibTeX."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from ..conventions import Convention
from ..escape import csv, plain
from .bibtex import citation, key_of, references
from .render import render
from .tables import LEVEL, Findings, Track
from .words import generalises


def write_markdown(findings: Findings, folder: Path) -> Path:
    """Write report.md."""
    return _rendered(findings, folder, "report.md")


def write_latex(findings: Findings, folder: Path) -> Path:
    """Write board.tex, a table for the paper, and references.bib, which it cites."""
    write_bibtex(findings, folder)
    return _rendered(findings, folder, "board.tex")


def write_bibtex(findings: Findings, folder: Path) -> Path:
    """Write references.bib."""
    entries = [citation(findings.results), *(item.text for item in references(findings.results))]
    return _written(folder / "references.bib", "\n".join(entries))


def write_csv(findings: Findings, folder: Path) -> Path:
    """Write scores.csv, the means, and board.csv, all rankings; return the latter."""
    _written(folder / "scores.csv", csv(findings.means))
    frames = [_board_frame(track) for track in findings.tracks]
    table = pd.concat(frames) if frames else pd.DataFrame(columns=["track", "method"])
    return _written(folder / "board.csv", csv(table))


def _board_frame(track: Track) -> pd.DataFrame:
    families = track.families.add_prefix("family:")
    table = track.table.join(families).reset_index(names="method")
    table.insert(0, "track", track.name)
    return table


def write_json(findings: Findings, folder: Path) -> Path:
    """Write board.json: everything numeric; null where a number is undefined."""
    manifest = findings.results.manifest
    content = {
        "suite": manifest["suite"],
        "provenance": findings.provenance,
        "level": LEVEL,
        "unranked": findings.unranked,
        "truthless": findings.results.truthless,
        "missing": findings.results.missing,
        "tracks": {track.name: _track(track) for track in findings.tracks},
        "tasks": _records(findings.tasks.reset_index()),
        "normalised": [] if findings.unranked else _records(findings.standing.scores.table),
        "means": _records(findings.means),
        "outcomes": [asdict(outcome) for outcome in findings.outcomes],
        "degenerate": _records(findings.degenerate),
    }
    text = json.dumps(plain(content), indent=1, allow_nan=False)
    return _written(folder / "board.json", text)


def _track(track: Track) -> dict[str, object]:
    board = track.board
    return {
        "tasks": track.tasks,
        "truth_types": track.truth_types,
        **{
            name: getattr(board, name)
            for name in ("critical", "minimum_detectable_difference", "reliability", "margin", "effective_tasks")
        },
        "undefined": board.undefined,
        "conventions": [_convention(each) for each in track.conventions],
        "generalises": generalises(board),
        "rows": _records(_board_frame(track).drop(columns="track")),
        "better": {name: row.index[row].tolist() for name, row in board.better.iterrows()},
    }


def _convention(found: Convention) -> dict[str, object]:
    table = _records(found.table.reset_index(names="method"))
    return {"label": found.label, "score": found.score, "tau": found.tau, "tasks": found.tasks, "scores": table} | {
        "left_out": dict(found.left_out)
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


WRITERS: dict[str, Callable[[Findings, Path], Path]] = {
    "markdown": write_markdown,
    "latex": write_latex,
    "csv": write_csv,
    "json": write_json,
}


def _rendered(findings: Findings, folder: Path, name: str) -> Path:
    cite = {n: key_of(card["paper"]) for n, card in findings.results.manifest["methods"].items() if card["paper"]}
    return _written(folder / name, render(f"{name}.j2", findings, cite=cite))


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
