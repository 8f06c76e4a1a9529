"""Codes: soft class probabilities for every combination of the variants of the parts, drawn at random.

A class's utility adds up random amounts for the variant of every part and, for some pairs of parts, what two variants
are worth together. Classes are equally frequent, and the parts equally strong, so that neither the class nor the part
alone foretells what a part counts for. Hidden parts are averaged out: every subset of parts has its own posterior.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cosine_similarity

from .._draws import Floats
from .._shapley import coalitions, exact_shapley
from ..creatures.code import PARTS, VARIANTS
from .scenes import COMBINATIONS

CLASSES: Final = 6
PAIRS: Final = 3
PAIR_WEIGHT: Final = 0.8
PEAK: Final = 0.85
"""The median over the combinations of the largest class probability."""
ROUNDS: Final = 25
ALIKE: Final = 0.15
"""From which mean centred cosine of their truths on two codes count as alike."""
CLASS_SAYS: Final = 0.5
BALANCE: Final = 0.8
TRIES: Final = 1000

Known: TypeAlias = tuple[Tensor, Tensor]
"""Numbers of combinations (N,), and what some code's, or network's, truth about them is, (N, 5)."""

ONE_HOT: Final = np.eye(VARIANTS)[np.indices((VARIANTS,) * len(PARTS)).reshape(len(PARTS), -1).T]
"""The variant of each part in each combination, one-hot (243, 5, 3)."""


def draw_code(rng: Generator) -> Tensor:
    """Draw a code, (243, K) float64: a softmax of utilities whose parts are all equally strong."""
    alone = centred(rng.standard_normal((CLASSES, len(PARTS), VARIANTS)))
    where = rng.permuted(np.tile(np.arange(len(PARTS)), (CLASSES, PAIRS, 1)), axis=2)[..., :2]
    together = centred(rng.standard_normal((CLASSES, PAIRS, 2, VARIANTS)))
    strength = np.ones(len(PARTS))
    for _ in range(ROUNDS):
        code = torch.from_numpy(sharpened(balanced(utilities(alone, where, together, strength))))
        mean = truth_of(code).mean(0).numpy()
        strength = strength * np.sqrt(mean.mean() / mean.clip(min=0.05))
        strength /= strength.mean()
    return code


def utilities(alone: Floats, where: NDArray[np.int64], together: Floats, strength: Floats) -> Floats:
    """Return the utility of each combination for each class, (243, K).

    `alone` is (K, 5, 3); pair m of class k is the parts `where[k, m]` (K, M, 2), worth the product of what each one's
    variant is in `together` (K, M, 2, 3).
    """
    single = np.einsum("cpv,kpv,p->ck", ONE_HOT, alone, strength)
    worth = np.einsum("ckmsv,kmsv->ckms", ONE_HOT[:, where], together) * np.sqrt(strength)[where]
    both: Floats = single + PAIR_WEIGHT * worth.prod(3).sum(2)
    return both


def centred(values: Floats) -> Floats:
    """Return values whose mean over the last axis is 0."""
    return np.asarray(values - values.mean(-1, keepdims=True))


def softmax(utility: Floats) -> Floats:
    """Return the class probabilities of utilities (243, K)."""
    powers = np.exp(utility - utility.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def balanced(utility: Floats) -> Floats:
    """Return utilities of spread 1 plus an offset per class with which all are about equally often the largest."""
    scaled = utility / utility.std()
    offset = np.zeros(utility.shape[1])
    for _ in range(400):
        offset -= 0.1 * np.log(softmax(6 * (scaled + offset)).mean(0) * len(offset))
    return np.asarray(scaled + offset)


def sharpened(utility: Floats) -> Floats:
    """Return the softmax of utilities with the slope that brings the median largest probability to PEAK."""
    low, high = 0.01, 200.0
    for _ in range(50):
        slope = np.sqrt(low * high)
        low, high = (slope, high) if np.median(softmax(slope * utility).max(1)) < PEAK else (low, slope)
    return softmax(slope * utility)


def game_of(code: Tensor) -> Tensor:
    """Return the class probabilities given every subset of visible parts, (243, 32, K).

    Subsets stand as in `coalitions`; a hidden part's variants are equally likely.
    """
    table = code.reshape(*(VARIANTS,) * len(PARTS), -1)
    hidden = [tuple((~kept).nonzero()[:, 0].tolist()) for kept in coalitions(len(PARTS))]
    means = [table.mean(parts, keepdim=True) if parts else table for parts in hidden]
    return torch.stack([mean.expand_as(table).reshape(COMBINATIONS, -1) for mean in means], 1)


def truth_of(code: Tensor) -> Tensor:
    """Return the exact Shapley values of the parts, (243, 5), in log-odds of each combination's likeliest class."""
    target = code.argmax(1)[:, None, None].expand(-1, 2 ** len(PARTS), -1)
    return exact_shapley(game_of(code).gather(2, target)[..., 0].logit())


def alikeness(one: Tensor, other: Tensor) -> float:
    """Return the mean centred cosine of two truths (N, 5) about the same scenes."""
    first, second = (truth - truth.mean(1, keepdim=True) for truth in (one, other))
    return float(cosine_similarity(first, second).mean())


def class_mean(truth: Tensor, target: Tensor) -> Tensor:
    """Return for each scene the mean truth of all scenes of its class, (N, 5)."""
    same = (target[:, None] == target).to(truth)
    return same @ truth / same.sum(1, keepdim=True)


def acceptable(code: Tensor, known: Sequence[Known] = ()) -> bool:
    """Tell whether a code's classes are balanced and do not foretell its truth, which is unlike those already known."""
    truth, target = truth_of(code), code.argmax(1)
    smallest = target.bincount(minlength=CLASSES).min() * CLASSES / COMBINATIONS
    return (
        bool(smallest > BALANCE)
        and alikeness(truth, class_mean(truth, target)) < CLASS_SAYS
        and all(abs(alikeness(truth[rows], other)) < ALIKE for rows, other in known)
    )


def draw_codes(count: int, rng: Generator, known: Sequence[Known] = ()) -> list[Tensor]:
    """Draw acceptable codes, each unlike all others and what is known; if there are not so many, it is a ValueError."""
    found: list[Tensor] = []
    taken = list(known)
    for _ in range(TRIES):
        if len(found) == count:
            return found
        code = draw_code(rng)
        if acceptable(code, taken):
            found.append(code)
            taken.append((torch.arange(COMBINATIONS), truth_of(code)))
    raise ValueError(
        f"count is {count}, but among {TRIES} codes only {len(found)} were unlike each other: ask for less"
    )
