"""The page: one folder that opens without a network."""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from shutil import copyfile

import altair as alt
import pandas as pd
from markupsafe import Markup, escape
from vl_convert import javascript_bundle

from ..escape import plain, public
from . import figures
from .heatmaps import Gallery, galleries
from .render import TEMPLATES, render
from .tables import Findings, Track

Draw = Callable[[Track], alt.TopLevelMixin]


def write_page(findings: Findings, folder: Path) -> Path:
    """Write index.html and its assets."""
    assets = folder / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    for name in ("style.css", "report.js"):
        copyfile(TEMPLATES / name, assets / name)
    (assets / "vega.js").write_text(_vega(), encoding="utf-8")
    (assets / "tables.js").write_text(_datatables(), encoding="utf-8")
    charts, curves = _charts(findings, folder), _curve_charts(folder)
    shown, note = _galleries(findings, folder)
    text = render(
        "page.html.j2",
        findings,
        breakable=breakable,
        scale=Scale.of,
        charts=charts,
        galleries=shown,
        galleries_note=note,
        data=plain(_data([*charts, *curves], shown)),
    )
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder / "index.html"


@cache
def _vega() -> str:
    return str(javascript_bundle("window.vegaEmbed = vegaEmbed;"))


@cache
def _datatables() -> str:
    """DataTables as itables ships it; a module cannot be imported from a file, but from its own address it can."""
    module = files("itables").joinpath("html/dt_bundle.js").read_bytes()
    return f'window.tables = import("data:text/javascript;base64,{b64encode(module).decode()}");\n'


def _charts(findings: Findings, folder: Path) -> list[figures.Figure]:
    """The charts of every ranking."""
    kinds: dict[str, tuple[str, Draw]] = {
        "ranking": ("Ranking", figures.ranking),
        "cost": ("Quality against cost", figures.quality_and_cost),
    }
    settings = {name: card["settings"] for name, card in findings.results.manifest["methods"].items()}
    for name in findings.results.manifest["suite"].get("sweep", ()):
        kinds["learning"] = (f"Quality against {name}", partial(figures.learning_curves, settings=settings, name=name))
    return [
        figures.attempt(f"{kind}-{place}", f"{title}, {track.name} track", partial(draw, track), folder)
        for place, track in enumerate(findings.tracks, 1)
        for kind, (title, draw) in kinds.items()
    ]


def _curve_charts(folder: Path) -> list[figures.Figure]:
    """The charts that the page's script fills with a sample's curves."""
    words = {"insertion": "inserted", "deletion": "deleted"}
    return [figures.attempt(name, name, partial(figures.curves, word), folder, False) for name, word in words.items()]


def _galleries(findings: Findings, folder: Path) -> tuple[list[Gallery], str]:
    try:
        return galleries(findings, folder), ""
    except Exception as error:  # noqa: BLE001 - figures are attempted here; the page must stand without them
        return [], f"{type(error).__name__}: {error}"


def _data(charts: list[figures.Figure], shown: list[Gallery]) -> dict[str, object]:
    """The data that the page's script reads."""
    return {
        "charts": {chart.name: chart.spec for chart in charts if not chart.note},
        "galleries": {
            gallery.number: {
                "ids": gallery.ids,
                "targets": gallery.targets,
                "methods": [*gallery.maps],
                "curves": gallery.curves,
                "scores": gallery.scores,
            }
            for gallery in shown
        },
    }


@dataclass(frozen=True, slots=True)
class Scale:
    """The horizontal axis of the intervals in a ranking: a value's place in per cent."""

    low: float
    high: float

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Scale":
        """The axis of a ranking's scores."""
        return cls(*figures.domain(table))

    def at(self, value: float) -> float:
        """Where a value is; what lies outside is put at the edge."""
        return round(100 * min(max((value - self.low) / (self.high - self.low), 0), 1), 2)

    def cut(self, value: float) -> bool:
        """Whether a value lies outside."""
        return not self.low <= value <= self.high


def breakable(name: str) -> Markup:
    """A name that may break after one of `_ , = /`, and before an @ or its settings."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[_/,=])|(?=[@\[])", public(name)))
