"""Exact values, by the concept that they are exact for."""

from collections.abc import Mapping

from torch import Tensor

from ...benchmark import Refused


def exact(values: Mapping[str, Tensor], concept: str) -> Tensor:
    """Return the exact values (N, P) of a concept, refusing one that is not known."""
    if concept not in values:
        raise Refused(f"the exact values of {concept!r} are not known here, only of {', '.join(values) or 'nothing'}")
    return values[concept]
