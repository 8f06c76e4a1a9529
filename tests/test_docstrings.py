"""Docstrings say what a thing is or does, and do not ask; only a task is a question."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"docs", "tests"}
FILES = [*ROOT.glob("*.py"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))]
OPENING = re.compile(r'"""\s*((?:What|How|Who)\b.*)')


def asking(content: str, tasks: bool) -> list[str]:
    """Return the first lines of docstrings that begin with What, How or Who; of `tasks`, questions of how are left out.

    Those that stand in templates, and in sources that a test writes, are found, too.
    """
    found = OPENING.findall(content)
    return [line for line in found if not (tasks and line.startswith("How") and "?" in line)]


def test_no_docstring_begins_with_a_question_word() -> None:
    named = {file.relative_to(ROOT): file.read_text(encoding="utf-8") for file in sorted(FILES)}
    lines = [f"{file}: {line}" for file, text in named.items() for line in asking(text, file.parts[0] == "datasets")]
    assert not lines, "say plainly what it is or does"
    assert len(named) > 50


@pytest.mark.parametrize(
    ("docstring", "tasks", "wrong"),
    [
        ("What it costs.", False, True),
        ("How fast it is.", True, True),
        ("\n    Who asks.\n    ", False, True),
        ("What is lost without one part?", True, True),
        ("How much does a part count? Shapley values.", True, False),
        ("How much does a part count?", False, True),
        ("The cost.", False, False),
        ("Whether it costs anything.", False, False),
        ("However it is called, it answers.", False, False),
    ],
)
def test_the_test_sees_a_question_word(docstring: str, tasks: bool, wrong: bool) -> None:
    source = f'def part():\n    """{docstring}"""\n'
    assert bool(asking(source, tasks)) == wrong
