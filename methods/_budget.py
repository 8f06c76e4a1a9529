"""The least that a budget must buy."""

from ..benchmark import Refused


def demand(budget: int, least: int, name: str) -> None:
    """Refuse a budget, in passes per sample, that is below what a method needs."""
    if budget < least:
        raise Refused(f"a budget of {budget} passes is too small: {name} needs at least {least}")
