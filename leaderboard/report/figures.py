"""Charts, as Vega-Lite for the page and as SVG, PNG and PDF for a paper."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
from vl_convert import vegalite_to_pdf, vegalite_to_png, vegalite_to_svg

from .tables import Track

Spec = dict[str, Any]
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8A8F98"
ROLES = alt.Scale(domain=["entrant", "canary", "control"], range=[BLUE, GREY, GREY])
SHAPES = alt.Scale(domain=["entrant", "canary", "control"], range=["circle", "diamond", "square"])
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = 640


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart that was attempted: its spec for the page and its files by format, or a note why there is none."""

    name: str
    title: str
    spec: Spec
    files: Mapping[str, str]
    note: str = ""


def attempt(name: str, title: str, draw: Callable[[], alt.TopLevelMixin], folder: Path, export: bool = True) -> Figure:
    """Draw a chart and write its files into the folder's assets; a failure becomes a note in its place."""
    try:
        spec = draw().to_dict()
        files = _export(spec, folder, name) if export else {}
    except Exception as error:  # noqa: BLE001 - a figure is attempted here; the page must stand without it
        return Figure(name, title, {}, {}, f"{type(error).__name__}: {error}".partition("\n")[0])
    return Figure(name, title, spec, files)


def _export(spec: Spec, folder: Path, name: str) -> dict[str, str]:
    wide = {**spec, **({"width": WIDTH} if "width" in spec else {}), "background": "white"}
    made = {"svg": vegalite_to_svg(wide).encode(), "png": vegalite_to_png(wide, scale=2), "pdf": vegalite_to_pdf(wide)}
    for kind, content in made.items():
        (folder / f"assets/{name}.{kind}").write_bytes(content)
    return {kind: f"assets/{name}.{kind}" for kind in made}


def _styled(chart: alt.LayerChart, height: int | alt.Step) -> alt.LayerChart:
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    axis = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 260}
    chart = chart.properties(width="container", height=height, autosize=fit)
    styled: alt.LayerChart = chart.configure(font=FONT, view={"stroke": None}, axis={**axis, "gridOpacity": 0.4})
    return styled


def ranking(track: Track) -> alt.LayerChart:
    """The score of each method with its t interval, between the controls at 0 and 1."""
    data = track.table.dropna(subset="score").reset_index(names="method")
    data["label"] = data["method"] + [f"  ({tier})" if isinstance(tier, str) else "" for tier in data["tier"]]
    place = alt.Y(
        "label:N",
        sort=data["label"].tolist(),
        title=None,
        axis=alt.Axis(grid=False, ticks=False, domain=False, labelPadding=8),
    )
    scale = alt.Scale(nice=False, zero=False, domain=domain(data))
    base = alt.Chart(data).encode(
        y=place, color=alt.Color("role:N", scale=ROLES, legend=None), tooltip=_tooltip("score", "low", "high", "rank")
    )
    title = f"control-normalised score, 95 % t interval over {track.board.unit}s (random = 0, oracle = 1)"
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X("score:Q", scale=scale, title=title), shape=alt.Shape("role:N", scale=SHAPES, legend=None)
    )
    whiskers = base.mark_rule(size=2, clip=True).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    return _styled(_references("x") + whiskers + dots, alt.Step(24))


def domain(data: pd.DataFrame) -> list[float]:
    """The ends of the axis: the scores and as much of their intervals as leaves room for them."""
    low, high = min(0.0, data["score"].min()), max(1.0, data["score"].max())
    room = 0.5 * (high - low)
    ends = max(low - room, data["low"].min()), min(high + room, data["high"].max())
    first, last = (min(low, ends[0]), max(high, ends[1])) if data["low"].notna().any() else (low, high)
    return [first - 0.03, last + 0.03]


def _references(axis: str) -> alt.Chart:
    """Dashed lines at the two controls, along an axis."""
    lines: alt.Chart = alt.Chart(pd.DataFrame({"at": [0.0, 1.0]})).mark_rule(strokeDash=[4, 3], color=GREY)
    placed: alt.Chart = lines.encode(x="at:Q") if axis == "x" else lines.encode(y="at:Q")
    return placed


def _tooltip(*numbers: str) -> list[alt.Tooltip]:
    return [alt.Tooltip("method:N"), *(alt.Tooltip(f"{name}:Q", format=".3~f") for name in numbers)]


def quality_and_cost(track: Track) -> alt.LayerChart:
    """The headline score against the passes of one explanation, with the Pareto front of the entrants."""
    data = track.table[track.table["role"] != "control"].dropna(subset=["score", "forward"])
    data = data.reset_index(names="method").assign(passes=lambda t: t["forward"] + t["backward"])
    x = alt.X(
        "passes:Q",
        title="passes per explanation (log scale)",
        scale=alt.Scale(type="symlog", constant=1, domainMin=0, nice=False, padding=24),
        axis=alt.Axis(values=_decades(data["passes"].max()), format="~s"),
    )
    y = alt.Y("score:Q", title="control-normalised score", scale=alt.Scale(zero=False))
    base = alt.Chart(data).encode(x=x, y=y, tooltip=_tooltip("passes", "score", "low", "high"))
    whiskers = base.mark_rule(opacity=0.45, color=GREY).encode(y=alt.Y("low:Q"), y2="high:Q")
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(
        color=alt.Color("role:N", scale=ROLES, legend=None), shape=alt.Shape("role:N", scale=SHAPES, legend=None)
    )
    names = base.mark_text(align="left", dx=9, dy=-7, fontSize=11, color=GREY).encode(text="method:N")
    named = names.transform_filter("datum.role == 'entrant'")
    line = alt.Chart(pareto(data)).mark_line(interpolate="step-after", color=ORANGE, strokeWidth=2).encode(x=x, y=y)
    return _styled(_references("y") + line + whiskers + dots + named, 380)


def swept(track: Track, settings: Mapping[str, Mapping[str, object]], name: str) -> pd.DataFrame:
    """The ranked variants that a suite sweeps a setting of, a row each: method without the setting, value, score."""
    ranked = track.table.dropna(subset="score").reset_index(names="variant")
    rows = ranked[ranked["variant"].str.contains(f"[\\[,]{name}=", regex=True)]
    values = rows["variant"].map(lambda variant: settings[variant][name])
    return rows.assign(value=values, method=rows["variant"].str.split("[").str[0])


def learning_curves(track: Track, settings: Mapping[str, Mapping[str, object]], name: str) -> alt.FacetChart:
    """The headline score of each method against a setting that the suite sweeps, each with all others faint."""
    data = swept(track, settings, name)
    if data.empty:
        raise ValueError(f"no method is ranked at several values of {name}")
    everyone = data.merge(pd.Series(data["method"].unique(), name="panel"), how="cross")
    ticks = [tick for tick in _decades(data["value"].max()) if tick >= data["value"].min()]
    scale = alt.Scale(type="log", nice=False, padding=6)
    x = alt.X("value:Q", title=name, scale=scale, axis=alt.Axis(values=ticks, format="~s"))
    base = alt.Chart(everyone).encode(x=x, tooltip=_tooltip("value", "score", "low", "high"))
    mine = base.transform_filter("datum.method == datum.panel")
    y = alt.Y("score:Q", title="score", scale=alt.Scale(zero=False))
    faint = base.mark_line(color=GREY, opacity=0.3, strokeWidth=1).encode(y=y, detail="method:N")
    band = mine.mark_area(color=BLUE, opacity=0.15).encode(y=alt.Y("low:Q"), y2="high:Q")
    line = mine.mark_line(color=BLUE, point={"color": BLUE, "size": 30}).encode(y=y)
    panels: alt.LayerChart = (faint + band + line).properties(width=170, height=120)
    chart: alt.FacetChart = panels.facet(facet=alt.Facet("panel:N", title=None), columns=4)
    styled: alt.FacetChart = chart.configure(font=FONT, axis={"gridOpacity": 0.4})
    return styled


def _decades(most: float) -> list[float]:
    ticks = [0.0, 1.0]
    while ticks[-1] < most:
        ticks.append(ticks[-1] * 10)
    return ticks


def pareto(data: pd.DataFrame) -> pd.DataFrame:
    """The entrants that no other beats at the same or lower cost, from cheap to dear."""
    ordered = data[data["role"] == "entrant"].sort_values(["passes", "score"], ascending=[True, False])
    best = ordered["score"].cummax().shift(fill_value=float("-inf"))
    return ordered[ordered["score"] > best]


def curves(direction: str) -> alt.LayerChart:
    """One sample's curves, filled in by the page: `all` methods faint, the `chosen` one strong, `random` dashed."""
    x = alt.X(
        "fraction:Q", title=f"share {direction}", scale=alt.Scale(domain=[0, 1], nice=False), axis=alt.Axis(format="~%")
    )
    y = alt.Y("value:Q", title="readout", scale=alt.Scale(zero=False))
    lines = alt.Chart(alt.NamedData(name="curves")).encode(
        x=x, y=y, detail="method:N", tooltip=["method:N", "fraction:Q", "value:Q"]
    )
    kind = alt.FieldEqualPredicate(field="kind", equal="chosen")
    faint = lines.mark_line(color=GREY, strokeWidth=1, opacity=0.4).transform_filter("datum.kind == 'other'")
    chance = lines.mark_line(color=GREY, strokeWidth=2, strokeDash=[4, 3]).transform_filter("datum.kind == 'random'")
    chosen = lines.mark_line(color=BLUE, strokeWidth=3, point={"size": 40, "color": BLUE}).transform_filter(kind)
    return _styled(faint + chance + chosen, 210)
