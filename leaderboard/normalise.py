"""From tidy per-sample scores to control-normalised task scores."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Row = dict[str, object]

RANDOM = "random"
ORACLE = "oracle"
ADMISSION_SHARE = 0.95
ADMISSION_GAP = 0.1
"""The least mean distance of the oracle from random: nearer, a score is mostly noise that a small number divides."""
ROUNDING = 1e-9
"""Controls that are nearer, relative to their size, differ by rounding alone."""
COLUMNS = ("task", "family", "truth_type", "method", "score", "seed", "sample", "value", "status")
STATUSES = frozenset({"ok", "skipped", "failed"})


@dataclass(frozen=True, slots=True)
class TaskScores:
    """Control-normalised scores of every method on every task, with the samples they rest on.

    `table`, a row per (task, method): task, family, truth_type, method, role (control | canary | entrant), status (ok |
    imputed: a whole cell failed | skipped), raw, z (NaN where skipped, or where the controls do not define a scale), se
    (of z over samples), n (samples), seeds, imputed, imputed_samples (of n x seeds values), imputed_share.

    `tasks`, a row per task: task, family, truth_type, score, n, undefined (samples that the controls do not define),
    random, oracle, gap (oracle - random, raw; 0 where that is rounding), share (of samples on which the oracle beats
    random), admitted, reason (why not), canary (the strongest), canary_share (of the entrants that it beats), flagged
    (canary_share >= 1/2).

    `samples`, a row per (task, method, sample): value (the mean over seeds, imputed where undefined) and z, whose mean
    is the task's z.
    """

    table: pd.DataFrame
    tasks: pd.DataFrame
    samples: pd.DataFrame


def task_scores(scores: pd.DataFrame, headline: Mapping[str, str], *, canaries: Collection[str] = ()) -> TaskScores:
    """Normalise each task's headline score by its controls: (raw - random) / (oracle - random), never clipped.

    A sample counts where the oracle is defined in every seed and random in at least one: the same samples for every
    method. A value that a method lacks there (failed cell, NaN, no row) becomes the random control's value on that
    sample, and is counted; dropping it would reward failing where it is hard. Skipped is NaN only if all the method's
    seeds are skipped; a refusal now and then is a failure.

    The table must be dense: a method has, on each task, every one of its seeds that the task knows; otherwise
    ValueError.

    `se` is the delta method over samples, seeds averaged first: sd_i[(a_i - r_i) - z (o_i - r_i)] / (|gap| sqrt n). It
    is 0 for the two controls, whose z is exact, and NaN where nothing was observed. A seed effect common to all samples
    is not in it.
    """
    rows = _headline_rows(scores, headline)
    _refuse_holes(rows, headline, canaries)
    grids = [_grid(group, canaries) for _, group in rows.groupby("task", sort=True)]
    tables = [pd.DataFrame([_method_row(grid, method) for method in grid.status]) for grid in grids]
    reports = [_task_row(grid, table) for grid, table in zip(grids, tables, strict=True)]
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


def _headline_rows(scores: pd.DataFrame, headline: Mapping[str, str]) -> pd.DataFrame:
    """The rows of each task's headline score, refused if they contradict themselves."""
    if missing := [column for column in COLUMNS if column not in scores.columns]:
        raise ValueError(f"scores lacks the columns {missing}; give one row per value with {list(COLUMNS)}")
    rows = scores[scores["score"] == scores["task"].map(dict(headline))]
    if strange := sorted(set(rows["status"].unique()) - STATUSES):
        raise ValueError(f"unknown status {strange}; use one of {sorted(STATUSES)}")
    keys = ["task", "method", "seed", "sample"]
    if rows.duplicated(keys).any():
        twice = rows.loc[rows.duplicated(keys), keys].iloc[0].to_dict()
        raise ValueError(f"two values for {twice}; keep one per (task, method, score, seed, sample)")
    mixed = rows.groupby(["task", "method", "seed"])["status"].nunique() > 1
    if mixed.any():
        raise ValueError(f"cell {mixed.index[mixed][0]} has several statuses; a cell is either ok, skipped or failed")
    return rows


def _refuse_holes(rows: pd.DataFrame, headline: Mapping[str, str], canaries: Collection[str]) -> None:
    """Raise unless the controls, the canaries and every (task, method, seed) are there."""
    methods = set(rows["method"].unique())
    if absent := sorted({RANDOM, ORACLE, *canaries} - methods):
        raise ValueError(f"no headline scores of {absent}; controls and canaries must run on every task")
    if holes := _holes(rows, headline):
        shown = ", ".join(holes[:5]) + (", …" if len(holes) > 5 else "")
        raise ValueError(f"missing cells ({len(holes)}): {shown}; run them, or record them as failed or skipped")


def _holes(rows: pd.DataFrame, headline: Mapping[str, str]) -> list[str]:
    """The cells that are not there: a method owes a task all of its own seeds that the task knows, and at least one."""
    cells = set(rows[["task", "method", "seed"]].drop_duplicates().itertuples(index=False, name=None))
    of_method: dict[str, set[int]] = {}
    of_task: dict[str, set[int]] = {task: set() for task in headline}
    for task, method, seed in cells:
        of_method.setdefault(method, set()).add(seed)
        of_task[task].add(seed)
    owed = [
        (task, method, seed)
        for task, of_this in of_task.items()
        for method, own in of_method.items()
        for seed in (own & of_this) or {min(own)}
    ]
    return [f"{task}/{method}/seed {seed}" for task, method, seed in sorted(set(owed) - cells)]


def _grid(rows: pd.DataFrame, canaries: Collection[str]) -> _Grid:
    """Arrange one task's rows, keep the samples that the controls define, and impute."""
    labels = _labels(rows)
    wide = _wide(rows, labels["task"])
    status = {str(method): _status(set(group.unique())) for method, group in rows.groupby("method")["status"]}
    # Each block is its own contiguous copy: no bit of its sums may depend on which other methods are in the table.
    blocks = {m: np.ascontiguousarray(wide[m], dtype=np.float64) for m, s in status.items() if s != "skipped"}
    counted = _counted(blocks, len(wide))
    blocks = {method: block[counted] for method, block in blocks.items()}
    return _Grid(
        labels=labels,
        samples=[str(sample) for sample in wide.index[counted]],
        undefined=int((~counted).sum()),
        blocks=blocks,
        values=_impute(blocks),
        status=status,
        roles={m: "control" if m in (RANDOM, ORACLE) else "canary" if m in canaries else "entrant" for m in status},
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


def _impute(blocks: Mapping[str, Floats]) -> dict[str, Floats]:
    """Per method the mean over seeds (n,), with the random control's value wherever the method has none."""
    if RANDOM not in blocks:
        return {method: np.full(0, np.nan) for method in blocks}
    chance = np.array([row[np.isfinite(row)].mean() for row in blocks[RANDOM]], dtype=np.float64)
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


def _task_row(grid: _Grid, table: pd.DataFrame) -> Row:
    """The row of one task in `TaskScores.tasks`."""
    share = _oracle_share(grid)
    reason = _objection(grid.gap, share)
    canary, beaten = _strongest_canary(table)
    return {
        **grid.labels,
        "n": len(grid.samples),
        "undefined": grid.undefined,
        "random": grid.control(RANDOM),
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
