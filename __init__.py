"""Heatproof: attribution methods, put to the proof."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import run
    from .benchmark import (
        Batch,
        BlackBox,
        Differentiable,
        Game,
        Gate,
        GlassBox,
        Layered,
        Network,
        Refused,
        Rng,
        Truth,
        WhiteBox,
        check_method,
        check_metric,
        check_task,
        divide,
        divider,
        import_file,
        imputer,
        mask_units,
        method,
        metric,
        model,
        task,
    )
    from .evaluation import evaluate
    from .models.adapters import adapt

__all__ = [
    "Batch",
    "BlackBox",
    "Differentiable",
    "Game",
    "Gate",
    "GlassBox",
    "Layered",
    "Network",
    "Refused",
    "Rng",
    "Truth",
    "WhiteBox",
    "adapt",
    "check_method",
    "check_metric",
    "check_task",
    "divide",
    "divider",
    "evaluate",
    "import_file",
    "imputer",
    "mask_units",
    "method",
    "metric",
    "model",
    "run",
    "task",
]

HOMES = {"adapt": ".models.adapters", "evaluate": ".evaluation", "run": ".api"}
"""Where names are from that are not the kernel's."""


def __getattr__(name: str) -> object:
    """Import what a name stands for when it is first asked for: torch alone takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(HOMES.get(name, ".benchmark"), __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Name all there is, whether or not it was asked for."""
    return sorted({*globals(), *__all__})
