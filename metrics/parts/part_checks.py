"""The three checks of completeness on parts, from the same passes: every choice of parts is made once."""

import torch
from torch import Tensor

from ...benchmark import Better, Game, Refused, Rng, descending, metric, per_unit
from ._parts import marked

BETTER: dict[str, Better] = {
    "controlled_synthetic_data_check": "higher",
    "preservation_check": "higher",
    "deletion_check": "higher",
}
MOST = 10
"""Parts of which all choices are made."""


@metric(better=BETTER, descriptive=("controlled_synthetic_data_check",), paper="arXiv:2308.06248")
def part_checks(
    scene: Game, attribution: Tensor, truth: Tensor, parts: Tensor, rng: Rng, *, sufficient: float = 0.9
) -> dict[str, Tensor]:
    """Whether the parts estimated to be important are, when the scene is made again without others, or without them.

    The scene is made with every choice of the true parts, everything else staying in it. The important parts are the k
    with the most relevance, and each score is the mean over all k from one part to all but one, where Hesse et al.
    (2023) choose a threshold of relevance on the test samples. All are NaN where the target is not predicted for the
    whole scene.

    - `preservation_check`: whether the target stays predicted with only the important parts.
    - `deletion_check`: whether it is predicted no more without them.
    - `controlled_synthetic_data_check`: the share of a minimal sufficient set of parts that is among the important, for
      the set of which most is. Sufficient is a choice that keeps the share `sufficient` of what all parts together add
      to the score, minimal if no part of it is: what the network needs, where the paper takes what tells the classes
      apart in the data. NaN where the parts add nothing.
    """
    if not 0 < sufficient <= 1:
        raise ValueError(f"sufficient is {sufficient}; give a share of what all parts add, above 0 and up to 1")
    own = marked(truth, parts, scene.players)
    size = own.sum(1, keepdim=True)
    most = int(size.max())
    if most > MOST:
        raise Refused(f"all choices of {most} parts are too many: at most {MOST}")
    relevance = per_unit(attribution, parts, scene.players).masked_fill(~own, -torch.inf)
    place = descending(relevance, rng).argsort(1)
    # Bit k of a choice's number is the part that comes k-th in relevance: the first k are number 2^k - 1.
    choices, k = torch.arange(2**most, device=parts.device), torch.arange(1, max(most, 1), device=parts.device)
    kept = (choices[:, None] >> place[:, None] & 1).bool() | ~own[:, None]
    logits = scene.logits(kept)
    predicted, value = scene.read(logits, "margin") > 0, scene.read(logits)
    all_ = 2**size
    checks = {
        "controlled_synthetic_data_check": _found(_sufficient(value, all_, sufficient), choices, k),
        "preservation_check": predicted[:, 2**k - 1].double(),
        "deletion_check": 1 - predicted.gather(1, (all_ - 2**k).clamp(min=0)).double(),
    }
    right = predicted.gather(1, all_ - 1)[:, 0]
    return {name: _mean(values, k < size).where(right, torch.nan) for name, values in checks.items()}


def _sufficient(value: Tensor, all_: Tensor, share: float) -> Tensor:
    """Return which choices (N, M) keep a share of what all parts add to the value; none where they add nothing."""
    none, most = value[:, :1], value.gather(1, all_ - 1)
    return (value - none >= share * (most - none)) & (most > none)


def _found(sufficient: Tensor, choices: Tensor, k: Tensor) -> Tensor:
    """Return the share (N, K) of a minimal sufficient choice that is among the first k parts, of the one with most."""
    first = 2**k - 1
    part = (choices[:, None] & choices == choices[:, None]) & (choices[:, None] != choices)
    minimal = sufficient & (sufficient.double() @ part.double() == 0)
    share = _count(choices[:, None] & first) / _count(choices)[:, None]
    best = share.masked_fill(~minimal[:, :, None], -torch.inf).amax(1)
    return best.where(minimal.any(1, keepdim=True), torch.nan)


def _count(choices: Tensor) -> Tensor:
    """Return how many parts each choice has."""
    return (choices[..., None] >> torch.arange(MOST, device=choices.device) & 1).sum(-1)


def _mean(values: Tensor, real: Tensor) -> Tensor:
    return values.where(real, 0.0).sum(1) / real.sum(1)
