"""The rounds of the lazy search: the sets that they try, step by step, and their cost."""

from collections.abc import Iterator

WIDTHS = 2, 2, 3
"""The units that each step of a round tries; every later round tries one more."""
SHARE = 3
"""Both sides are asked for this part of the units, a third; what then matters is what is left in the rest."""
TAIL = 3
"""Steps that ask about the rest alone: this part of those before; then the effects known by then give the order."""


def steps(units: int, width: int, room: int) -> Iterator[tuple[int, bool]]:
    """Yield how many units each step of a round tries, and whether on both sides, at two passes each, or in the rest.

    The first step knows all its units. The first that asks the rest alone asks about all units, if passes allow.
    """
    turn = max(1, units // SHARE)
    for step in range(min(units - 1, turn + max(1, turn // TAIL))):
        both, left = step < turn, units - step
        tries = left if step == turn else min(width, left)
        if step:
            tries = min(tries, room // (1 + both))
            room -= tries * (1 + both)
        if not tries:
            return
        yield tries, both


def rounds(units: int, budget: int) -> list[list[tuple[int, bool]]]:
    """Return the steps of every round: as many whole ones as the budget buys, or one that is cut short."""
    room, found = budget - 2 - 2 * units, list[list[tuple[int, bool]]]()
    for width in (*WIDTHS, *range(WIDTHS[-1] + 1, units + 1)):
        whole = list(steps(units, width, 2 * units**2))
        room -= _passes(whole)
        if room < 0:
            break
        found.append(whole)
    return found or [list(steps(units, WIDTHS[0], budget - 2 - 2 * units))]


def _passes(plan: list[tuple[int, bool]]) -> int:
    return sum(tries * (1 + both) for tries, both in plan[1:])


def lazy_bill(units: int, budget: int) -> int:
    """Return the passes per sample: the two ends, every unit alone and left out, and what the steps try."""
    return 2 + 2 * units + sum(map(_passes, rounds(units, budget)))
