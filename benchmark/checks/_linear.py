"""Questions to linear models, where every truth is exact, and the maps to score there.

Class k rests on a quarter of the units, the k-th; those of the class (k + 2) % 4 cannot matter to it, and the rest
speaks faintly against it. The weights of class 3 - k are those of class k, turned round: what comes first for the one
comes last for the other.
"""

import torch
from torch import Tensor, nn

from ..capabilities import Differentiable
from ..data import Batch, Redraw, Truth
from ..gate import Gate
from ..network import Network
from ..randomness import Rng
from ..registry import Method
from ..units import at_elements, column_units, grid_units, impute, like_input, per_unit, spread, unit_count
from ._networks import Double
from ._questions import Make, Question

CLASSES, UNITS, SAMPLES = 4, 16, 24
FAINT = -0.05
SPREAD = 1.0
"""The root mean square of the effects of the units, and so the standard deviation of noise that looks like them."""


def linear_pictures(turned: bool | None = None) -> Question:
    """Ask a linear model with a spatial layer about 3x16x16 pictures, or only about class 0, or 3, turned round."""
    x = 0.5 + torch.rand(SAMPLES, 3, 16, 16, generator=torch.Generator().manual_seed(6))
    mix = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        mix.weight.copy_(torch.eye(3)[:, :, None, None])
    return _asked(x, grid_units(x, 4), mix, turned)


def linear_table(turned: bool | None = None) -> Question:
    """Ask a linear model about a table of 16 columns, or only about class 0, or 3, turned round."""
    x = 0.5 + torch.rand(SAMPLES, UNITS, generator=torch.Generator().manual_seed(7))
    return _asked(x, column_units(x), None, turned)


def _asked(x: Tensor, units: Tensor, mix: nn.Conv2d | None, turned: bool | None) -> Question:
    head = nn.Linear(x[0].numel(), CLASSES, bias=False)
    with torch.no_grad():
        head.weight.copy_(_weights(x[0], units[:1]).flatten(1))
    module = Double(mix or nn.Identity(), nn.Sequential(nn.Flatten(), head))
    network = Network(module, layers=(lambda: ("features",)) if mix else tuple)
    x = _turn(x) if turned else x
    target = torch.arange(len(x)) % CLASSES if turned is None else torch.full((len(x),), 3 if turned else 0)
    # What the target rests on is strong, so that it is the prediction.
    x = x * (1 + like_input(at_elements((_place(target) == 0).to(x.dtype), units), x))
    ids = tuple(f"sample-{i}" for i in range(len(x)))
    truth = _truth(x, target, units, head.weight.detach().float().reshape(CLASSES, *x.shape[1:]))
    batch = Batch(ids, x, target, units, torch.zeros_like(x), truth, pool=x.flip(0) / 2, redraw=_redraw(ids, x))
    return Question(Gate(network, "logit"), batch)


def _redraw(ids: tuple[str, ...], x: Tensor) -> Redraw:
    """Return what makes samples without some of their elements: nothing is there instead."""
    place = {name: i for i, name in enumerate(ids)}

    def redraw(asked: tuple[str, ...], kept: Tensor) -> Tensor:
        whole = x[[place[name] for name in asked]]
        return impute(whole, torch.zeros_like(whole), kept)

    return redraw


def _turn(x: Tensor) -> Tensor:
    """Turn pictures upside down, and rows back to front: unit u becomes unit U - 1 - u."""
    return x.flip(-2, -1) if x.ndim > 2 else x.flip(-1)


def _place(target: Tensor) -> Tensor:
    """Return for each unit which quarter it is in, seen from the target: 0 relevant, 2 impossible; (N, U)."""
    quarter = torch.arange(UNITS) * CLASSES // UNITS
    return (quarter - target[:, None]) % CLASSES


def _weights(sample: Tensor, units: Tensor) -> Tensor:
    """Return the weights (4, …) by which a relevant unit adds about 1 to its class."""
    strength = torch.tensor([1.0, FAINT, 0.0, FAINT])[_place(torch.arange(CLASSES))]
    shares = spread(strength, units.expand(CLASSES, -1)).reshape(CLASSES, 1, -1)
    channels = sample.numel() // units.shape[1]
    wobble = 0.75 + 0.5 * torch.rand(2, channels, units.shape[1], generator=torch.Generator().manual_seed(8))
    half = (shares[:2] * wobble / channels).reshape(2, *sample.shape)
    return torch.cat([half, _turn(half).flip(0)])


def _truth(x: Tensor, target: Tensor, units: Tensor, weights: Tensor) -> Truth:
    place, rival = _place(target), (target + 2) % CLASSES
    slope, effect, rival_effect = (
        per_unit(each.double().reshape(len(x), -1, units.shape[1]).sum(1), units)
        for each in (weights[target], weights[target] * x, weights[rival] * x)
    )
    values = {"gradient": slope, "integrated_gradients": effect, "shapley": effect}
    return Truth(units, place == 0, place == 2, effect, values, rival=rival, rival_effect=rival_effect)


def truthful(
    model: Differentiable, x: Tensor, target: Tensor, baseline: Tensor, *, reads: str = "", scale: float = 1.0
) -> Tensor:
    """The exact effects of a linear model; with `reads`, turned into their opposite as a metric reads them."""
    effect = ((x - baseline) * model.gradient(x, target)).double()
    effect = effect.sum(1).flatten(1) if x.ndim > 2 else effect
    read = {"": effect, "signed": -effect, "positive": -effect, "magnitude": -effect.abs()}[reads]
    lift = 0.0 if reads in ("", "signed") else read.amin(1, keepdim=True)
    return scale * (read - lift)


def noisy(units: Tensor, rng: Rng, *, scale: float = 1.0) -> Tensor:
    """Noise over the units, as large as the effects of a linear model; it costs no pass."""
    return scale * SPREAD * rng.normal(unit_count(units)).double()


def blended(
    model: Differentiable,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    rng: Rng,
    *,
    scale: float = 1.0,
) -> Tensor:
    """The exact effects with noise over them: an ordinary map, without ties."""
    return truthful(model, x, target, baseline, scale=scale) + spread(noisy(units, rng, scale=scale), units)


TRUTHFUL, NOISY, BLENDED = Method(truthful), Method(noisy), Method(blended)
METRIC_QUESTIONS: dict[str, Make] = {"linear_pictures": linear_pictures, "linear_table": linear_table}
TURNED: dict[str, tuple[Make, Make]] = {
    "linear_pictures": (lambda: linear_pictures(False), lambda: linear_pictures(True)),
    "linear_table": (lambda: linear_table(False), lambda: linear_table(True)),
}
