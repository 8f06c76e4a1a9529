"""Randomisation metrics of quantus."""

from collections.abc import Callable

from torch import Tensor

from ...benchmark import BlackBox, WhiteBox
from ._call import LIBRARY, Outputs, Whole, as_map, ask, explaining, made, quantus_peer

Explain = Callable[..., Tensor]

DRAWS = (
    "abs=False: ours reads signed maps. It draws all layers' parameters anew from the same seed, by torch's global one."
)


def _forgetful(
    kind: str, model: WhiteBox, x: Tensor, target: Tensor, maps: Tensor, explain: Explain, **settings: object
) -> object:
    """Return what a metric that draws parameters anew gives, in one batch: `explain` knows the samples together."""
    words = {"a_batch": as_map(maps, x), "model": Whole(model, x), "explain_func": explaining(explain, x, model)}
    return ask(made(kind, x, **settings), x, target, batch_size=len(x), **words)


@quantus_peer("MPRT", of="mprt", like="mprt_cascading", same=False, note=DRAWS)
def mprt_cascading(model: WhiteBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain) -> object:
    """MPRT of quantus, from the output on, on average."""
    own = {"abs": False, "layer_order": "top_down", "return_average_correlation": True}
    return _forgetful("MPRT", model, x, target, attribution, explain, **own)


@quantus_peer("MPRT", of="mprt", like="mprt_independent", same=False, note=DRAWS)
def mprt_independent(model: WhiteBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain) -> object:
    """MPRT of quantus, layer by layer, on average."""
    own = {"abs": False, "layer_order": "independent", "return_average_correlation": True}
    return _forgetful("MPRT", model, x, target, attribution, explain, **own)


@quantus_peer("MPRT", of="mprt", like="mprt_full", same=False, note=DRAWS)
def mprt_full(model: WhiteBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain) -> object:
    """MPRT of quantus, after the last layer."""
    own = {"abs": False, "layer_order": "top_down", "return_last_correlation": True}
    return _forgetful("MPRT", model, x, target, attribution, explain, **own)


@quantus_peer(
    "SmoothMPRT",
    of="smooth_mprt",
    like="smooth_mprt",
    same=False,
    note=f"It explains as explain_func_kwargs say (here the gradient of captum), not with explain_func. {DRAWS}",
)
def smooth_mprt(
    model: WhiteBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain, *, draws: int = 8
) -> object:
    """SmoothMPRT of quantus, from the input on, on average."""
    own = {"abs": False, "nr_samples": draws, "return_average_correlation": True}
    # It explains again, but `explain` cannot be handed to it.
    own_way = {"explain_func": LIBRARY.explain, "explain_func_kwargs": {"method": "Gradient"}}
    words = {"a_batch": as_map(attribution, x), "model": Whole(model, x), **own_way}
    return ask(made("SmoothMPRT", x, **own), x, target, batch_size=len(x), **words)


@quantus_peer("EfficientMPRT", of="efficient_mprt", like="efficient_mprt", same=False, note="Its draws are others.")
def efficient_mprt(
    model: WhiteBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain, *, bins: int = 100
) -> object:
    """EfficientMPRT of quantus."""
    own = {"complexity_func_kwargs": {"n_bins": bins}}
    return _forgetful("EfficientMPRT", model, x, target, attribution, explain, **own)


@quantus_peer(
    "RandomLogit",
    of="random_logit",
    like="random_logit",
    note="With its Spearman correlation, as ours; its other classes are drawn from one fixed seed.",
)
def random_logit(model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain) -> object:
    """RandomLogit of quantus."""
    own = {"num_classes": model.logits(x[:1]).shape[1], "similarity_func": LIBRARY.correlation_spearman}
    words = {"a_batch": as_map(attribution, x), "model": Outputs(model, x), "explain_func": explaining(explain, x)}
    return ask(made("RandomLogit", x, **own), x, target, batch_size=len(x), **words)
