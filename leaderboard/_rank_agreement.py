"""Rank agreement of maps of the same sample on its units, against that with relabelled units."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn.functional import embedding_bag

from ..benchmark import UnknownName, areas, per_unit, snapped, streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Agreements that differ by less are equal but for rounding.
DUST = 1e-9
# Relabelled numbers that are summed while they are still in the processor's cache.
CACHED = 100_000


@dataclass(frozen=True, slots=True)
class Measure:
    """A way to compare two relevances of the same units: the inner product of what it reads from each.

    `k`, for overlap and sign agreement, is a number of units; None for a quarter of them, rounded up. `persistence`,
    for rbo, is Webber's p: at 0.9 the first ten ranks carry 86 % of the weight. `l1` is a distance, not an agreement.
    """

    name: str = "kendall"
    k: int | None = None
    persistence: float = 0.9

    def __post_init__(self) -> None:
        """Refuse what is not a measure."""
        if self.name not in KINDS:
            close = get_close_matches(self.name, KINDS, n=1)
            hint = f"did you mean {close[0]}? (known: {', '.join(KINDS)})" if close else f"known: {', '.join(KINDS)}"
            raise UnknownName(f"unknown measure {self.name!r}: {hint}")
        if not 0 < self.persistence < 1:
            raise ValueError(f"persistence is {self.persistence}; choose it between 0 and 1, both excluded")

    @property
    def reads(self) -> str:
        """Whether it ranks by signed relevance or by its magnitude."""
        return KINDS[self.name].reads

    @property
    def distance(self) -> bool:
        """Whether it is a distance, which reads the scale of the maps and is 0 where they are the same."""
        return KINDS[self.name].distance

    @property
    def title(self) -> str:
        """The measure with the setting that it reads."""
        if self.name == "rbo":
            return f"rbo (p = {self.persistence:g})"
        if self.name == "l1":
            return "l1 (a distance: the sum over units of how far their relevance per area differs)"
        if self.reads == "magnitude":
            return f"{self.name} of the most relevant {'quarter of the' if self.k is None else self.k} units"
        return self.name

    def top(self, units: int) -> int:
        """Return how many of the units are the most relevant ones."""
        k = math.ceil(units / 4) if self.k is None else self.k
        if not 1 <= k <= units:
            raise ValueError(f"k is {k}, but a sample has {units} units: choose k from 1 to {units}")
        return k

    def features(self, relevance: Floats) -> Floats:
        """Return what is compared (…, U, D) of relevances (…, U); NaN where they rank nothing or are not finite."""
        ranked = np.abs(relevance) if self.reads == "magnitude" else relevance
        with np.errstate(invalid="ignore"):
            found = KINDS[self.name].features(relevance, self)
        return np.where(varied(ranked)[..., None], found, np.nan)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of measure: its features, what it ranks by, and how features become agreement."""

    features: Callable[[Floats, Measure], Floats]
    reads: str
    products: Callable[[Floats, Ints], tuple[Floats, Floats, Floats]]
    distance: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """The agreement of all pairs of M maps on N samples, with what relabelling the units of one map at random does.

    `value`, its `expected` value (closed form) and its two-sided `p` are (N, M, M); `p_of_mean` (M, M) is of the mean
    over the samples on which both maps are defined. p counts the draws that are at least as far from the expected value
    as the agreement is, itself included. Each of the two maps is relabelled in turn, and the two p averaged.
    """

    value: Floats
    expected: Floats
    p: Floats
    p_of_mean: Floats


def unit_relevance(maps: Tensor, units: Tensor) -> Floats:
    """Return relevance per area (N, U) of maps (N, E) with units (N, E), in parts of each map's largest magnitude.

    Units that differ by the rounding of a sum are tied.
    """
    if maps.shape != units.shape:
        raise ValueError(f"maps have shape {tuple(maps.shape)}, units {tuple(units.shape)}: give both (N, E)")
    density = per_unit(maps.double(), units) / areas(units).clamp(min=1)
    largest = torch.from_numpy(unit_scale(maps, units))[:, None]
    found: Floats = snapped(density / largest.where(largest > 0, 1)).numpy()
    return found


def unit_scale(maps: Tensor, units: Tensor) -> Floats:
    """Return the largest magnitude of relevance per area (N,) of maps (N, E): what `unit_relevance` is in parts of."""
    density = per_unit(maps.double(), units) / areas(units).clamp(min=1)
    largest: Floats = density.abs().amax(1).numpy()
    return largest


def varied(relevance: Floats) -> npt.NDArray[np.bool_]:
    """Whether relevance (…, U) ranks anything, (…, 1): it is finite, and not the same everywhere."""
    varies = relevance.max(-1, keepdims=True) > relevance.min(-1, keepdims=True)
    return np.asarray(varies & np.isfinite(relevance).all(-1, keepdims=True))


def relabellings(ids: Sequence[str], units: int, draws: int, seed: int = 0) -> Ints:
    """Draw random orders of the units (N, draws, U), for each id from its own stream."""
    if draws < 1:
        raise ValueError(f"draws is {draws}: a null needs at least one")
    rng = streams(ids, seed, "agreement")
    orders: Ints = torch.stack([rng.permutation(units) for _ in range(draws)], 1).numpy()
    return orders


def compare_maps(relevance: Floats, measure: Measure, orders: Ints) -> Compared:
    """Compare all maps of each sample, relevance (N, M, U), with each other and under relabellings (N or 1, B, U).

    For the p of the mean, relabel all samples alike (1, B, U): a method whose map is much the same on every sample has
    agreed with another one once, not N times, and relabellings of each sample on its own would count it N times.
    """
    n, m, units = relevance.shape
    orders = np.broadcast_to(orders, (n, orders.shape[1], units))
    if m < 2:
        raise ValueError(f"agreement is between at least two maps of a sample, got {m}")
    value, expected, p = (np.empty((n, m, m)) for _ in range(3))
    total = np.zeros((orders.shape[1], m, m))
    for sample, (maps, order) in enumerate(zip(relevance, orders, strict=True)):
        value[sample], expected[sample], drawn = KINDS[measure.name].products(measure.features(maps), order)
        beyond = drawn - expected[sample]
        p[sample] = _share(beyond, value[sample] - expected[sample])
        total += np.nan_to_num(beyond)
    observed = np.where(np.isnan(value).all(0), np.nan, np.nansum(value - expected, 0))
    return Compared(value, expected, p, _share(total, observed))


def _share(drawn: Floats, observed: Floats) -> Floats:
    """The share (M, M) of drawn deviations (B, M, M) that reach the observed one, which counts as a draw itself."""
    reached = (np.abs(drawn) >= np.abs(observed) - DUST).sum(0)
    p = (1 + (reached + reached.T) / 2) / (1 + len(drawn))
    return np.where(np.isnan(observed), np.nan, p)


def _of_units(features: Floats, orders: Ints) -> tuple[Floats, Floats, Floats]:
    """Inner products (M, M) of features (M, U, D) of units, their mean over all orders, and those in orders (B, U)."""
    maps, units, width = features.shape
    totals = features.sum(1)
    second = features.transpose(1, 0, 2).reshape(units * maps, width)
    drawn = _relabelled((rows @ second.T for rows in features), orders, maps)
    return np.einsum("aud,bud->ab", features, features), totals @ totals.T / units, drawn


def _of_distances(features: Floats, orders: Ints) -> tuple[Floats, Floats, Floats]:
    """Sums (M, M) of distances of features (M, U, 1) of units, their mean over all orders, those in orders (B, U)."""
    values, (maps, units, _) = features[..., 0], features.shape
    tables = [np.abs(row[:, None, None] - values.T) for row in values]
    drawn = _relabelled(tables, orders, maps)
    mean = np.stack([table.sum((0, 1)) / units for table in tables])
    return np.abs(values[:, None] - values).sum(-1), mean, drawn


def _relabelled(tables: Iterable[Floats], orders: Ints, maps: int) -> Floats:
    """Sums in orders (B, U), from each map's table of its units by the units of all maps (U, U, M)."""
    units = orders.shape[1]
    cells = torch.from_numpy(orders + units * np.arange(units))
    drawn = np.empty((len(orders), maps, maps))
    for first, table in enumerate(tables):
        # Each unit of one map with each of the others; a relabelling picks one cell of each row, and sums them.
        kernel = torch.from_numpy(table.reshape(units * units, maps))
        drawn[:, first] = embedding_bag(cells, kernel, mode="sum").numpy()
    return drawn


def _of_pairs(signs: Floats, orders: Ints) -> tuple[Floats, Floats, Floats]:
    """Cosines (M, M) of the signs (M, U, U) of pairs of units, their mean over all orders, those in orders (B, U).

    The mean is zero: a relabelling is as likely as the one that turns a pair round. Sums of signs are exact in single
    precision, which halves the time.
    """
    maps, units, _ = signs.shape
    first, second = np.triu_indices(units)
    flat = signs.reshape(maps, -1).astype(np.float32)
    fixed = flat[:, first * units + second]
    raw = (fixed @ fixed.T).astype(np.float64)
    scale = np.sqrt(np.outer(raw.diagonal(), raw.diagonal()))
    drawn = np.empty((len(orders), maps, maps))
    step = max(1, CACHED // fixed.size)
    for at in range(0, len(orders), step):
        some = orders[at : at + step]
        moved = flat.take(some[:, first] * units + some[:, second], axis=1)
        drawn[at : at + step] = (moved @ fixed.T).transpose(1, 2, 0) / scale
    return raw / scale, 0 * raw, drawn


def _kendall(relevance: Floats, _: Measure) -> Floats:
    signs = np.sign(relevance[..., :, None] - relevance[..., None, :])
    return np.asarray(signs)


def _spearman(relevance: Floats, _: Measure) -> Floats:
    ranks = rankdata(relevance, axis=-1) - (relevance.shape[-1] + 1) / 2
    return np.asarray(ranks / np.sqrt((ranks**2).sum(-1, keepdims=True)))[..., None]


def _overlap(relevance: Floats, measure: Measure) -> Floats:
    k = measure.top(relevance.shape[-1])
    return _among_first(np.abs(relevance), np.array([k])) / math.sqrt(k)


def _sign_agreement(relevance: Floats, measure: Measure) -> Floats:
    signs = np.stack([relevance > 0, relevance < 0], axis=-1)
    return _overlap(relevance, measure) * signs


def _rbo(relevance: Floats, measure: Measure) -> Floats:
    """Both rank all units, so the overlap at the last depth U is U, and extrapolation adds persistence^U."""
    depth, p = np.arange(1, relevance.shape[-1] + 1), measure.persistence
    weight = (1 - p) * p ** (depth - 1.0) / depth
    weight[-1] += p ** len(depth) / len(depth)
    return _among_first(relevance, depth) * np.sqrt(weight)


def _cosine(relevance: Floats, _: Measure) -> Floats:
    return np.asarray(relevance / np.linalg.norm(relevance, axis=-1, keepdims=True))[..., None]


def _values(relevance: Floats, _: Measure) -> Floats:
    return relevance[..., None]


def _among_first(relevance: Floats, depth: Ints) -> Floats:
    """The chance of each unit to be among the first `depth` (D,), (…, U, D), with ties in random order."""
    above = rankdata(-relevance, "min", axis=-1)[..., None] - 1
    through = rankdata(-relevance, "max", axis=-1)[..., None]
    return np.clip((depth - above) / (through - above), 0, 1)


KINDS: Mapping[str, Kind] = {
    "kendall": Kind(_kendall, "signed", _of_pairs),
    "spearman": Kind(_spearman, "signed", _of_units),
    "rbo": Kind(_rbo, "signed", _of_units),
    "overlap": Kind(_overlap, "magnitude", _of_units),
    "sign_agreement": Kind(_sign_agreement, "magnitude", _of_units),
    "cosine": Kind(_cosine, "signed", _of_units),
    "l1": Kind(_values, "signed", _of_distances, distance=True),
}
"""Kendall's tau-b; Spearman's rho on mid-ranks; extrapolated rank-biased overlap (Webber et al. 2010) of all units; the
share of the k most relevant units that two maps have in common, and in common with the same sign (Krishna et al. 2022;
zero has none). Where ties leave open who is among the first, rbo, overlap and sign_agreement are the expected value
over independent random orders of the tied: a map with ties agrees with itself to less than 1. Then, of values instead
of ranks: the cosine, 1 less the distance of that name; and the l1 distance, which reads the scale of the maps, too: 0
where they are the same (Han et al. 2022 have both for methods and what should be their equals)."""
