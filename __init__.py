"""Heatproof: attribution methods, put to the proof."""

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
    import_file,
    imputer,
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
    "evaluate",
    "import_file",
    "imputer",
    "method",
    "metric",
    "model",
    "run",
    "task",
]
