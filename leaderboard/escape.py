"""Escaping for each format: no text from outside becomes markup, a formula, a command, or shows a path of here."""

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from unicodedata import category

from markupsafe import Markup

if TYPE_CHECKING:  # the command line shows help and lists without them
    import pandas as pd

SHORT, LONG = 200, 8000
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control characters, those that turn the direction of text, lone halves of a character, other ends of a line."""
NAME = r"[^\s/\\:;,\"'<>|()\[\]]+"
FOLDERS = re.compile(
    rf"(?<![\w/\\.~])(?:(?:file://)?/(?:{NAME}/)+|[A-Za-z]:[/\\](?:{NAME}[/\\])*|\\\\(?:{NAME}\\)+)(?={NAME})"
)
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
LATEX = str.maketrans(
    {
        **{sign: rf"\{sign}" for sign in "&%$#_"},
        "{": r"\textbraceleft{}",  # BibTeX counts braces, those behind a backslash too
        "}": r"\textbraceright{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\char34{}",
        "`": r"\textasciigrave{}",
        "‐": "-{}",  # two hyphens would become a dash
        "–": "--",
        "−": "$-$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "±": r"$\pm$",
        "×": r"$\times$",
        "…": r"\ldots{}",
    }
)


def cut(text: object, limit: int = SHORT) -> str:
    """Text of at most `limit` characters: what is longer loses its middle."""
    whole, head = str(text), limit * 2 // 3
    return whole if len(whole) <= limit else f"{whole[:head]} … {whole[len(whole) - (limit - head - 3) :]}"


def visible(text: object, limit: int = LONG) -> str:
    """Text of at most `limit` characters that can all be seen, lines and tabs apart."""
    return seen(cut(text, limit))


def seen(text: str) -> str:
    """The same text with a sign in place of each character that cannot be seen."""
    if text.isprintable():
        return text
    shown = text.replace("\r\n", "\n")
    return "".join("�" if sign not in "\n\t" and category(sign) in UNSEEN else sign for sign in shown)


def public(text: object) -> str:
    """Visible text in which a file is named without the folders that it lies in: what may leave this machine."""
    return visible(FOLDERS.sub("", cut(text, 4 * LONG)))


def file_names(command: str) -> str:
    """A command line with the names of its files only."""
    return re.sub(r"[^\s=]*[/\\](?=[^\s/\\])", "", command)


def html(value: object) -> object:
    """Text for a page, which escapes it; what is markup already stays."""
    return value if isinstance(value, Markup) else public(value)


def latex(text: object) -> str:
    """Text for LaTeX and BibTeX, on one line."""
    return re.sub("-(?=-)", "‐", _line(text)).translate(LATEX)


def markdown(text: object) -> str:
    """Text for Markdown, on one line, tables included."""
    line = re.sub(r"([\\`*_{}\[\]<>|#~$])", r"\\\1", _line(text).replace("&", "&amp;"))
    return re.sub(r"^(\d+(?=[.)](?:\s|$))|(?=[-+=]))", r"\1\\", line)  # at the start they would begin a list


def csv(table: "pd.DataFrame") -> str:
    """A table as CSV in which no text is a formula; numbers stay as they are."""
    return table.rename(columns=_cell).map(_cell).to_csv(index=False)


def plain(content: object, write: Callable[[object], str] = public) -> object:
    """Content as JSON knows it: numpy's numbers, tuples and texts turned into it, null for what is not finite."""
    if isinstance(content, Mapping):
        return {write(name): plain(value, write) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value, write) for value in content]
    value = content.item() if hasattr(content, "item") else content
    if isinstance(value, str):
        return write(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(text: object) -> str:
    return re.sub(r"\s*[\t\n]\s*", " ", public(text)).strip()


def _cell(value: object) -> object:
    """A cell of CSV: what a spreadsheet would take for a formula stands behind a quote."""
    if not isinstance(value, str):
        return value
    line = _line(value)
    return f"'{line}" if line.startswith(FORMULA) else line
