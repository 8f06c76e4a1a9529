"""Training batches in which every removal of units occurs, so that a network's output on them is a posterior."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ...benchmark import training_data
from .._draws import Draws
from .code import PARTS, VARIANTS, posterior
from .render import render
from .scenes import DISTRACTORS, sample_scenes

REMOVAL_STREAM = 1


def training_keep(n: int, seed: int, first: int = 0) -> Tensor:
    """Which of UNITS scenes first..first+n-1 keep, (N, U) bool.

    Half of the scenes keep all parts, the others lose a random subset whose size is uniform over 1..5; a distractor is
    removed with probability 1/4, the background with probability 1/5.
    """
    draws = Draws(n, seed, first, stream=REMOVAL_STREAM)
    removed = draws.integers(1, high=len(PARTS)) + 1
    rank = draws.uniform(len(PARTS)).argsort(1).argsort(1)
    parts = (rank >= removed) | (draws.uniform(1) < 0.5)
    keep = [parts, draws.uniform(DISTRACTORS) >= 0.25, draws.uniform(1) >= 0.2]
    return torch.cat([torch.from_numpy(units) for units in keep], 1)


@training_data
def creature_batch(step: int, size: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The step-th batch: images (N, 3, 64, 64), class posterior (N, K), and what each part shows, (N, 5, 4) one-hot.

    The last of the four values of a part stands for its absence.
    """
    scenes = sample_scenes(size, seed, first=step * size)
    keep = training_keep(size, seed, first=step * size)
    visible = keep[:, : len(PARTS)]
    shown = torch.where(visible, scenes.variants, VARIANTS)
    return render(scenes, keep)[0], posterior(scenes.variants, visible), one_hot(shown, VARIANTS + 1).float()
