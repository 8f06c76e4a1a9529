"""Numbers and names as a reader sees them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...benchmark.results import Results
from ..conventions import Convention
from ..ranking import Board

NONE = "–"
FEW = 4
"""The most questions that a sentence names."""


def number(value: float, digits: int = 2) -> str:
    """Write a number with a true minus sign; a dash where there is none."""
    if math.isnan(value):
        return NONE
    text = f"{value:.{digits}f}"
    return (text if float(text) else text.removeprefix("-")).replace("-", "−")


def share(value: float) -> str:
    """Write a share as per cent: one that is not 0 or 100 % never looks like it."""
    if math.isnan(value):
        return NONE
    return f"{min(max(round(100 * value), 1), 99) if 0 < value < 1 else round(100 * value)} %"


def passes(value: float) -> str:
    """Write a number of passes, whole or with one decimal, thousands apart."""
    return NONE if math.isnan(value) else f"{value:,.{int(value != round(value))}f}".replace(",", " ")


def rank(row: Mapping[str, float]) -> str:
    """Write a rank with its simultaneous interval: 3 [1–5]."""
    if math.isnan(row["rank"]):
        return NONE
    return f"{row['rank']:.0f} [{row['rank_low']:.0f}–{row['rank_high']:.0f}]"


def interval(row: Mapping[str, float]) -> str:
    """Write the bounds of a score's interval: [0.12, 0.34]; empty where there are none."""
    return "" if math.isnan(row["low"]) else f"[{number(row['low'])}, {number(row['high'])}]"


def value(row: Mapping[str, float]) -> str:
    """Write a mean with the half width of its interval, with digits that fit both."""
    digits = 3 if 0 < row["half"] < 0.01 else 2
    plus = "" if math.isnan(row["half"]) else f" ± {number(row['half'], digits)}"
    return number(row["mean"], digits) + plus


def random(row: Mapping[str, float]) -> str:
    """Write what random has on a task, and what it is taken for where that is known."""
    known = "" if math.isnan(row["chance"]) or row["chance"] == row["random"] else f", taken as {row['chance']:g}"
    return number(row["random"]) + known


def outcome(row: Mapping[str, Any] | None) -> str:
    """Write a mean with the half width of its interval, or why there is none; a dash where nothing was asked."""
    if row is None:
        return NONE
    if not row["n"]:
        return "undefined" if row["status"] == "ok" else str(row["status"])
    return value(row)


def letter(tier: object) -> str:
    """Write a tier; a dash for a method that is not ranked."""
    return tier if isinstance(tier, str) else NONE


def arrow(better: str) -> str:
    """Draw the direction of a score."""
    return {"higher": "↑", "lower": "↓"}.get(better, "")


def several(count: int, word: str) -> str:
    """Write a count with its noun."""
    return f"{count} {word if count == 1 else word.removesuffix('y') + 'ies' if word.endswith('y') else word + 's'}"


def named(words: Sequence[str], limit: int = 12) -> str:
    """List words in a line, the first `limit` of them."""
    more = f" and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more


def generalises(board: Board) -> str:
    """Say in one sentence what the scores, intervals and ranks of a board speak of."""
    groups, freedom = several(len(board.strata), board.stratum), f"{board.freedom:.3g} degrees of freedom"
    facts = f"{', '.join(board.strata)}; {several(board.units, board.unit)}, {freedom}"
    if board.unit == "task":
        rest = "families are fixed, and weigh the same; tasks about one network count as independent"
    else:
        asked = f"asked {named(board.questions, FEW)}"
        fixed = "architectures" if board.stratum == "architecture" else "families, architectures within one"
        rest = f"{asked}; {fixed} and questions are fixed, and weigh the same"
    return f"Scores generalise over {board.unit}s of {groups} ({facts}): {rest}."


UNSIGNED = "Unsigned: its values have no sign, so it is judged by the magnitude of the truth."


def with_itself(conventions: Sequence[Convention]) -> str:
    """Say in one line how a board is correlated with itself under other conventions; empty where there are none."""
    taus = [f"{each.label} {number(each.tau)} ({len(each.table)})" for each in conventions]
    said = "Rank correlation with itself (Kendall's τ; number of methods)"
    return f"{said}: {', '.join(taus)}." if taus else ""


def without(convention: Convention) -> str:
    """Say in one line which tasks a convention leaves out, and why the first; empty if none."""
    if not convention.left_out:
        return ""
    first = next(iter(convention.left_out.values()))
    more = ", …" * (len(set(convention.left_out.values())) > 1)
    rest = f"compared over the other {several(len(convention.tasks), 'task')}" if convention.tasks else "not compared"
    return f"{convention.label}: without {named(list(convention.left_out), FEW)} ({first}{more}); {rest}."


def not_counted(incomplete: Mapping[str, Sequence[str]]) -> list[str]:
    """Say in a sentence each which networks do not count, and why."""
    return [
        f"{name} does not count, for {named(lacking)} is not admitted there." for name, lacking in incomplete.items()
    ]


def rests_on(board: Board) -> str:
    """Say in one line what a board can tell apart, and how much it rests on; or why it cannot say."""
    below = f"no difference below {number(board.margin)} is claimed; " if board.margin else ""
    return below + (
        board.undefined
        or f"minimum detectable difference {number(board.minimum_detectable_difference)} "
        f"(median over pairs, at 80 % power); ranking reliability {number(board.reliability)}; "
        f"{effective(board)}"
    )


def drawn_from(results: Results) -> str:
    """Say in one line where the seeds of a run came from, and whose cost could not be checked."""
    seeds = results.seeds
    if seeds.origin == "public":
        return "Public seed: for quick looks; who knows the code can look up the answers."
    what = "networks and seeds" if seeds.networks else "seeds"
    when = f"at the start of the run, {seeds.date}"
    if seeds.origin == "given":
        said = f"Verified, repeated: {what} as another run has drawn them, given {when}."
    else:
        said = f"Verified: {what} drawn {when}."
    cards = results.manifest["methods"].items()
    bare = [name for name, card in cards if not card.get("declares", True) and name not in results.absent]
    return f"{said} Cost not checked, for none is declared: {named(bare)}." if bare else said


def effective(board: Board) -> str:
    """Say how many independent tasks those of a board are worth."""
    return f"effective number of tasks {number(board.effective_tasks, 1)} of {board.rows['n_tasks'].iloc[0]}"
