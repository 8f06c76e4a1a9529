"""Methods of captum. What hides units gets them as its feature mask, and what is in none of them as its baseline."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from ...benchmark import BlackBox, Differentiable, Refused, Rng, WhiteBox, like_input, method, unit_count
from .._budget import demand
from ._library import NUMBERS, asking, each, of_units

QUADRATURES: Final[Mapping[str, str]] = {
    "gauss_legendre": "gausslegendre",
    "trapezoid": "riemann_trapezoid",
    "left": "riemann_left",
    "right": "riemann_right",
    "midpoint": "riemann_middle",
}
RESHAPES: Final = (nn.Flatten, nn.Identity)
"""Layers that captum's LRP does not know, for which every rule is the same."""


@method(library="captum", paper="arXiv:1703.01365", passes=lambda budget: (budget, budget))
def integrated_gradients(
    model: Differentiable,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    *,
    budget: int = 32,
    quadrature: str = "gauss_legendre",
) -> Tensor:
    """IntegratedGradients of captum, `quadrature` being gauss_legendre, trapezoid, left, right or midpoint."""
    if quadrature not in QUADRATURES:
        raise ValueError(f"quadrature {quadrature!r} is unknown; choose one of {', '.join(QUADRATURES)}")
    demand(budget, 2 if quadrature == "trapezoid" else 1, "integrated_gradients@captum")
    with asking("captum") as library, torch.enable_grad():
        # One step a pass: the copies for all of them would not fit.
        steps = {"n_steps": budget, "method": QUADRATURES[quadrature], "internal_batch_size": len(x)}
        asked = library("attr").IntegratedGradients(_scores(model))
        result: Tensor = asked.attribute(x, baseline, additional_forward_args=target, **steps)
    return result


@method(library="captum", paper="arXiv:1704.02685", passes=lambda: (2, 2))
def deep_lift(model: WhiteBox, x: Tensor, target: Tensor, baseline: Tensor, *, readout: str = "logit") -> Tensor:
    """DeepLift of captum, the rescale rule; it meets activations that are modules, and no others."""
    return _of_network("DeepLift", model, readout, x, baselines=baseline, target=target)


@method(library="captum", paper="arXiv:1412.6806", passes=lambda: (1, 1))
def guided_backprop(model: WhiteBox, x: Tensor, target: Tensor, *, readout: str = "logit") -> Tensor:
    """GuidedBackprop of captum; it meets rectifiers that are modules, and no others."""
    return _of_network("GuidedBackprop", model, readout, x, target=target)


@method(library="captum", paper="arXiv:1311.2901", passes=lambda: (1, 1))
def deconvnet(model: WhiteBox, x: Tensor, target: Tensor, *, readout: str = "logit") -> Tensor:
    """Deconvolution of captum; it meets rectifiers that are modules, and no others."""
    return _of_network("Deconvolution", model, readout, x, target=target)


def _of_network(name: str, model: WhiteBox, readout: str, x: Tensor, **asked: Tensor) -> Tensor:
    with asking("captum") as library, model.lent(readout) as network:
        result: Tensor = getattr(library("attr"), name)(network).attribute(x, **asked)
    return result.detach()


@method(library="captum", paper="doi:10.1371/journal.pone.0130140", passes=lambda: (2, 1))
def lrp_epsilon(model: WhiteBox, x: Tensor, target: Tensor, *, readout: str = "logit") -> Tensor:
    """LRP of captum, its epsilon rule as by default; relevance is of what the network reads after preprocessing."""
    with asking("captum") as library, model.lent(readout) as network:
        read = network.before(x).detach()
        if read.shape != x.shape:
            raise Refused("captum's relevance is that of the resized picture: give pictures of the network's size")
        for part in network.modules():
            if isinstance(part, RESHAPES):
                part.rule = library("attr._utils.lrp_rules").EpsilonRule()
        result: Tensor = library("attr").LRP(network.after).attribute(read, target=target.to(read.device))
    return result.detach()


@method(library="captum", paper="arXiv:1612.08220", passes=lambda units: (units + 1, 0))
def leave_one_out(model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor) -> Tensor:
    """FeatureAblation of captum on the units."""
    with asking("captum") as library:
        asked = library("attr").FeatureAblation(_scores(model))
        times = max(1, NUMBERS // max(x.numel(), 1))
        result = asked.attribute(**_hiding(x, target, units, baseline), perturbations_per_eval=times)
    return of_units(result, units)


@method(
    library="captum",
    paper="arXiv:1311.2901",
    passes=lambda across, overlap: (((across - 1) * overlap + 1) ** 2 + 1, 0),
)
def occlusion(
    model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, *, across: int = 8, overlap: int = 2
) -> Tensor:
    """Occlusion of captum, `across` windows filling a side, each moved by its `overlap`-th part."""
    if across < 1 or overlap < 1:
        raise ValueError(f"across is {across} and overlap {overlap}: give counts from 1")
    if x.ndim != 4 or any(side % (across * overlap) for side in x.shape[2:]):
        raise Refused(
            f"captum's windows are all alike: {tuple(x.shape[1:])} has no sides that {across * overlap} divides"
        )
    window = [side // across for side in x.shape[2:]]
    with asking("captum") as library:
        asked = library("attr").Occlusion(_scores(model))
        shapes = (x.shape[1], *window), (x.shape[1], *(side // overlap for side in window))
        result: Tensor = asked.attribute(x, *shapes, baselines=baseline, additional_forward_args=target)
    return result[:, :1]


@method(library="captum", paper="arXiv:1602.04938", passes=lambda budget: (budget, 0))
def lime(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, rng: Rng, *, budget: int = 1000
) -> Tensor:
    """Lime of captum on the units, with its defaults: a lasso of strength 0.01, and the cosine between inputs."""
    demand(budget, 2, "lime@captum")
    return _sampled("Lime", model, (x, target, units, baseline), rng, budget)


@method(library="captum", paper="arXiv:1705.07874", passes=lambda budget: (budget, 0))
def kernel_shap(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, rng: Rng, *, budget: int = 512
) -> Tensor:
    """KernelShap of captum on the units."""
    demand(budget, 4, "kernel_shap@captum")
    return _sampled("KernelShap", model, (x, target, units, baseline), rng, budget)


@method(
    library="captum",
    paper="arXiv:2104.12199",
    passes=lambda units, budget: (1 + (budget - 1) // units * units, 0),
)
def permutation_shapley(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, rng: Rng, *, budget: int = 1262
) -> Tensor:
    """ShapleyValueSampling of captum on the units; every order costs a pass for each."""
    count = unit_count(units)
    demand(budget, count + 1, "permutation_shapley@captum")
    return _sampled("ShapleyValueSampling", model, (x, target, units, baseline), rng, (budget - 1) // count)


def _sampled(name: str, model: BlackBox, batch: tuple[Tensor, ...], rng: Rng, samples: int) -> Tensor:
    """Return what captum estimates, sample by sample, as its draws are the same for all in a batch."""
    times = max(1, min(samples, NUMBERS // max(batch[0][:1].numel(), 1)))
    with asking("captum") as library:
        asked = getattr(library("attr"), name)(_scores(model))

        def explain(one: slice) -> Tensor:
            own = [part[one] for part in batch]
            result = asked.attribute(**_hiding(*own), n_samples=samples, perturbations_per_eval=times)
            return of_units(result, own[2])[0]

        return each(rng, explain)


def _hiding(x: Tensor, target: Tensor, units: Tensor, baseline: Tensor) -> dict[str, Any]:
    """Return captum's words for inputs whose units are hidden; what is in no unit cannot be."""
    return {
        "inputs": x,
        "baselines": torch.where(like_input(units < 0, x), x, baseline),
        "additional_forward_args": target,
        "feature_mask": like_input(units.clamp(min=0), x).expand_as(x).contiguous(),
    }


def _scores(model: BlackBox) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the way to the scores; captum does not repeat the target of a single input for its copies."""
    return lambda x, target: model.score(x, target.expand(len(x)))
