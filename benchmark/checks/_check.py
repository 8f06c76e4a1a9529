"""A check: a question with a name, whose answer is an outcome and never an exception."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Refused


class Broken(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The contract is broken, and the message says how."""


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check."""

    name: str
    passed: bool
    """Whether nothing is wrong; true for a skipped check, too."""
    reason: str = ""
    """What is wrong, why it was skipped, or what there is to know."""
    skipped: bool = False
    """Whether the part has nothing to show here, for the reason given."""


NamedCheck = tuple[str, Callable[[], Check]]
"""A check that has not been run yet, by its name: `pytest.mark.parametrize` takes a list of them."""


def named(name: str, question: Callable[[], str]) -> NamedCheck:
    """Name a question, which returns what there is to know, and raises Broken or Refused."""

    def outcome() -> Check:
        try:
            return Check(name, True, question())
        except Refused as no:
            return Check(name, True, str(no), skipped=True)
        except Broken as broken:
            return Check(name, False, str(broken))
        except Exception as error:  # noqa: BLE001 - whatever a part raises is an outcome
            return Check(name, False, f"{type(error).__name__}: {error}")

    return name, outcome


def demand(fulfilled: bool, complaint: str) -> None:
    """Break the contract, with a complaint, where a demand is not fulfilled."""
    if not fulfilled:
        raise Broken(complaint)
