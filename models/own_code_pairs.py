"""Two networks with codes of their own as one, to be asked about the same picture in one question."""

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from ..benchmark import Network, model
from .adapters import Pixels, adapt
from .own_codes import KINDS, NUMBERS, loaded
from .weights import card_of

PAIRS: Final = {
    f"own_code_{kind}_{one}_and_{other}": (f"own_code_{kind}_{one}", f"own_code_{kind}_{other}")
    for kind in KINDS
    for one, other in zip(NUMBERS, (*NUMBERS[1:], *NUMBERS[:1]), strict=True)
}
"""Each network is once the first of a pair, and once the second."""


class Pair(nn.Module):
    """Two networks side by side: the log-odds of the first one's classes, then those of the second one's, (N, 2K).

    Log-odds, and not logits: those of a joint softmax would depend on both networks.
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """Return the log-odds, in double precision."""
        return torch.cat([log_odds(network(x).double()) for network in (self.first, self.second)], 1)


def log_odds(logits: Tensor) -> Tensor:
    """Return the log-odds of every class from logits (N, K).

    Said with `log_softmax`, which methods with rules of their own know: of the other classes, any one's logit less its
    logarithm of softmax is the logarithm of their sum.
    """
    classes = torch.arange(logits.shape[1])
    others = torch.stack([classes[classes != each] for each in classes])
    rest = logits[:, others]
    return logits - (rest - rest.log_softmax(2))[..., 0]


def _register(name: str) -> None:
    first, second = PAIRS[name]

    def own_code_pair(folder: Path | None = None) -> Network:
        return adapt(Pair(loaded(first, folder), loaded(second, folder)), preprocess=Pixels())

    own_code_pair.__name__ = own_code_pair.__qualname__ = name
    own_code_pair.__doc__ = f"{first} and {second} as one network: the log-odds of the classes of both."
    model(beside=(card_of(first), card_of(second)), architecture=name.split("_")[2], pair=(first, second))(
        own_code_pair
    )


for each in PAIRS:
    _register(each)
