"""All agreements of what counts most, and in which order and with which sign, with the true effects."""

from torch import Tensor

from ...benchmark import Better, Reads, Rng, descending, metric, per_unit, rounding_of, snapped

BETTER: dict[str, Better] = {
    "feature_agreement": "higher",
    "rank_agreement": "higher",
    "sign_agreement": "higher",
    "signed_rank_agreement": "higher",
    "pairwise_rank_agreement": "higher",
}
READS: dict[str, Reads] = dict.fromkeys(("feature_agreement", "rank_agreement", "pairwise_rank_agreement"), "magnitude")


@metric(better=BETTER, reads=READS, paper="arXiv:2202.01602", passes=lambda: (0, 0))
def part_agreement(attribution: Tensor, effect: Tensor, parts: Tensor, rng: Rng, *, k: int = 3) -> dict[str, Tensor]:
    """Agreement of the k largest parts, their ranks and signs with the true effects, and of the order of all pairs.

    Parts are ranked by magnitude. Krishna et al. (2022, section 3.2):

    - `feature_agreement`: the share of the k largest effects whose parts are among the k most relevant.
    - `rank_agreement`: that also have the same rank. `sign_agreement`: the same sign. `signed_rank_agreement`: both.
    - `pairwise_rank_agreement`: the share of the pairs of parts, of different effect, that relevance orders as the
      effects do; a pair that it ties counts half.

    In [0, 1]. The paper knows no ties: here any order of equal effects is right, equal relevance is ordered by chance,
    and k is at most the number of effects that are not zero. NaN where all effects are zero, or, for pairs, equal.
    Relevance that differs by a share of 2^-36 or less is tied, and so are effects that differ by the rounding of the
    precision that they are given in.
    """
    if k < 1:
        raise ValueError(f"k is {k}; expected a number of parts, at least 1")
    relevance = per_unit(attribution, parts, effect.shape[1])
    rounding = rounding_of(effect.dtype)
    given, true = snapped(relevance.abs()), snapped(effect.abs(), rounding)
    place = descending(given, rng).argsort(1)
    first, last = (true[:, None] > true[:, :, None]).sum(2), (true[:, None] >= true[:, :, None]).sum(2) - 1
    most = (effect.abs() > rounding * effect.abs().amax(1, keepdim=True)).sum(1, keepdim=True).clamp(max=k)
    both = (place < most) & (first < most)
    ranked = both & (place >= first) & (place <= last)
    signed = relevance.sign() == effect.sign()
    sure = last < most
    return {
        "feature_agreement": _share(both, sure, most),
        "rank_agreement": _share(ranked, sure, most),
        "sign_agreement": _share(both & signed, sure, most),
        "signed_rank_agreement": _share(ranked & signed, sure, most),
        "pairwise_rank_agreement": _pairs(given, true),
    }


def _share(agreeing: Tensor, sure: Tensor, most: Tensor) -> Tensor:
    """Return the share (N,) of the `most` (N, 1) largest effects that agree.

    All `sure` ones (N, U) are among these, and as many of the others, all equal, as there is room for.
    """
    room = most[:, 0] - sure.sum(1)
    return ((agreeing & sure).sum(1) + (agreeing & ~sure).sum(1).minimum(room)) / most[:, 0].double()


def _pairs(given: Tensor, true: Tensor) -> Tensor:
    order, found = ((each[:, :, None] - each[:, None]).sign().double() for each in (true, given))
    return ((order * found + 1) / 2).where(order != 0, 0.0).sum((1, 2)) / (order != 0).sum((1, 2))
