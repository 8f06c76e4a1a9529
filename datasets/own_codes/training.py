"""Training data of networks with a code of their own: the code, batches labelled by it, and what the gate asks."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ...benchmark import training_data
from ..creatures.code import PARTS, VARIANTS
from ..creatures.render import render
from ..creatures.training import training_keep
from .coalitions import Predict, asked, coalition_logits, shapley
from .codes import Known, draw_codes, game_of
from .scenes import combination, free_scenes

EXAM_SEED: Final = 203
EXAM: Final = 2000
FEW: Final = 128
"""Of how many scenes all 32 subsets of parts are looked at."""
CLEAR: Final = 0.1
"""By how much the two likeliest classes differ where a scene is clear."""
COUNT: Final = len(PARTS)
BITS: Final = 2 ** torch.arange(COUNT)


def posterior(game: Tensor, variants: Tensor, visible: Tensor) -> Tensor:
    """Look up the class probabilities (N, K) given the `visible` (N, 5) bool of the `variants` (N, 5)."""
    return game[combination(variants), (visible * BITS).sum(1)].float()


@training_data
def draw_own_code(others: Sequence[Predict]) -> Tensor:
    """Draw the game (243, 32, K) of a code unlike those of other networks, which are asked; nobody can draw it again.

    The generator starts from the system's entropy.
    """
    (code,) = draw_codes(1, np.random.default_rng(), [asked_truth(network) for network in others])
    return game_of(code)


def asked_truth(network: Predict) -> Known:
    """Return the combinations that some scenes show, and the truth about them in a network's own predictions."""
    scenes = free_scenes(FEW, EXAM_SEED)
    logits = coalition_logits(network, scenes)
    return combination(scenes.variants), shapley(logits, logits[:, -1].argmax(1), "log_odds")


@training_data
def own_code_batch(step: int, size: int, seed: int, *, game: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The step-th batch: images (N, 3, 64, 64), the code's posterior (N, K), and what each part shows, (N, 5, 4).

    The last is one-hot; the last of its four values stands for a part's absence.
    """
    scenes = free_scenes(size, seed, first=step * size)
    keep = training_keep(size, seed, first=step * size)
    visible = keep[:, :COUNT]
    shown = torch.where(visible, scenes.variants, VARIANTS)
    return render(scenes, keep)[0], posterior(game, scenes.variants, visible), one_hot(shown, VARIANTS + 1).float()


@training_data
def own_code_agreement(network: Predict, game: Tensor) -> dict[str, float]:
    """The agreement of a network with its code, on whole scenes and without some units, and its error of probability.

    `clear` are the scenes of which the code tells the likeliest class by more than 0.1.
    """
    scenes = free_scenes(EXAM, EXAM_SEED)
    whole, only, none = scenes.present, scenes.present, scenes.present
    only[:, COUNT:] = False
    none[:, :COUNT] = False
    said = posterior(game, scenes.variants, whole[:, :COUNT])
    clear = is_clear(said)
    complete, alone, without = (
        (asked(network, render(scenes, keep)[0]).argmax(1) == said.argmax(1)).double() for keep in (whole, only, none)
    )
    return {
        "accuracy": float(complete.mean()),
        "accuracy_clear": float(complete[clear].mean()),
        "accuracy_evidence_only": float(alone.mean()),
        "accuracy_evidence_only_clear": float(alone[clear].mean()),
        "accuracy_evidence_removed": float(without.mean()),
        "chance": 1 / said.shape[1],
        "posterior_error": posterior_error(network, game),
    }


def is_clear(probabilities: Tensor) -> Tensor:
    """Tell where the likeliest of the classes (N, K) is so by more than 0.1, (N,) bool."""
    first, second = probabilities.topk(2).values.unbind(1)
    return first - second > CLEAR


def posterior_error(network: Predict, game: Tensor) -> float:
    """Return the mean absolute difference of a network's and its code's probabilities, over all subsets of parts."""
    scenes = free_scenes(FEW, EXAM_SEED)
    found = coalition_logits(network, scenes).double().softmax(2)
    return float((found - game[combination(scenes.variants)]).abs().mean())
