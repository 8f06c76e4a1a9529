"""Localisation metrics of quantus."""

import numpy as np
import torch
from torch import Tensor

from ...benchmark import BlackBox, Refused
from ._call import Outputs, as_map, ask, made, quantus_peer

ASKED = "Elements that the question leaves open, which it cannot leave out, are made the least relevant."


def located(kind: str, x: Tensor, target: Tensor, maps: Tensor, truth: Tensor, **settings: object) -> Tensor:
    """Return what a metric says of where the relevance of maps (N, E) is; rows are handed over as rows of pixels."""
    pictures = x if x.ndim > 2 else x[:, None, None]
    words = {"a_batch": as_map(maps, pictures), "s_batch": as_map(truth, pictures).int()}
    return torch.as_tensor(np.asarray(ask(made(kind, pictures, **settings), pictures, target, **words))).double()


def last(attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """Return maps in which the elements that a question leaves open come after all others."""
    asked = truth | impossible
    least, most = (
        attribution.masked_fill(~asked, end).aminmax(dim=1, keepdim=True)[which]
        for which, end in enumerate((torch.inf, -torch.inf))
    )
    step = torch.maximum(most - least, most.abs())
    return attribution.where(asked, (least - step.where(step > 0, 1.0)).nan_to_num(0.0))


@quantus_peer("PointingGame", of="pointing_game", like="pointing_game", note=ASKED)
def pointing_game(x: Tensor, target: Tensor, attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """PointingGame of quantus."""
    return located("PointingGame", x, target, last(attribution, truth, impossible), truth)


@quantus_peer(
    "RelevanceMassAccuracy",
    of="relevance_mass",
    like="relevance_mass",
    reads="positive",
    note=f"It sums negative relevance, too; it is handed the positive part, which ours reads. {ASKED}",
)
def relevance_mass_accuracy(
    x: Tensor, target: Tensor, attribution: Tensor, truth: Tensor, impossible: Tensor
) -> Tensor:
    """RelevanceMassAccuracy of quantus."""
    return located("RelevanceMassAccuracy", x, target, attribution.clamp(min=0) * (truth | impossible), truth)


@quantus_peer(
    "AttributionLocalisation",
    of="relevance_mass",
    like="relevance_mass",
    reads="positive",
    note=f"abs=False and positive_attributions=True: ours reads the positive part. {ASKED}",
)
def attribution_localisation(
    x: Tensor, target: Tensor, attribution: Tensor, truth: Tensor, impossible: Tensor
) -> Tensor:
    """AttributionLocalisation of quantus."""
    positive = {"abs": False, "positive_attributions": True}
    return located("AttributionLocalisation", x, target, attribution * (truth | impossible), truth, **positive)


@quantus_peer(
    "Focus",
    of="relevance_mass",
    like="relevance_mass",
    reads="positive",
    note="Ours is its mass on the true tiles of a mosaic; only where the truth is tiles, and the rest is not.",
)
def focus(model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor, truth: Tensor, impossible: Tensor) -> object:
    """Focus of quantus."""
    metric, words = made("Focus", x), {"a_batch": as_map(attribution, x), "model": Outputs(model, x)}
    return ask(metric, x, target, custom_batch=_tiles(as_map(truth, x), as_map(impossible, x)), **words)


def _tiles(truth: Tensor, impossible: Tensor) -> Tensor:
    """Return which of the four tiles of a mosaic are true, (N, 4)."""
    height, width = truth.shape[-2] // 2, truth.shape[-1] // 2
    tiles = truth[:, 0, ::height, ::width][:, :2, :2]
    whole = tiles.repeat_interleave(height, 1).repeat_interleave(width, 2)
    if not torch.equal(whole, truth[:, 0]) or not torch.equal(truth, ~impossible):
        raise Refused("quantus asks which tiles of a 2 x 2 mosaic are true; here other places are")
    return tiles.flatten(1)


@quantus_peer("RelevanceRankAccuracy", of="relevance_rank", like="relevance_rank", note=ASKED)
def relevance_rank_accuracy(
    x: Tensor, target: Tensor, attribution: Tensor, truth: Tensor, impossible: Tensor
) -> Tensor:
    """RelevanceRankAccuracy of quantus."""
    return located("RelevanceRankAccuracy", x, target, last(attribution, truth, impossible), truth)


@quantus_peer("AUC", of="localisation_auc", like="localisation_auc", note=ASKED)
def auc(x: Tensor, target: Tensor, attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """AUC of quantus, less the pairs with elements that are left open."""
    area = located("AUC", x, target, last(attribution, truth, impossible), truth)
    others, left_open = impossible.sum(1), (~truth & ~impossible).sum(1)
    return (area * (others + left_open) - left_open) / others.double()


@quantus_peer(
    "TopKIntersection",
    of="top_k_intersection",
    like="top_k_intersection",
    note=f"Its k is a share of the elements, as ours. {ASKED}",
)
def top_k_intersection(
    x: Tensor, target: Tensor, attribution: Tensor, truth: Tensor, impossible: Tensor, *, share: float = 0.05
) -> Tensor:
    """TopKIntersection of quantus."""
    asked = (truth | impossible).sum(1)
    if bool((asked != asked[0]).any()):
        raise Refused("quantus takes one k for all samples; these ask about different numbers of elements")
    k = max(1, round(share * int(asked[0])))
    return located("TopKIntersection", x, target, last(attribution, truth, impossible), truth, k=k)
