"""The kernel: data types, the gate, registries, planning, running, storing, and the contract checks.

It knows no method, metric, dataset or model by name.
"""

from .capabilities import BlackBox, Differentiable, GlassBox, Layered, WhiteBox
from .checks import check_method, check_metric, check_task
from .curves import area, confidence_normalised
from .data import Batch, Cost, Record, Truth
from .entries import Entry, Registry, import_file
from .errors import Refused, UnknownName
from .game import Game
from .gate import Gate
from .network import Network, read_logits, read_out
from .question import Model, Source, Task, model, models, sources, task, tasks, training_data
from .randomness import Rng, seed_of, streams
from .ranking import descending, ranks, rounding_of, snapped, tied_share
from .regions import divide, mask_units
from .registry import (
    Better,
    Divider,
    Imputer,
    Method,
    Metric,
    Part,
    Reads,
    divider,
    dividers,
    imputer,
    imputers,
    method,
    methods,
    metric,
    metrics,
)
from .splits import is_drawn
from .units import (
    areas,
    at_elements,
    column_units,
    element_count,
    grid_units,
    impute,
    like_input,
    per_unit,
    spread,
    uncancelled,
    unit_count,
)

__all__ = [
    "Batch",
    "Better",
    "BlackBox",
    "Cost",
    "Differentiable",
    "Divider",
    "Entry",
    "Game",
    "Gate",
    "GlassBox",
    "Imputer",
    "Layered",
    "Method",
    "Metric",
    "Model",
    "Network",
    "Part",
    "Reads",
    "Record",
    "Refused",
    "Registry",
    "Rng",
    "Source",
    "Task",
    "Truth",
    "UnknownName",
    "WhiteBox",
    "area",
    "areas",
    "at_elements",
    "check_method",
    "check_metric",
    "check_task",
    "column_units",
    "confidence_normalised",
    "descending",
    "divide",
    "divider",
    "dividers",
    "element_count",
    "grid_units",
    "import_file",
    "impute",
    "imputer",
    "imputers",
    "is_drawn",
    "like_input",
    "mask_units",
    "method",
    "methods",
    "metric",
    "metrics",
    "model",
    "models",
    "per_unit",
    "ranks",
    "read_logits",
    "read_out",
    "rounding_of",
    "seed_of",
    "snapped",
    "sources",
    "spread",
    "streams",
    "task",
    "tasks",
    "tied_share",
    "training_data",
    "uncancelled",
    "unit_count",
]
