"""Methods of zennit. Relevance is of what the network is handed after its preprocessing, and starts as the readout.

Batch norms are merged with the layer before, as its documentation advises; a second pass sees whether it was the right
one. What the network computes otherwise than in modules goes by the plain gradient.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ...benchmark import Refused, WhiteBox, method
from ._library import asking

COMPOSITES: Final[Mapping[str, str]] = {
    "epsilon_plus": "EpsilonPlusFlat",
    "epsilon_alpha2_beta1": "EpsilonAlpha2Beta1Flat",
    "epsilon_gamma_box": "EpsilonGammaBox",
}
MERGED: Final = 1e-4
"""The most that scores may move, relative to the largest, when batch norms are merged."""
Library = Callable[[str], Any]
Make = Callable[..., Any]


@method(library="zennit", paper="doi:10.1371/journal.pone.0130140", passes=lambda: (2, 1))
def lrp_epsilon(model: WhiteBox, x: Tensor, target: Tensor, *, epsilon: float = 1e-6, readout: str = "logit") -> Tensor:
    """The Epsilon rule of zennit at all linear layers."""
    return _relevance(model, x, target, readout, _everywhere("Epsilon", epsilon))


@method(library="zennit", paper="doi:10.1007/978-3-030-28954-6_10", passes=lambda: (2, 1))
def lrp_gamma(model: WhiteBox, x: Tensor, target: Tensor, *, gamma: float = 0.25, readout: str = "logit") -> Tensor:
    """The Gamma rule of zennit at all linear layers."""
    return _relevance(model, x, target, readout, _everywhere("Gamma", gamma))


@method(library="zennit", paper="doi:10.1371/journal.pone.0130140", passes=lambda: (2, 1))
def lrp_alpha_beta(
    model: WhiteBox, x: Tensor, target: Tensor, *, alpha: float = 2.0, beta: float = 1.0, readout: str = "logit"
) -> Tensor:
    """The AlphaBeta rule of zennit at all linear layers."""
    return _relevance(model, x, target, readout, _everywhere("AlphaBeta", alpha, beta))


@method(library="zennit", paper="arXiv:1910.09840", passes=lambda: (2, 1))
def lrp_composite(
    model: WhiteBox,
    x: Tensor,
    target: Tensor,
    *,
    composite: str = "epsilon_plus",
    low: float = 0.0,
    high: float = 1.0,
    readout: str = "logit",
) -> Tensor:
    """EpsilonPlusFlat, EpsilonAlpha2Beta1Flat or EpsilonGammaBox of zennit, whose box is from `low` to `high`."""
    if composite not in COMPOSITES:
        raise ValueError(f"composite {composite!r} is unknown; choose one of {', '.join(COMPOSITES)}")

    def made(library: Library, before: nn.Module, **also: Any) -> Any:
        ends = {name: before(torch.full_like(x, end)) for name, end in (("low", low), ("high", high))}
        box = ends if composite == "epsilon_gamma_box" else {}
        return getattr(library("composites"), COMPOSITES[composite])(**box, **also)

    return _relevance(model, x, target, readout, made)


def _everywhere(rule: str, *settings: float) -> Make:
    """Return the way to make a composite with one rule at all linear layers."""

    def made(library: Library, _before: nn.Module, **also: Any) -> Any:
        known = library("composites")
        linear = library("types").Linear, getattr(library("rules"), rule)(*settings)
        return known.LayerMapComposite([*known.layer_map_base(), linear], **also)

    return made


def _relevance(model: WhiteBox, x: Tensor, target: Tensor, readout: str, make: Make) -> Tensor:
    with asking("zennit") as library, model.lent(readout) as network:
        _check(network, library("types"))
        read = network.before(x).detach()
        if read.shape != x.shape:
            raise Refused("zennit's relevance is that of the resized picture: give pictures of the network's size")
        plain = network.after(read)
        merge = library("canonizers").SequentialMergeBatchNorm()
        with make(library, network.before, canonizers=[merge]).context(network.after) as ruled:
            scores = ruled(read.requires_grad_())
            if bool(((scores - plain).abs() > MERGED * plain.abs().amax(1, keepdim=True)).any()):
                raise Refused("zennit merges a batch norm with another layer than the one before it")
            start = one_hot(target.to(scores.device), scores.shape[1]) * scores.detach()
            result: Tensor = torch.autograd.grad(scores, read, start)[0]
    return result


def _check(network: nn.Module, known: Any) -> None:
    """Refuse parts with parameters that no rule meets: relevance would pass them as a gradient, and mean nothing."""
    for part in network.modules():
        if any(True for _ in part.parameters(recurse=False)) and not isinstance(part, (known.Linear, known.BatchNorm)):
            raise Refused(f"zennit has no rule for {type(part).__name__}")


@method(library="zennit", paper="arXiv:1412.6806", passes=lambda: (1, 1))
def guided_backprop(model: WhiteBox, x: Tensor, target: Tensor, *, readout: str = "logit") -> Tensor:
    """The GuidedBackprop composite of zennit; it meets rectifiers that are modules, and no others."""
    return _gradient("GuidedBackprop", model, x, target, readout)


@method(library="zennit", paper="arXiv:1311.2901", passes=lambda: (1, 1))
def deconvnet(model: WhiteBox, x: Tensor, target: Tensor, *, readout: str = "logit") -> Tensor:
    """The DeconvNet composite of zennit; it meets rectifiers that are modules, and no others."""
    return _gradient("DeconvNet", model, x, target, readout)


def _gradient(composite: str, model: WhiteBox, x: Tensor, target: Tensor, readout: str) -> Tensor:
    with (
        asking("zennit") as library,
        model.lent(readout) as network,
        getattr(library("composites"), composite)().context(network) as ruled,
    ):
        score = ruled(x.requires_grad_()).gather(1, target[:, None])
        (gradient,) = torch.autograd.grad(score.sum(), x)
    return gradient
