"""The contract of methods and metrics as named checks, for our own tests and for everybody else's."""

from ._check import Check, NamedCheck
from ._questions import Question, ask
from .method_checks import check_method, method_checks
from .metric_checks import check_metric, metric_checks
from .oracles import Case, Oracle, oracle, oracles

__all__ = [
    "Case",
    "Check",
    "NamedCheck",
    "Oracle",
    "Question",
    "ask",
    "check_method",
    "check_metric",
    "method_checks",
    "metric_checks",
    "oracle",
    "oracles",
]
