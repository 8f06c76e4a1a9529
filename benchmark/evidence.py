"""Evidence for each class, and how sure it makes one (subjective logic, arXiv:1806.01768)."""

from torch import Tensor

from .capabilities import View, behind
from .errors import Refused
from .game import Game
from .gate import Gate
from .network import Evidential

LARGEST = 10
"""Evidence logits are cut at so much on both sides."""


def certainty(logits: Tensor) -> Tensor:
    """Return one less the uncertainty of evidence logits (…, K): K / sum of alpha, for alpha = exp(logit) + 1."""
    alpha = logits.double().clamp(-LARGEST, LARGEST).exp() + 1
    return 1 - logits.shape[-1] / alpha.sum(-1)


def head_of(game: Game) -> Evidential:
    """Return the evidential head of a game's network; a network without one is refused."""
    gate = behind(game.gate) if isinstance(game.gate, View) else game.gate
    network = gate.network if isinstance(gate, Gate) else None
    head = network.evidential if network is not None else None
    if network is None or head is None or head.module is not network.module:
        raise Refused(
            "the model has no evidential head: choose evidence=entropy, or train one and hand it to "
            "heatproof.adapt(model, evidential=head); for a model that is one itself, choose evidence=evidential_logits"
        )
    return head
