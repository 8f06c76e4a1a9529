"""The contract of methods and metrics, and the admission of tasks, as named checks, for our tests and everybody's."""

from ._check import Check, NamedCheck
from ._questions import Question, ask
from .method_checks import check_method, method_checks
from .metric_checks import check_metric, metric_checks
from .oracles import Case, Oracle, oracle, oracles
from .task_checks import check_task, task_checks

__all__ = [
    "Case",
    "Check",
    "NamedCheck",
    "Oracle",
    "Question",
    "ask",
    "check_method",
    "check_metric",
    "check_task",
    "method_checks",
    "metric_checks",
    "oracle",
    "oracles",
    "task_checks",
]
