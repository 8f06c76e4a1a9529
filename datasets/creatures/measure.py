"""Measures of a network on the creatures: the model gate's accuracies and the effects of single removals."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from ...benchmark import training_data
from .code import CLASSES, PARTS
from .render import render
from .scenes import DISTRACTORS, UNITS, Scenes, sample_scenes

Predict: TypeAlias = Callable[[Tensor], Tensor]

EXAM_SEED = 103
PART_UNITS = slice(0, len(PARTS))
DISTRACTOR_UNITS = slice(len(PARTS), len(PARTS) + DISTRACTORS)


@torch.no_grad()
def probabilities(predict: Predict, scenes: Scenes, keep: Tensor) -> Tensor:
    """The class probabilities (N, K) of the rendered scenes; `predict` maps images to logits."""
    images, _ = render(scenes, keep)
    return torch.cat([predict(chunk) for chunk in torch.split(images, 100)]).softmax(1)


def gate_accuracies(predict: Predict, scenes: Scenes) -> dict[str, float]:
    """The accuracy on complete scenes, on parts without distractors and background, and with all parts removed."""
    complete = scenes.present
    parts_only, parts_removed = complete.clone(), complete.clone()
    parts_only[:, len(PARTS) :] = False
    parts_removed[:, PART_UNITS] = False
    keeps = {"accuracy": complete, "accuracy_evidence_only": parts_only, "accuracy_evidence_removed": parts_removed}
    return {
        name: float((probabilities(predict, scenes, keep).argmax(1) == scenes.label).double().mean())
        for name, keep in keeps.items()
    }


def removal_effects(predict: Predict, scenes: Scenes) -> Tensor:
    """By how much the probability of the true class falls when each of UNITS alone is removed, (N, U)."""
    complete = scenes.present
    of_label = scenes.label[:, None]
    before = probabilities(predict, scenes, complete).gather(1, of_label)
    after = []
    for unit in range(len(UNITS)):
        keep = complete.clone()
        keep[:, unit] = False
        after.append(probabilities(predict, scenes, keep).gather(1, of_label))
    return before - torch.cat(after, 1)


@training_data
def creature_accuracies(network: Predict) -> dict[str, float]:
    """The accuracies that the model gate asks of a network, on 2000 whole scenes that it was not trained on."""
    return {**gate_accuracies(network, sample_scenes(2000, EXAM_SEED)), "chance": 1 / CLASSES}
