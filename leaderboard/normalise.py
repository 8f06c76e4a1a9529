"""From tidy per-sample scores to control-normalised task scores."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ._headline_rows import ORACLE, RANDOM, headline_rows, refuse_holes

Floats = npt.NDArray[np.float64]
Row = dict[str, object]

ADMISSION_SHARE = 0.95
ADMISSION_GAP = 0.1
"""The least mean distance of the oracle from random: nearer, a score is mostly noise that a small number divides."""
DOUBT = 1e-4
"""The improbability of the random control's mean at which a declared chance is not believed."""
ROUNDING = 1e-9
"""Controls that are nearer, relative to their size, differ by rounding alone."""


@dataclass(frozen=True, slots=True)
class TaskScores:
    """Control-normalised scores of every method on every task, with the samples they rest on.

    `table`, a row per (task, method): task, family, truth_type, method, role (control | canary | entrant), status (ok |
    imputed: a whole cell failed | skipped), raw, z (NaN where skipped, or where the controls do not define a scale), se
    (of z over samples), n (samples), seeds, imputed, imputed_samples (of n x seeds values), imputed_share.

    `tasks`, a row per task: task, family, truth_type, score, n, undefined (samples that the controls do not define),
    random (what it has here), chance (the zero of the scale: as declared, or random), oracle, gap (oracle - chance,
    raw; 0 where that is rounding), share (of samples on which the oracle beats chance), admitted, reason (why not),
    canary (the strongest), canary_share (of the entrants that it beats), flagged (canary_share >= 1/2).

    `samples`, a row per (task, method, sample): value (the mean over seeds, imputed where undefined) and z, whose mean
    is the task's z.
    """

    table: pd.DataFrame
    tasks: pd.DataFrame
    samples: pd.DataFrame


def task_scores(
    scores: pd.DataFrame,
    headline: Mapping[str, str],
    *,
    canaries: Collection[str] = (),
    chance: Mapping[str, float] | None = None,
    objections: Mapping[str, str] | None = None,
) -> TaskScores:
    """Normalise each task's headline score by its controls: (raw - random) / (oracle - random), never clipped.

    Where `chance` says what random has on average, that is its value on every sample in place of what it happens to
    have here, whose noise would move all methods together. A task on which what it has cannot be chance is not
    admitted, nor is one with an objection (task to reason).

    A sample counts where the oracle is defined in every seed and random in at least one: the same samples for every
    method. A value that a method lacks there (failed cell, NaN, no row) becomes the random control's value on that
    sample, and is counted; dropping it would reward failing where it is hard. Skipped is NaN only if all the method's
    seeds are skipped; a refusal now and then is a failure.

    The table must be dense: a method has, on each task, every one of its seeds that the task knows; otherwise
    ValueError.

    `se` is the delta method over samples, seeds averaged first: sd_i[(a_i - r_i) - z (o_i - r_i)] / (|gap| sqrt n). It
    is 0 for the two controls, whose z is exact, and NaN where nothing was observed. A seed effect
    common to all samples is not in it.
    """
    rows = headline_rows(scores, headline)
    refuse_holes(rows, headline, canaries)
    declared, objected = chance or {}, objections or {}
    grids = [_grid(group, canaries, declared.get(str(task))) for task, group in rows.groupby("task", sort=True)]
    tables = [pd.DataFrame([_method_row(grid, method) for method in grid.status]) for grid in grids]
    reports = [
        _task_row(grid, table, objected.get(grid.labels["task"], "")) for grid, table in zip(grids, tables, strict=True)
    ]
    return TaskScores(
        table=pd.concat(tables, ignore_index=True),
        tasks=pd.DataFrame([{**report, "score": headline[str(report["task"])]} for report in reports]),
        samples=pd.concat([_sample_rows(grid) for grid in grids], ignore_index=True),
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """One task: per method its raw values (samples, seeds) and their imputed seed means, on the samples that count."""

    labels: dict[str, str]
    samples: list[str]
    undefined: int
    blocks: dict[str, Floats]
    values: dict[str, Floats]
    status: dict[str, str]
    roles: dict[str, str]
    measured: Floats
    """The mean over random's seeds (n,); its value is this, or the chance that is declared."""

    def control(self, name: str) -> float:
        return _mean(self.values[name]) if name in self.values else math.nan

    @property
    def gap(self) -> float:
        """The distance of the oracle from random; 0 where that is rounding."""
        oracle, random = self.control(ORACLE), self.control(RANDOM)
        apart = oracle - random
        return 0.0 if abs(apart) <= ROUNDING * max(abs(oracle), abs(random)) else apart

    def normalise(self, value: float) -> float:
        return (value - self.control(RANDOM)) / self.gap if self.gap else math.nan


def _grid(rows: pd.DataFrame, canaries: Collection[str], chance: float | None) -> _Grid:
    """Arrange one task's rows, keep the samples that the controls define, and impute."""
    labels = _labels(rows)
    wide = _wide(rows, labels["task"])
    status = {str(method): _status(set(group.unique())) for method, group in rows.groupby("method")["status"]}
    # Each block is its own contiguous copy: no bit of its sums may depend on which other methods are in the table.
    blocks = {m: np.ascontiguousarray(wide[m], dtype=np.float64) for m, s in status.items() if s != "skipped"}
    counted = _counted(blocks, len(wide))
    blocks = {method: block[counted] for method, block in blocks.items()}
    measured = np.array([row[np.isfinite(row)].mean() for row in blocks.get(RANDOM, ())], dtype=np.float64)
    return _Grid(
        labels=labels,
        samples=[str(sample) for sample in wide.index[counted]],
        undefined=int((~counted).sum()),
        blocks=blocks,
        values=_impute(blocks, measured if chance is None else np.full(len(measured), chance)),
        status=status,
        roles={m: "control" if m in (RANDOM, ORACLE) else "canary" if m in canaries else "entrant" for m in status},
        measured=measured,
    )


def _labels(rows: pd.DataFrame) -> dict[str, str]:
    """The task's name, family and truth type, one of each."""
    labels = rows[["task", "family", "truth_type"]].drop_duplicates()
    if len(labels) > 1:
        raise ValueError(f"task {rows['task'].iloc[0]!r} has several families or truth types; a task has one of each")
    return {str(key): str(value) for key, value in labels.iloc[0].items()}


def _wide(rows: pd.DataFrame, task: str) -> pd.DataFrame:
    """Samples by (method, seed), NaN where a cell did not run; the controls must hold every sample."""
    done = rows[rows["status"] == "ok"]
    cells = pd.MultiIndex.from_frame(rows[["method", "seed"]].drop_duplicates().sort_values(["method", "seed"]))
    wide = done.pivot(index="sample", columns=["method", "seed"], values="value").reindex(columns=cells)
    held = done[done["method"].isin([RANDOM, ORACLE])].groupby(["method", "seed"]).size()
    if (held < len(wide)).any():
        raise ValueError(
            f"task {task!r}: control cell {held.idxmin()} holds {held.min()} of {len(wide)} samples; "
            "give every sample to every control, NaN where it is undefined"
        )
    return wide


def _status(of_seeds: set[str]) -> str:
    if of_seeds == {"skipped"}:
        return "skipped"
    return "ok" if of_seeds == {"ok"} else "imputed"


def _counted(blocks: Mapping[str, Floats], n: int) -> npt.NDArray[np.bool_]:
    """The samples (n,) on which both controls are defined."""
    if RANDOM not in blocks or ORACLE not in blocks:
        return np.zeros(n, dtype=np.bool_)
    return np.asarray(np.isfinite(blocks[ORACLE]).all(axis=1) & np.isfinite(blocks[RANDOM]).any(axis=1))


def _impute(blocks: Mapping[str, Floats], chance: Floats) -> dict[str, Floats]:
    """Per method the mean over seeds (n,), with the score by chance wherever the method has none."""
    if RANDOM not in blocks:
        return {method: np.full(0, np.nan) for method in blocks}
    return {method: chance if method == RANDOM else _seed_means(block, chance) for method, block in blocks.items()}


def _seed_means(block: Floats, chance: Floats) -> Floats:
    defined = np.isfinite(block)
    means = np.where(defined, block, chance[:, None]).mean(axis=1)
    # Exactly chance where nothing is defined: the mean of k equal numbers may be off by a rounding.
    return np.where(defined.any(axis=1), means, chance)


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else math.nan


def _method_row(grid: _Grid, method: str) -> Row:
    """The row of one method in `TaskScores.table`."""
    status = grid.status[method]
    block = grid.blocks.get(method, np.empty((0, 0)))
    lacking = int((~np.isfinite(block)).sum())
    share = lacking / block.size if block.size else math.nan
    raw = grid.control(method)
    z = grid.normalise(raw)
    return {
        **grid.labels,
        "method": method,
        "role": grid.roles[method],
        "status": status,
        "raw": raw,
        "z": z,
        "se": _standard_error(grid, method, z) if share < 1 else math.nan,
        "n": len(block),
        "seeds": block.shape[1],
        "imputed": status == "imputed",
        "imputed_samples": lacking,
        "imputed_share": share,
    }


def _standard_error(grid: _Grid, method: str, z: float) -> float:
    """The delta method for a ratio of means that share their samples; NaN for fewer than two."""
    if len(grid.samples) < 2 or math.isnan(z):
        return math.nan
    chance = grid.values[RANDOM]
    influence = (grid.values[method] - chance) - z * (grid.values[ORACLE] - chance)
    return float(influence.std(ddof=1) / abs(grid.gap) / math.sqrt(len(influence)))


def _task_row(grid: _Grid, table: pd.DataFrame, objection: str) -> Row:
    """The row of one task in `TaskScores.tasks`."""
    share = _oracle_share(grid)
    reason = _objection(grid.gap, share) or _disbelief(grid) or objection
    canary, beaten = _strongest_canary(table)
    return {
        **grid.labels,
        "n": len(grid.samples),
        "undefined": grid.undefined,
        "random": _mean(grid.measured),
        "chance": grid.control(RANDOM),
        "oracle": grid.control(ORACLE),
        "gap": grid.gap,
        "share": share,
        "admitted": not reason,
        "reason": reason,
        "canary": canary,
        "canary_share": beaten,
        "flagged": beaten >= 0.5,
    }


def _oracle_share(grid: _Grid) -> float:
    """The share of samples on which the oracle is beyond random, in the direction in which it is on average."""
    if not grid.samples:
        return math.nan
    beyond = (grid.values[ORACLE] - grid.values[RANDOM]) * np.sign(grid.gap) > 0
    return float(beyond.mean())


def _objection(gap: float, share: float) -> str:
    """Why a task is not admitted, empty if it is."""
    if math.isnan(gap):
        return "no sample is defined for both controls"
    if gap == 0:
        return "the oracle does not differ from random"
    if abs(gap) < ADMISSION_GAP:
        return f"the oracle is {abs(gap):.2g} from random, {ADMISSION_GAP:g} needed"
    return (
        ""
        if share >= ADMISSION_SHARE
        else f"the oracle beats random on {share:.0%} of samples, {ADMISSION_SHARE:.0%} needed"
    )


def _disbelief(grid: _Grid) -> str:
    """Why a declared chance is not believed: random's mean is too far from it; empty if it is."""
    off = grid.measured - grid.values[RANDOM]
    if len(off) < 2 or not off.any():
        return ""
    p = stats.ttest_1samp(off, 0.0).pvalue if np.ptp(off) else 0.0
    if p >= DOUBT:
        return ""
    return f"random has {_mean(grid.measured):.3g} on average, and {grid.control(RANDOM):g} is declared as chance"


def _strongest_canary(table: pd.DataFrame) -> tuple[str, float]:
    """The canary with the highest score and the share of entrants below it; NaN without canary or entrant."""
    canaries = table[(table["role"] == "canary") & table["z"].notna()]
    entrants = table.loc[(table["role"] == "entrant") & table["z"].notna(), "z"]
    if canaries.empty or entrants.empty:
        return "", math.nan
    best = canaries.sort_values("z", kind="stable").iloc[-1]
    return str(best["method"]), float((entrants < best["z"]).mean())


def _sample_rows(grid: _Grid) -> pd.DataFrame:
    """The rows of one task in `TaskScores.samples`."""
    values = np.concatenate([np.empty(0), *grid.values.values()])
    return pd.DataFrame(
        {
            "task": grid.labels["task"],
            "method": np.repeat(np.array(list(grid.values), dtype=object), len(grid.samples)),
            "sample": grid.samples * len(grid.values),
            "value": values,
            "z": (values - grid.control(RANDOM)) / grid.gap if grid.gap else np.full(len(values), np.nan),
        }
    )
