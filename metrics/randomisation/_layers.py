"""The parameters of a network, layer by layer from its output."""

from torch import nn

from ...benchmark import Refused


def layers(module: nn.Module) -> list[list[str]]:
    """Return the names of all parameters by the module that owns them, the last registered one first.

    Bare parameters belong to the module that holds them, tied ones to the first that does.
    """
    owned: dict[str, list[str]] = {}
    for name, _ in module.named_parameters():
        owned.setdefault(name.rpartition(".")[0], []).append(name)
    if not owned:
        raise Refused("the model has no parameters to draw anew")
    return list(owned.values())[::-1]


def cuts(count: int, steps: int) -> list[int]:
    """Return at most `steps` numbers of layers, evenly chosen from 1..`count`, which is always the last."""
    steps = min(steps, count)
    return [-(-count * step // steps) for step in range(1, steps + 1)]


def cascade(module: nn.Module, steps: int) -> list[list[str]]:
    """Return the names of the parameters of more and more layers, from those next to the output to all."""
    known = layers(module)
    return [[name for layer in known[:cut] for name in layer] for cut in cuts(len(known), steps)]


def single(module: nn.Module, steps: int) -> list[list[str]]:
    """Return the names of the parameters of one layer at a time: the one that each step of the cascade ends with."""
    known = layers(module)
    return [known[cut - 1] for cut in cuts(len(known), steps)]
