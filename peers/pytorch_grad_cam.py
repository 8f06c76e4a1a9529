"""The metrics of pytorch-grad-cam."""

from typing import Any

import torch
from torch import Tensor, nn

from ..benchmark import BlackBox, Refused
from ..benchmark.libraries import load
from ._adapter import peer

ROAD = load("pytorch_grad_cam.metrics.road")
MULTIPLIED = load("pytorch_grad_cam.metrics.cam_mult_image")
TARGETS = load("pytorch_grad_cam.utils.model_targets")

READ = {"probability": TARGETS.ClassifierOutputSoftmaxTarget, "logit": TARGETS.ClassifierOutputTarget}
"""Its names for the two readouts that it knows."""
PIXELS = "It hides pixels, not units; maps are brought to [0, 1], as those of its methods are."
CHANGE = "It returns the change of the score, to which the score of the picture is added."
BLACK = "The map is the positive part over its largest value, as ours; what is hidden becomes 0."


class Outputs(nn.Module):
    """A model as pytorch-grad-cam wants it: a module from inputs in data space to logits."""

    def __init__(self, model: BlackBox, x: Tensor) -> None:
        super().__init__()
        self.logits = model.logits
        self.dtype = x.dtype

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K)."""
        return self.logits(x.to(self.dtype))


@peer(
    theirs="pytorch_grad_cam.ROADMostRelevantFirstAverage",
    of="road",
    like="road_morf",
    better="lower",
    same=False,
    note=f"{CHANGE} {PIXELS}",
)
def road_morf(model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor) -> Tensor:
    """ROAD of pytorch-grad-cam, the most relevant first."""
    change = _asked(ROAD.ROADMostRelevantFirstAverage(), model, x, target, _scaled(attribution, x))
    return model.score(x, target) + change


@peer(
    theirs="pytorch_grad_cam.ROADLeastRelevantFirstAverage",
    of="road",
    like="road_lerf",
    better="higher",
    same=False,
    note=f"{CHANGE} {PIXELS}",
)
def road_lerf(model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor) -> Tensor:
    """ROAD of pytorch-grad-cam, the least relevant first."""
    change = _asked(ROAD.ROADLeastRelevantFirstAverage(), model, x, target, _scaled(attribution, x))
    return model.score(x, target) + change


@peer(
    theirs="pytorch_grad_cam.ROADCombined",
    of="road",
    like="road_gap",
    better="higher",
    same=False,
    note=f"It returns half the difference, which is doubled. {PIXELS}",
)
def road_combined(model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor) -> Tensor:
    """ROAD of pytorch-grad-cam, the difference of both orders."""
    return 2 * _asked(ROAD.ROADCombined(), model, x, target, _scaled(attribution, x))


@peer(
    theirs="pytorch_grad_cam.DropInConfidence",
    of="average_drop",
    like="average_drop",
    better="lower",
    reads="positive",
    note=f"It returns the drop itself, which is divided by the score of the picture. {BLACK}",
)
def drop_in_confidence(model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, attribution: Tensor) -> Tensor:
    """DropInConfidence of pytorch-grad-cam, relative to the confidence."""
    drop = _asked(MULTIPLIED.DropInConfidence(), model, x, target, _bright(attribution, x, baseline))
    return drop / model.score(x, target)


@peer(
    theirs="pytorch_grad_cam.IncreaseInConfidence",
    of="average_drop",
    like="average_increase",
    better="higher",
    reads="positive",
    descriptive=True,
    note=BLACK,
)
def increase_in_confidence(model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, attribution: Tensor) -> Tensor:
    """IncreaseInConfidence of pytorch-grad-cam."""
    return _asked(MULTIPLIED.IncreaseInConfidence(), model, x, target, _bright(attribution, x, baseline))


def _asked(metric: Any, model: BlackBox, x: Tensor, target: Tensor, cams: Tensor) -> Tensor:
    """Call a metric on maps (N, H, W) in [0, 1]."""
    if model.readout not in READ:
        raise Refused(f"pytorch-grad-cam reads logits or probabilities, not {model.readout}")
    targets = [READ[model.readout](int(each)) for each in target]
    return torch.as_tensor(metric(x.float(), cams.float().numpy(), targets, Outputs(model, x))).double()


def _scaled(attribution: Tensor, x: Tensor) -> Tensor:
    """Return maps from 0 to 1, from their least to their largest value; constant ones are 0."""
    maps = _pictured(attribution, x)
    least, most = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return torch.where(most > least, (maps - least) / (most - least), 0.0)


def _bright(attribution: Tensor, x: Tensor, baseline: Tensor) -> Tensor:
    """Return the positive part of maps over its largest value."""
    if bool(baseline.any()):
        raise Refused("pytorch-grad-cam multiplies pictures by maps: it hides with 0 only")
    positive = _pictured(attribution, x).clamp(min=0)
    return positive / positive.amax((1, 2), keepdim=True)


def _pictured(attribution: Tensor, x: Tensor) -> Tensor:
    if x.ndim != 4:
        raise Refused("pytorch-grad-cam judges maps of pictures only")
    return attribution.reshape(len(x), *x.shape[2:])
