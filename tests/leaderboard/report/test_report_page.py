"""The page as it lies on the disk: complete, escaped, small and without an address to load from."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.image import imread

from heatproof.benchmark.results import Results
from heatproof.leaderboard import escape
from heatproof.leaderboard.report import figures, heatmaps, page, words, write_report
from heatproof.leaderboard.report.tables import Findings

VOID = {"meta", "link", "img", "br", "wbr", "line", "rect"}


class Reader(HTMLParser):
    """Collects visible text, tables with their cells, addresses, and the tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.loaded: list[str] = []
        self.scripts: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loaded += [given[word] or "" for word in ("src", "href") if word in given and tag != "a"]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open[-1:] == ["script"] else self.text).append(data)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module")
def source(report: Path) -> str:
    return (report / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(source: str) -> Reader:
    reader = Reader()
    reader.feed(source)
    reader.close()
    return reader


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def test_every_tag_is_closed(read: Reader) -> None:
    assert read.wrong == []
    assert read.open == []


def test_it_loads_only_what_lies_beside_it(read: Reader, report: Path) -> None:
    local = [address for address in read.loaded if not address.startswith("data:")]
    assert local
    assert all((report / address).is_file() for address in local)
    assert "url(" not in (report / "assets/style.css").read_text(encoding="utf-8")


def test_it_stays_small(report: Path) -> None:
    assert sum(file.stat().st_size for file in report.rglob("*") if file.is_file()) < 15e6


def test_it_names_every_method_task_metric_and_reason(
    read: Reader, results: Results, names: dict[str, list[str]]
) -> None:
    text = squeezed("".join(read.text))
    lost = results.cells.loc[results.cells["status"] != "ok", "reason"].unique()
    assert len(lost) > 3
    for name in (*names["methods"], *names["tasks"], *names["metrics"], *map(squeezed, lost)):
        assert escape.public(name) in text


def test_failures_come_before_what_was_never_to_be_expected(source: str) -> None:
    section = source[source.index('id="outcomes"') :]
    top = source[source.index("<main>") : source.index('id="ranking"')]
    assert "Failed:" in top
    assert "alert" in top
    places = [section.index(f">{kind}</span>") for kind in ("failed", "undefined", "impossible")]
    assert places == sorted(places)
    assert section.count(">impossible</span>") == 1


def test_nothing_hostile_becomes_markup(source: str, read: Reader) -> None:
    assert len(read.scripts) == 1
    assert "<script>alert" not in source
    assert "<b>all</b>" not in source
    json.loads(read.scripts[0])


def test_the_ranking_shows_the_numbers(read: Reader, results: Results) -> None:
    table = Findings(results).tracks[0].table
    rows = [[squeezed(cell) for cell in row] for row in read.tables[0][1:]]
    assert len(rows) == len(table)
    for cells, (name, row) in zip(rows, table.iterrows(), strict=True):
        assert cells[0] == words.letter(row["tier"])
        assert cells[1] == words.rank(row)
        unsigned = "" if results.manifest["methods"][name]["signed"] else " unsigned"
        assert cells[2] == f"{name} {row['role']}".removesuffix(" entrant") + unsigned
        assert cells[4] == f"{words.number(row['score'])} {words.interval(row)}".strip()
        assert cells[-1] == words.passes(row["forward"] + row["backward"])


def test_the_metric_tables_show_the_numbers(read: Reader, results: Results) -> None:
    findings = Findings(results)
    means = findings.values("relevance_mass", "relevance_mass")
    tables = [t for t in read.tables if t[0][0] == "Method" and "n=24" in t[0][1]]
    assert len(tables) == sum(len(card["better"]) for card in results.manifest["metrics"].values())
    for row, method in zip(tables[1][1:], findings.order, strict=True):
        for cell, task in zip(row[1:], results.manifest["tasks"], strict=True):
            found = means[method, task]
            shown = words.value(found) if found["n"] else found["status"]
            assert squeezed(cell).partition(" n=")[0] == shown
            assert ("n=23" in cell) == (method == "gradient" and found["n"] > 0)


def test_proxies_are_called_proxies(source: str) -> None:
    for metric, kind in {"effect_correlation": "sees the truth", "sparseness": "proxy"}.items():
        assert re.search(rf"<h3>{metric} <span class=\"tag \w+\">{kind}</span></h3>", source)


def test_curves_are_those_of_the_store(read: Reader, results: Results) -> None:
    gallery = json.loads(read.scripts[0])["galleries"]["1"]
    stored = results.curve("creature_parts", "occlusion", "insertion_curve")
    assert stored is not None
    for sample, curve in enumerate(gallery["curves"]["occlusion"]):
        assert curve["insertion"] == pytest.approx(stored[sample].tolist(), abs=5e-5)
    scores = results.scores
    chosen = scores[(scores["task"] == "creature_parts") & (scores["method"] == "random")]
    chosen = chosen[(chosen["score"] == "effect_correlation") & (chosen["sample"] == gallery["ids"][2])]
    assert gallery["scores"]["creature_parts"]["random"][2] == pytest.approx(chosen["value"].mean(), abs=5e-5)


def test_maps_lie_under_the_method_and_sample_that_they_belong_to(results: Results, tmp_path: Path) -> None:
    gallery = heatmaps.galleries(Findings(results), tmp_path)[0]
    stored = results.maps("creature_parts", "occlusion")
    assert stored is not None
    for sample, name in enumerate(gallery.ids):
        values = stored.values[stored.ids.index(name)].reshape(24, 24).double()
        wanted = colormaps["RdBu_r"](((values / values.abs().max() + 1) / 2).numpy())[..., :3]
        shown = imread(tmp_path / gallery.maps["occlusion"][sample].file)[..., :3]
        assert np.abs(shown - wanted).max() < 2 / 255
    assert [cell.word for cell in gallery.maps["smoothgrad"]] == ["", "", "zero", "", "", "not finite", "", ""]
    assert {cell.word for cell in gallery.maps["constant"]} == {"constant"}
    assert not gallery.signed["grad_cam"]


def test_zero_is_white_and_the_largest_magnitude_the_strongest_colour() -> None:
    signed = heatmaps.coloured(torch.tensor([[0.0, 3.0, -3.0]]), signed=True)[0]
    unsigned = heatmaps.coloured(torch.tensor([[0.0, 1e-9]]), signed=False)[0]
    assert signed[0].min() > 0.95
    assert unsigned[0].min() > 0.95
    assert signed[1][0] > 3 * signed[1][2]
    assert signed[2][2] > 3 * signed[2][0]
    assert unsigned[1].max() < 0.55


def test_bars_start_in_the_middle() -> None:
    left, none, right = heatmaps.bars(torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64))
    assert (left.start, left.length, left.negative) == (0.25, 0.25, True)
    assert (none.start, none.length) == (0.5, 0)
    assert (right.start, right.length, right.negative) == (0.5, 0.5, False)


def test_large_images_are_shrunk_and_small_ones_are_not(tmp_path: Path) -> None:
    for size, shown in ((300, 128), (24, 24)):
        cells = heatmaps.Drawer(tmp_path, 1, torch.rand(1, 1, size, size))
        (tmp_path / "assets/maps").mkdir(parents=True, exist_ok=True)
        assert imread(tmp_path / cells.inputs()[0].file).shape[:2] == (shown, shown)


def test_the_pareto_front_is_what_no_other_beats() -> None:
    results = [("a", 1, 0.2), ("b", 1, 0.4), ("c", 10, 0.4), ("d", 10, 0.3), ("e", 50, 0.9), ("f", 70, 0.8)]
    data = figures.pd.DataFrame(results, columns=["method", "passes", "score"]).assign(role="entrant")
    assert figures.pareto(data)["method"].tolist() == ["b", "e"]
    assert figures.pareto(data.assign(role="canary")).empty


def test_a_value_outside_the_axis_is_put_at_its_edge() -> None:
    axis = page.Scale(-0.5, 1.5)
    assert (axis.at(0.5), axis.at(-3), axis.at(9)) == (50, 0, 100)
    assert (axis.cut(-3), axis.cut(0)) == (True, False)


def test_figures_for_papers_are_there(report: Path) -> None:
    for name in ("ranking-1", "cost-1"):
        assert (report / f"assets/{name}.svg").read_text(encoding="utf-8").startswith("<svg")
        assert (report / f"assets/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (report / f"assets/{name}.pdf").read_bytes().startswith(b"%PDF")
    assert (report / "assets/maps-1.png").is_file()


@pytest.mark.slow
def test_a_failing_figure_leaves_a_note(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no <ink>")

    monkeypatch.setattr(figures, "quality_and_cost", fail)
    monkeypatch.setattr(page, "galleries", fail)
    text = write_report(results, tmp_path, ["html"]).read_text(encoding="utf-8")
    assert "This figure could not be drawn (RuntimeError: no &lt;ink&gt;)" in text
    assert "The maps could not be drawn (RuntimeError: no &lt;ink&gt;)" in text
    assert "kernel_shap" in text


@pytest.mark.slow
def test_a_run_that_is_not_finished_says_so(results: Results, tmp_path: Path) -> None:
    cells = [*results.manifest["cells"], ["columns", "gradient", "sparseness", 7, "absent", "absent", ""]]
    text = write_report(replace(results, manifest={**results.manifest, "cells": cells}), tmp_path, ["html"])
    assert "1 cell of this run has no outcome yet" in text.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_run_without_maps_still_has_its_numbers(run_folder: Path, tmp_path: Path) -> None:
    results = Results.read(run_folder)
    tasks = {name: {**card, "preview": "ab" * 32} for name, card in results.manifest["tasks"].items()}
    cells = [[*cell[:5], "cd" * 32, cell[6]] for cell in results.manifest["cells"]]
    bare = replace(results, manifest={**results.manifest, "tasks": tasks, "cells": cells})
    text = write_report(bare, tmp_path, ["html"]).read_text(encoding="utf-8")
    assert "This run kept no samples to show" in text
    assert "No map is zero, constant or not finite" in text
    assert "0.84" in text


def test_a_degenerate_map_is_grey_in_the_picture_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, list[np.ndarray]] = {}
    monkeypatch.setattr(heatmaps, "contact_sheet", lambda columns, _path: drawn.update(columns))
    values = torch.stack([torch.arange(16.0), torch.full((16,), 3.0), torch.full((16,), torch.nan)])
    heatmaps.Drawer(tmp_path, 1, torch.rand(3, 3, 4, 4)).sheet({"m": values}, {"m": True})
    assert [bool((picture == heatmaps.GREY).all()) for picture in drawn["m"]] == [False, True, True]
