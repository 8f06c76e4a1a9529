"""Local function approximation."""

from dataclasses import replace

from torch import Tensor

from ...benchmark import Differentiable, Game, Refused, Rng, method
from .._budget import demand
from ._engine import OfUnits, additive, gradient_matching, multiplicative, squared_error
from ._neighbourhoods import Asked, composed, demand_noise, known, reach


@method(
    paper="arXiv:2206.01254",
    passes=lambda units, neighbourhood, loss, budget, bias: known(neighbourhood).bill(units, budget, loss, bias),
)
def local_approximation(
    model: Differentiable,
    game: Game,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    rng: Rng,
    *,
    neighbourhood: str = "bernoulli",
    loss: str = "squared",
    budget: int = 1000,
    bias: bool = True,
    ridge: float = 0.0,
    width: float = 0.25,
    noise: float = 0.15,
    low: float = 0.0,
) -> Tensor:
    """The weights of the linear surrogate that is closest to the model in a named neighbourhood, by a named loss.

    Han, Srinivas and Lakkaraju 2022: every choice is an explainer, and eight of them have a name.

    - `squared` error: `bernoulli` (LIME without its ridge; `width`), `shapley` (KernelSHAP), `one_hot` (leave_one_out),
      `gaussian` (C-LIME; `noise`). Without a `bias` of its own, the surrogate meets the model at the input.
    - `gradient_matching`: `gaussian` (SmoothGrad; the gradient where `noise` is 0) and `scaling` between the baseline
      and the input (integrated gradients; input times gradient where `low` is 1 and the baseline 0).

    `_neighbourhoods.py` shows how to add a neighbourhood in a few lines.
    """
    chosen = composed(neighbourhood, loss)
    demand(budget, 2 if loss == "squared" else 1, "local_approximation")
    around = additive(model, x, target) if chosen.kind == "additive" else multiplicative(model, x, target, baseline)
    asked = Asked(rng, budget, around.size, reach(x), width, noise, low)
    if chosen.kind != "units":
        _demand_readout(game.readout, model.readout)
    if loss == "gradient_matching":
        return gradient_matching(around, chosen.draw(asked)).reshape(x.shape)
    ends = chosen.ends(bias)
    asked = replace(asked, draws=budget - len(ends))
    if chosen.kind == "units":
        points = chosen.draw(replace(asked, size=game.players))
        return squared_error(OfUnits(game), points, through=ends, ridge=ridge)
    demand_noise(noise)
    found = squared_error(around, chosen.draw(asked), through=ends, ridge=ridge, alone=asked.few)
    return found.reshape(x.shape)


def _demand_readout(told: str, readout: str) -> None:
    if told not in ("", readout):
        raise Refused(f"this neighbourhood asks the model, which reads the {readout}, not the {told}: drop `readout`")
