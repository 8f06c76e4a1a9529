"""Maps of all methods on the same samples: pictures where the input is one, bars where it has columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from torch import Tensor
from torch.nn.functional import interpolate

from .tables import Findings

Picture = npt.NDArray[np.float64]
SIGNED, UNSIGNED = "RdBu_r", "Purples"
LARGEST = 128
GREY = 0.85
CURVES = {"insertion": "insertion_curve", "deletion": "deletion_curve"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A column's value: where its bar starts and how long it is, as shares of the width, and its sign."""

    start: float
    length: float
    negative: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One cell: a picture's file, or bars; otherwise the word for what is degenerate about the map."""

    file: str = ""
    bars: tuple[Bar, ...] = ()
    word: str = ""


@dataclass(frozen=True, slots=True)
class Gallery:
    """The samples that some tasks share, a row each, and what every method makes of them.

    `curves` has, by method, for each sample the abscissa and the curves by name; `scores`, by task, the headline values
    of each method on each sample; by score, all of them where none of the tasks knows the truth.
    """

    number: int
    tasks: tuple[str, ...]
    ids: tuple[str, ...]
    targets: tuple[int, ...]
    inputs: tuple[Shown, ...]
    maps: Mapping[str, tuple[Shown, ...]]
    signed: Mapping[str, bool]
    curves: Mapping[str, Sequence[Mapping[str, list[float]]]]
    scores: Mapping[str, Mapping[str, list[float | None]]]
    sheet: str = ""


def galleries(findings: Findings, folder: Path) -> list[Gallery]:
    """Draw the maps of each set of samples that the run kept, into the folder's assets."""
    (folder / "assets/maps").mkdir(parents=True, exist_ok=True)
    found = (_gallery(findings, tasks, number, folder) for number, tasks in enumerate(findings.sample_sets, 1))
    return [gallery for gallery in found if gallery is not None]


def _gallery(findings: Findings, tasks: tuple[str, ...], number: int, folder: Path) -> Gallery | None:
    preview = findings.results.preview(tasks[0])
    if preview is None:
        return None
    ids, x, target = preview
    cards = findings.results.manifest["methods"]
    kept = {name: values for name in findings.order if (values := _values(findings, tasks[0], name, ids)) is not None}
    signed = {name: bool(cards[name]["signed"]) for name in kept}
    draw = Drawer(folder, number, x)
    return Gallery(
        number=number,
        tasks=tasks,
        ids=ids,
        targets=tuple(int(index) for index in target),
        inputs=draw.inputs(),
        maps={name: draw.maps(place, values, signed[name]) for place, (name, values) in enumerate(kept.items())},
        signed=signed,
        curves={name: _curves(findings, tasks, name, ids) for name in kept},
        scores={label: _scores(findings, *of, list(kept), ids) for label, of in _counted(findings, tasks).items()},
        sheet=draw.sheet(kept, signed),
    )


def _values(findings: Findings, task: str, method: str, ids: Sequence[str]) -> Tensor | None:
    """The attributions of a method on the shown samples, (n, E)."""
    stored = findings.results.maps(task, method)
    if stored is None or not set(ids) <= set(stored.ids):
        return None
    return stored.values[[stored.ids.index(name) for name in ids]]


def _curves(findings: Findings, tasks: Sequence[str], method: str, ids: Sequence[str]) -> list[dict[str, list[float]]]:
    """Per sample the abscissa and the curves, from the first of the tasks that keeps them."""
    wanted = {"fraction": "fraction", **CURVES}
    for record in findings.results.records:
        if record.task in tasks and record.method == method and record.seed == 0 and "fraction" in record.scores:
            rows = [record.ids.index(name) for name in ids]
            return [{word: _rounded(record.scores[name][row]) for word, name in wanted.items()} for row in rows]
    return []


def _rounded(values: Tensor) -> list[float]:
    return [round(float(value), 4) for value in values.nan_to_num()]


def _counted(findings: Findings, tasks: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The scores told of a sample, by label: the headline score of each task, or else all scores of the first."""
    headline = findings.results.headline()
    counted = {task: (task, headline[task]) for task in tasks if task in headline}
    return counted or {proxy.score: (tasks[0], proxy.score) for proxy in findings.proxies(tasks[0])}


def _scores(
    findings: Findings, task: str, score: str, methods: Sequence[str], ids: Sequence[str]
) -> dict[str, list[float | None]]:
    """A score of each method on each shown sample; None where it is undefined."""
    table = findings.results.scores
    chosen = table[(table["task"] == task) & (table["score"] == score) & table["sample"].isin(ids)]
    wide = chosen.pivot_table(index="method", columns="sample", values="value")
    wide = wide.reindex(index=list(methods), columns=list(ids))
    return {
        name: [None if np.isnan(value) else round(value, 4) for value in row]
        for name, row in zip(methods, wide.to_numpy(np.float64), strict=True)
    }


@dataclass(frozen=True, slots=True)
class Drawer:
    """Draws the maps of one gallery."""

    folder: Path
    number: int
    x: Tensor

    @property
    def pictures(self) -> bool:
        """Whether the inputs are images (N, C, H, W)."""
        return self.x.ndim == 4

    def inputs(self) -> tuple[Shown, ...]:
        """The samples themselves."""
        if not self.pictures:
            return tuple(Shown(bars=bars(row)) for row in self.x.double().flatten(1))
        return tuple(self._saved(f"input-{i}", image) for i, image in enumerate(_images(self.x)))

    def maps(self, place: int, values: Tensor, signed: bool) -> tuple[Shown, ...]:
        """A method's maps (n, E), each scaled by its own largest magnitude."""
        return tuple(self._map(f"{place}-{i}", row, signed) for i, row in enumerate(values.double()))

    def _map(self, name: str, values: Tensor, signed: bool) -> Shown:
        if word := degenerate(values):
            return Shown(word=word)
        if not self.pictures:
            return Shown(bars=bars(values))
        return self._saved(name, coloured(self._plane(values), signed))

    def _picture(self, values: Tensor, signed: bool) -> Picture:
        """A map's colours; plain grey where it is degenerate."""
        if degenerate(values):
            return np.full((*self._plane(values).shape, 3), GREY)
        return coloured(self._plane(values), signed)

    def _plane(self, values: Tensor) -> Tensor:
        return _small(values.reshape(1, 1, *self.x.shape[2:]))[0, 0]

    def _saved(self, name: str, image: Picture) -> Shown:
        file = f"assets/maps/{self.number}-{name}.png"
        imsave(self.folder / file, image)
        return Shown(file=file)

    def sheet(self, kept: Mapping[str, Tensor], signed: Mapping[str, bool]) -> str:
        """One picture of everything, for a paper; its file, or nothing where the inputs are no images."""
        if not self.pictures:
            return ""
        columns = {"input": _images(self.x)} | {
            name: [self._picture(row, signed[name]) for row in values.double()] for name, values in kept.items()
        }
        file = f"assets/maps-{self.number}.png"
        contact_sheet(columns, self.folder / file)
        return file


def degenerate(values: Tensor) -> str:
    """The fault of a map (E,) that cannot be shown; empty if there is none."""
    if not bool(values.isfinite().all()):
        return "not finite"
    if bool((values == values[0]).all()):
        return "constant" if values[0] else "zero"
    return ""


def bars(values: Tensor) -> tuple[Bar, ...]:
    """Horizontal bars of values (D,), from the middle, in units of the largest magnitude."""
    scaled = (values / values.abs().max().clamp(min=1e-300)).tolist()
    return tuple(Bar(0.5 + min(value, 0) / 2, abs(value) / 2, value < 0) for value in scaled)


def coloured(values: Tensor, signed: bool) -> Picture:
    """Colours (H, W, 3) of a map: white is zero, the strongest colour its own largest magnitude."""
    scaled = (values / values.abs().max().clamp(min=1e-300)).numpy()
    shade = colormaps[SIGNED]((scaled + 1) / 2) if signed else colormaps[UNSIGNED](scaled.clip(0, 1))
    return np.asarray(shade[..., :3], dtype=np.float64)


def _images(x: Tensor) -> list[Picture]:
    """Images (N, C, H, W) in [0, 1] as pictures (H, W, 3); other than three channels become their mean."""
    small = _small(x.double()).clamp(0, 1)
    three = small if small.shape[1] == 3 else small.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    return [image.permute(1, 2, 0).numpy() for image in three]


def _small(images: Tensor) -> Tensor:
    """Shrink images (N, C, H, W) that are larger than a reader can see."""
    factor = LARGEST / max(images.shape[2:])
    return images if factor >= 1 else interpolate(images, scale_factor=factor, mode="area")


def contact_sheet(columns: Mapping[str, Sequence[Picture]], path: Path) -> None:
    """Draw pictures (H, W, 3) side by side, a column for each name, and write them to a file."""
    tall, wide, _ = next(iter(columns.values()))[0].shape
    gap = max(1, wide // 20)
    padded = [
        [np.pad(p, ((0, gap), (0, gap), (0, 0)), constant_values=1) for p in column] for column in columns.values()
    ]
    image = np.concatenate([np.concatenate(column, axis=0) for column in padded], axis=1)
    figure = Figure(figsize=(0.8 * len(columns), 0.8 * len(padded[0]) * tall / wide + 1), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(image, interpolation="nearest")
    axes.set_axis_off()
    for place, name in enumerate(columns):
        at = place * (wide + gap) + wide / 2
        axes.text(at, -gap, name, rotation=40, ha="left", va="bottom", fontsize=8, parse_math=False)
    figure.savefig(path, dpi=200, bbox_inches="tight")
