"""The sensitivity panel: how far rankings depend on the protocol: imputer, readout, sign of the maps, steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from ..benchmark import Refused, metrics, tasks
from ..benchmark.results import Results
from ._protocols import Choices, Protocol, Setting
from ._rank_agreement import Floats, Ints
from ._run_maps import explanations, sample_sets, samples_of

VARIED = ("imputer", "sign", "steps", "readout")
Progress: TypeAlias = Callable[[int, int, str], None]


def panel(
    results: Results,
    task: str | None = None,
    choices: Choices | None = None,
    *,
    samples: int = 16,
    draws: int = 200,
    seed: int = 0,
    progress: Progress = lambda done, total, what: None,
) -> pd.DataFrame:
    """Rank the methods of a run anew under every protocol, and compare with the ranking under the suite's own.

    Each of the run's metrics is put to the stored maps (the first repeat, the first `samples` samples) under every
    choice that it can be told; a metric of the map and the truth alone under every sign. Methods are ranked by their
    mean. A row per (task, score, protocol): task (the first of those on the same samples, where the metric does not
    read the truth), metric, score, imputer, readout, sign, steps, published (whether it is the suite's own), tau
    (Kendall's tau-b to that ranking), low, high (percentile bootstrap over samples), methods, samples, reason (why
    there is none).
    """
    chosen = choices or Choices()
    work = [(setting, [*setting.protocols(chosen)]) for setting in _work(results, task, samples)]
    if not work:
        raise ValueError(f"{results.folder} has no maps of two methods on samples that can be had: run the suite there")
    total, rows = sum(len(protocols) for _, protocols in work), list[dict[str, object]]()
    done = 0
    for setting, protocols in work:
        for found in _compared(setting, protocols, draws, seed):
            progress(done := done + 1, total, f"{setting.part.name} on {setting.task.name}")
            rows += found
    return pd.DataFrame(rows)


def _work(results: Results, task: str | None, samples: int) -> Iterator[Setting]:
    suite = results.manifest["suite"]
    for names in sample_sets(results, task):
        try:
            batch, keys = samples_of(results, names[0])[:samples], explanations(results)
        except Refused:
            continue
        for metric, card in results.manifest["metrics"].items():
            part = metrics[metric]
            for name in names if card["truth"] else names[:1]:
                maps = {
                    method: stored.values[: len(batch)].double()
                    for method in results.manifest["methods"]
                    if (name, method) in keys and (stored := results.store.maps(keys[name, method])) is not None
                }
                if len(maps) < 2:
                    continue
                asked = tasks[name].at(results.networks)
                truth = asked.questions(results.seeds.split, results.manifest["tasks"][name]["samples"])[: len(batch)]
                yield Setting(asked, truth, maps, part, card["settings"], suite["seed"])


def _compared(
    setting: Setting, protocols: Sequence[Protocol], draws: int, seed: int
) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of one metric on one set of samples, protocol by protocol; the first is the suite's own."""
    pick = np.random.default_rng(seed).integers(0, len(setting.batch), (draws, len(setting.batch)))
    published: Mapping[str, Floats] = {}
    for protocol in protocols:
        place: dict[str, object] = {
            "task": setting.task.name,
            "metric": setting.part.name,
            **{name: getattr(protocol, name) for name in ("imputer", "readout", "sign", "steps")},
            "published": protocol == protocols[0],
            "methods": len(setting.maps),
            "samples": len(setting.batch),
        }
        try:
            values = setting.values(protocol)
        except Refused as reason:
            if not published:
                # The metric cannot be served here under any protocol.
                yield from ([] for _ in protocols)
                return
            yield [{**place, "score": "", "tau": np.nan, "low": np.nan, "high": np.nan, "reason": str(reason)}]
            continue
        published = published or values
        yield [
            {**place, "score": name, **(taus := _tau(published[name], found, pick)), "reason": _why(taus["tau"])}
            for name, found in values.items()
        ]


def _why(tau: float) -> str:
    return "the methods are all tied, or have no values" if np.isnan(tau) else ""


def _tau(published: Floats, found: Floats, pick: Ints) -> dict[str, float]:
    """Return Kendall's tau between the methods' means of values (M, N), and its interval over resampled samples."""
    spread = kendall(_means(published[:, pick]), _means(found[:, pick]))
    low, high = np.nanpercentile(spread, [2.5, 97.5]) if np.isfinite(spread).any() else (np.nan, np.nan)
    return {"tau": float(kendall(_means(published), _means(found))), "low": float(low), "high": float(high)}


def _means(values: Floats) -> Floats:
    """Return the means over the samples that are defined, (..., M) of values (M, ..., N)."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(-1)
    count = known.sum(-1)
    return np.moveaxis(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0), 0, -1)


def kendall(left: Floats, right: Floats) -> Floats:
    """Return Kendall's tau-b between the rows of two tables (..., M), over what both know; NaN where all is tied."""
    first, second = np.triu_indices(left.shape[-1], 1)
    a, b = (np.sign(each[..., first] - each[..., second]) for each in (left, right))
    known = np.isfinite(a) & np.isfinite(b)
    a, b = np.where(known, a, 0.0), np.where(known, b, 0.0)
    size = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    found: Floats = np.divide((a * b).sum(-1), size, out=np.full_like(size, np.nan), where=size > 0)
    return found


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far rankings move when one choice changes and the others stay, and when any may.

    A row per (score, change): score, change (imputer, readout, sign, steps, any), median and lowest tau over tasks and
    choices, choice and where (those of the lowest), rankings (how many there are).
    """
    known = table[(table["score"] != "") & ~table["published"]]
    own = table[table["published"]].set_index(["task", "metric", "score"])
    base = own.reindex(pd.MultiIndex.from_frame(known[["task", "metric", "score"]]))
    differs = pd.DataFrame({name: known[name].to_numpy() != base[name].to_numpy() for name in VARIED}, known.index)
    changes = {name: differs[name] & (differs.sum(axis=1) == 1) for name in VARIED} | {"any": differs.any(axis=1)}
    return pd.DataFrame(
        {"score": score, "change": change, **_summed(group, VARIED if change == "any" else (change,))}
        for change, where in changes.items()
        for score, group in known[where].groupby("score", sort=False)
    )


def _summed(group: pd.DataFrame, names: Sequence[str]) -> dict[str, object]:
    known = group.dropna(subset="tau").sort_values("tau", kind="stable")
    return {
        "median": known["tau"].median(),
        "lowest": known["tau"].min(),
        "choice": "".join(" ".join(map(str, row)) for row in known[[*names]].head(1).to_numpy()),
        "where": "".join(known["task"].head(1)),
        "rankings": len(known),
    }


def not_served(table: pd.DataFrame) -> list[str]:
    """Return, in one line for each, which imputers could not serve how many tasks, and the first reason."""
    lost = table[table["score"] == ""]
    return [
        f"{imputer}: {group['reason'].iloc[0]} ({(count := group['task'].nunique())} task{'s' * (count > 1)})"
        for imputer, group in lost.groupby("imputer", sort=False)
    ]
