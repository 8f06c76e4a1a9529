"""Family-balanced means with intervals over tasks, simultaneous pairwise tests, tiers, the reliability of a ranking.

Everywhere `scores` is (T, M), tasks by methods, without NaN, and `families` (T,) names the family of each task. The
task is the sampling unit, families are fixed and weigh the same. Where networks are the sampling unit, `scores` is
networks by methods, and `families` names for each network its family and its architecture in it: families weigh the
same, and so do architectures within one.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Stratum: TypeAlias = str | tuple[str, ...]
"""A family; or a family, and then what lies within it."""

# Differences below this share of the largest score are rounding, not differences.
DUST = 1e-13
POWER = 0.8
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Separation:
    """All pairs judged together: `difference` and `better` (M, M), `critical` value, `errors` (P,) of pairs i < j."""

    difference: Floats
    better: Bools
    critical: float
    errors: Floats


def task_weights(families: Sequence[Stratum]) -> Floats:
    """1 / (F n_family) for each task (T,): families weigh the same, and tasks within one; with architectures, those."""
    paths = _paths(families)
    size, known = Counter(paths), {path[:depth] for path in paths for depth in range(1, len(path) + 1)}
    beside = Counter(path[:-1] for path in known)
    shares = {path: math.prod(beside[path[:depth]] for depth in range(len(path))) * size[path] for path in size}
    return np.array([1 / shares[path] for path in paths], dtype=np.float64)


def _paths(families: Sequence[Stratum]) -> list[tuple[str, ...]]:
    return [(family,) if isinstance(family, str) else family for family in families]


def strata(families: Sequence[Stratum]) -> Ints:
    """The stratum (T,) in which each task's residual is taken: its family, where that has two tasks or more.

    A family of one task says nothing about its own spread. Such families join the smallest larger one, or one another
    where there is none, for the residuals only (collapsed strata, Cochran 1977, 5A.12); architectures do so within
    their family, if they can. This takes their tasks to scatter alike; what differs between the joined families counts
    as scatter too, so intervals err to the wide side.
    """
    paths = _paths(families)
    size, home = Counter(paths), {path: path for path in paths}
    for depth in reversed(range(max(map(len, paths), default=0))):
        for parent in {path[:depth] for path in size}:
            within = sorted(path for path in size if path[:depth] == parent)
            alone = [path for path in within if size[path] == 1]
            joined = min((path for path in within if size[path] > 1), key=lambda path: size[path], default=within[0])
            for path in alone:
                if path != joined:
                    home = {task: joined if now == path else now for task, now in home.items()}
                    size[joined] += size.pop(path)
    return np.unique([sorted(home).index(home[path]) for path in paths], return_inverse=True)[1].astype(np.int64)


def degrees_of_freedom(families: Sequence[Stratum], scores: Floats | None = None) -> float:
    """The degrees of freedom of the variance of a balanced mean, 0 below two tasks.

    T - F where families have equal sizes. Otherwise less (Satterthwaite, with equal scatter in all tasks): small
    families weigh most and know least, and T - F would cover too little (.89 instead of .95 with families of 8, 2 and 2
    tasks). Where there are architectures, scatter is equal within a family, and else as the `scores` of all methods
    show on average.
    """
    scatter = _scatter(families, scores).mean(axis=0, keepdims=True) if scores is not None else np.ones((1, 1))
    return float(_freedom(families, scatter)[0])


def _freedom(families: Sequence[Stratum], scatter: Floats) -> Floats:
    """The degrees of freedom (K,) where tasks scatter so in each stratum (K, S), or alike in all (1, 1)."""
    if len(families) < 2:
        return np.zeros(len(scatter))
    of_task = strata(families)
    variances = np.bincount(of_task, task_weights(families) ** 2) * scatter
    return np.asarray(variances.sum(axis=1) ** 2 / (variances**2 / (np.bincount(of_task) - 1)).sum(axis=1))


def _scatter(families: Sequence[Stratum], scores: Floats) -> Floats:
    """The variance of each method's tasks in each stratum (M, S), the mean over those of a family; one if all are."""
    of_task = strata(families)
    of_stratum = np.unique(_parents(families, of_task), return_inverse=True)[1]
    if not of_stratum.any():
        return np.ones((scores.shape[1], 1))
    blocks = [scores[of_task == stratum] for stratum in range(len(of_stratum))]
    squares = np.array([((block - block.mean(axis=0)) ** 2).sum(axis=0) for block in blocks]).T
    same = np.eye(of_stratum.max() + 1)[of_stratum]
    known = squares @ same / ((np.bincount(of_task) - 1) @ same)
    return np.where(known.any(axis=1, keepdims=True), known[:, of_stratum], 1.0)


def _parents(families: Sequence[Stratum], of_task: Ints) -> list[str]:
    """The family that the architectures of each stratum (S,) share; nothing where strata are families themselves."""
    above: dict[int, set[tuple[str, ...]]] = {}
    for stratum, path in zip(of_task.tolist(), _paths(families), strict=True):
        above.setdefault(stratum, set()).add(path[:-1])
    return [repr(min(above[stratum])) if len(above[stratum]) == 1 else "" for stratum in sorted(above)]


def balanced_mean(scores: Floats, families: Sequence[Stratum]) -> Floats:
    """The family-balanced mean (M,): correctly rounded sums, so that no bit depends on other methods or task order."""
    weights = task_weights(families)
    return np.array([math.fsum(column) for column in scores.T * weights], dtype=np.float64)


def residuals(scores: Floats, families: Sequence[Stratum]) -> Floats:
    """Weighted residuals R (T, M) with R'R = Cov of the balanced means; NaN below two tasks."""
    columns = np.ascontiguousarray(scores.T)
    weights, of_task = task_weights(families), strata(families)
    out = np.empty_like(columns)
    for stratum in range(of_task.max() + 1):
        members = np.flatnonzero(of_task == stratum)
        block = np.take(columns, members, axis=1)
        scale = math.sqrt(np.square(weights[members]).mean()) * _inflation(len(members))
        out[:, members] = scale * (block - block.mean(axis=1, keepdims=True))
    return out.T


def _inflation(n: int) -> float:
    return math.sqrt(n / (n - 1)) if n > 1 else math.nan


def critical_values(families: Sequence[Stratum], level: float, scores: Floats | None = None) -> tuple[float, float]:
    """Student's t for a two-sided interval and for the power; NaN without a degree of freedom."""
    df = degrees_of_freedom(families, scores)
    if not df:
        return math.nan, math.nan
    return float(stats.t.ppf((1 + level) / 2, df)), float(stats.t.ppf(POWER, df))


def mean_interval(scores: Floats, families: Sequence[Stratum], level: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """The family-balanced mean and its t interval over tasks: mean, low, high, (M,); bounds NaN below two tasks.

    The degrees of freedom are each method's own, so that no interval depends on who else entered.
    """
    mean = balanced_mean(scores, families)
    squares = np.ascontiguousarray(residuals(scores, families).T) ** 2
    half = stats.t.ppf((1 + level) / 2, _freedom(families, _scatter(families, scores))) * np.sqrt(squares.sum(axis=1))
    return mean, mean - half, mean + half


def separate(
    scores: Floats, families: Sequence[Stratum], *, level: float, draws: int, seed: int, margin: float = 0.0
) -> Separation:
    """Judge all pairs at once: the sign-flip quantile of max |t|, or Bonferroni's t where that is larger.

    Few tasks have few sign patterns, which bounds the sign-flip quantile: alone, it would cover .7 instead of .95 for
    12 methods on 2 families of 3 tasks, and .89 for 30 methods on 4 families of 3. A pair that differs by less than
    `margin` is not told apart, however sure the difference.
    """
    first, second = np.triu_indices(scores.shape[1], 1)
    dust = DUST * np.abs(scores).max()
    spread = residuals(scores, families)
    spread = _without_dust(spread[:, first] - spread[:, second], dust)
    errors = np.sqrt((spread**2).sum(axis=0))
    mean = balanced_mean(scores, families)
    difference = _without_dust(mean[:, None] - mean[None, :], dust)
    flipped = max_t(spread, families, level=level, draws=draws, seed=seed)
    critical = max(flipped, bonferroni_t(len(first), families, level, relative(scores)))
    better = np.zeros(difference.shape, dtype=np.bool_)
    gap = difference[first, second]
    apart = (np.abs(gap) > critical * errors if math.isfinite(critical) else False) & (np.abs(gap) >= margin - dust)
    better[first, second] = apart & (gap > 0)
    better[second, first] = apart & (gap < 0)
    return Separation(difference, better, critical, errors)


def relative(scores: Floats) -> Floats:
    """The scores (T, M) less the mean of all methods: they scatter as the differences of all pairs do."""
    return np.asarray(scores - scores.mean(axis=1, keepdims=True))


def bonferroni_t(pairs: int, families: Sequence[Stratum], level: float, scores: Floats | None = None) -> float:
    """Student's t at which all pairs together err at most 1 - level; infinite where nothing can be told."""
    df = degrees_of_freedom(families, scores)
    return float(stats.t.ppf(1 - (1 - level) / (2 * pairs), df)) if pairs and df else math.inf


def _without_dust(values: Floats, dust: float) -> Floats:
    return np.where(np.abs(values) <= dust, 0.0, values)


def max_t(spread: Floats, families: Sequence[Stratum], *, level: float, draws: int, seed: int) -> float:
    """The critical value of all P pairs together, from their residual differences (T, P); infinite where none can do.

    One sign per task and draw; each draw is studentised by its own residuals, centred again inside the strata. The
    order statistic is taken from above. With only two tasks in every family it is huge or infinite, and nobody is
    separated: give a family three tasks or more.
    """
    if not spread.shape[1] or not degrees_of_freedom(families):
        return math.inf
    signs = random_signs(draws, len(families), seed)
    gram = _centring(families)
    largest = [_largest_t(signs[at : at + CHUNK], spread, gram) for at in range(0, draws, CHUNK)]
    return float(np.quantile(np.concatenate(largest), level, method="higher"))


def random_signs(draws: int, n: int, seed: int) -> Floats:
    """Seeded signs, +1 or -1, (draws, n)."""
    return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(draws, n))


def _centring(families: Sequence[Stratum]) -> Floats:
    """G (T, T) with x'Gx the inflated sum of squares of x around its strata's means."""
    of_task = strata(families)
    same = of_task[:, None] == of_task[None, :]
    size = same.sum(axis=1)
    return np.asarray((np.eye(len(of_task)) - same / size) * size / (size - 1))


def _largest_t(signs: Floats, spread: Floats, gram: Floats) -> Floats:
    """Max |t| over pairs (B,) for signs (B, T); as signs square to one, only products of two tasks change with them."""
    total = (np.diag(gram)[:, None] * spread**2).sum(axis=0)
    row, column = np.nonzero(np.triu(gram, 1))
    products = 2 * gram[row, column, None] * spread[row] * spread[column]
    variance = total + (signs[:, row] * signs[:, column]) @ products
    numerator = np.abs(signs @ spread)
    known = variance > 1e-12 * total
    ratio = np.where(numerator > 1e-9 * np.sqrt(total), np.inf, 0.0)
    np.divide(numerator, np.sqrt(variance, where=known, out=np.ones_like(variance)), where=known, out=ratio)
    return np.asarray(ratio.max(axis=1))


def order(mean: Floats) -> Ints:
    """Positions from best to worst; equals keep their place."""
    return np.argsort(-mean, kind="stable")


def tiers(mean: Floats, better: Bools) -> list[str]:
    """A letter per method (M,): a tier ends before the first method separated from its best, the fixed anchor."""
    letters = [""] * len(mean)
    ranked = order(mean)
    anchor, tier = ranked[0], 0
    for method in ranked:
        if better[anchor, method]:
            anchor, tier = method, tier + 1
        letters[method] = _letter(tier)
    return letters


def _letter(tier: int) -> str:
    """A … Z, then AA, AB, …"""
    return (_letter(tier // 26 - 1) if tier >= 26 else "") + chr(ord("A") + tier % 26)


def effective_number(scores: Floats) -> float:
    """The effective number of tasks: (sum of l)^2 / sum of l^2 over the eigenvalues l of their correlation matrix C.

    This participation ratio is T^2 / sum of C_tu^2. C correlates, over methods, the residuals of the scores without the
    tasks' and the methods' means, z_tm - z_t. - z_.m + z_..: in which way a task departs from the common order. It is 1
    where all tasks depart alike or oppositely, and T - 1 at most, for residuals that sum to zero have correlations of
    -1 / (T - 1) where tasks are independent. Few methods hold it down, too (M - 1 at most). Tasks that do not depart
    are left out; NaN below three methods, or where fewer than two tasks depart.
    """
    rest = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    size = np.sqrt((rest**2).sum(axis=1))
    departs = size > DUST * np.abs(scores).max(initial=0.0)
    count = int(departs.sum())
    if scores.shape[1] < 3 or count < 2:
        return math.nan
    rest = rest[departs] / size[departs, None]
    return count**2 / float(((rest @ rest.T) ** 2).sum())


def reliability(scores: Floats, families: Sequence[Stratum], *, splits: int = 200, seed: int = 0) -> float:
    """Mean Kendall tau-b between the boards of two random halves of the tasks; NaN below two tasks or two methods.

    Halves are stratified: families are dealt out in turn, so that both halves differ by at most one task in each family
    and in all.
    """
    if min(scores.shape) < 2:
        return math.nan
    rng = np.random.default_rng(seed)
    paths = _paths(families)
    names = sorted(set(paths))
    codes = np.array([names.index(path) for path in paths])
    taus = [_split_tau(scores, paths, _deal(codes, rng)) for _ in range(splits)]
    defined = [tau for tau in taus if not math.isnan(tau)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def _deal(codes: Ints, rng: np.random.Generator) -> Bools:
    """True for the tasks (T,) of the first half."""
    place = rng.permutation(codes.max() + 1)[codes]
    shuffled = np.lexsort((rng.random(len(codes)), place))
    first = np.empty(len(codes), dtype=np.bool_)
    first[shuffled] = np.arange(len(codes)) % 2 == 0
    return first


def _split_tau(scores: Floats, families: Sequence[Stratum], first: Bools) -> float:
    halves = [task_weights([*compress(families, half)]) @ scores[half] for half in (first, ~first)]
    return float(stats.kendalltau(*halves).statistic)
