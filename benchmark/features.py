"""Features of an input: the values that the last linear layer of a network is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from .capabilities import View, WhiteBox, behind
from .errors import Refused
from .game import Game
from .network import Network, read_logits
from .registry import imputers


def features(game: Game, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits (N, M, K) of a game's coalitions (N, M, U), and their features (N, M, F) of the same passes.

    What no linear layer computes at last is refused, and so is what the network itself leaves out.
    """
    if "model" in imputers[game.batch.imputer].needs:
        raise Refused(f"the imputer {game.batch.imputer!r} works inside the network: for features, choose another one")
    gate = cast(WhiteBox, behind(game.gate) if isinstance(game.gate, View) else game.gate)
    both = Both()
    answers = replace(game, gate=gate.changed(both.of), memory=None).logits(kept)
    return answers[..., : both.classes], answers[..., both.classes :]


class Both(nn.Module):
    """A network that tells its logits and, behind them, what its last linear layer was given."""

    network: nn.Module
    classes = 0
    """The number of logits; known after a pass."""

    def of(self, network: Network) -> Network:
        """Return the network, telling both."""
        if network.module is None:
            raise Refused("the model only gives scores, no features: choose settings that need none (effectiveness=0)")
        self.network = network.module
        return replace(network, module=self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits and features, (N, K + F)."""
        with _given(self.network) as given:
            logits = read_logits(self.network(x))
        if not given or len(given[0]) != len(x):
            raise Refused(
                "no linear layer is given a vector per input: choose settings that need no features (effectiveness=0)"
            )
        self.classes = logits.shape[1]
        return torch.cat([logits, given[0].flatten(1)], 1)


@contextmanager
def _given(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what the linear layer that was called last is given."""
    given: list[Tensor] = []

    def keep(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        given[:] = inputs[:1]

    handles = [part.register_forward_pre_hook(keep) for part in module.modules() if isinstance(part, nn.Linear)]
    try:
        yield given
    finally:
        for handle in handles:
            handle.remove()
