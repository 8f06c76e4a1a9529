"""A check: a question with a name, whose answer is an outcome and never an exception."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Refused, words_of


class Broken(AssertionError):  # noqa: N818 - reads as a sentence where it is raised
    """The contract is broken: what was seen, what mends it, and whether only a convention of ours is."""

    def __init__(self, complaint: str, advice: str = "", habit: bool = False) -> None:
        super().__init__(complaint)
        self.advice, self.habit = advice, habit


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check."""

    name: str
    passed: bool
    """Whether nothing is wrong; true for a skipped check, too."""
    reason: str = ""
    """The fault, why the check was skipped, or a remark."""
    skipped: bool = False
    """Whether the part has nothing to show here, for the reason given."""
    advice: str = ""
    """The remedy for the part's author."""
    habit: bool = False
    """Whether it asks about conventions of ours (ties, undefined scores, random states, …), not about numbers."""

    @property
    def said(self) -> str:
        """The reason with the advice."""
        return f"{self.reason}: {self.advice}" if self.advice else self.reason


NamedCheck = tuple[str, Callable[[], Check]]
"""A check that has not been run yet, by its name: `pytest.mark.parametrize` takes a list of them."""


def named(name: str, question: Callable[[], str], habit: bool = False) -> NamedCheck:
    """Name a question, which returns what there is to know, and raises Broken or Refused."""

    def outcome() -> Check:
        try:
            return Check(name, True, question(), habit=habit)
        except Refused as no:
            return Check(name, True, str(no), skipped=True, habit=habit)
        except Broken as broken:
            return Check(name, False, str(broken), advice=broken.advice, habit=habit or broken.habit)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a part raises is an outcome, an end of Python too
            return Check(name, False, f"{type(error).__name__}: {words_of(error)}", habit=habit)

    return name, outcome


def concluded(part: str, checks: list[Check], raises: bool) -> list[Check]:
    """Return the outcomes of a part's checks; where some failed and it `raises`, raise Broken, with a line for each."""
    failed = [f"{check.name}: {check.said}" for check in checks if not check.passed]
    if failed and raises:
        raise Broken("\n  ".join([f"{part} fails {len(failed)} of {len(checks)} checks:", *failed]))
    return checks


def demand(fulfilled: bool, complaint: str, advice: str = "", habit: bool = False) -> None:
    """Break the contract, with what was seen and what mends it, where a demand is not fulfilled."""
    if not fulfilled:
        raise Broken(complaint, advice, habit)
