"""The contract of methods and metrics as named checks, for our own tests and for everybody else's."""

from ._check import Check, NamedCheck
from .method_checks import check_method, method_checks
from .metric_checks import check_metric, metric_checks

__all__ = ["Check", "NamedCheck", "check_method", "check_metric", "method_checks", "metric_checks"]
