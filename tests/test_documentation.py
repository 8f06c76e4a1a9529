"""The documentation can be followed as printed: its Python runs, its commands, names and files are there."""

import re
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import dropwhile
from pathlib import Path
from typing import Any

import pytest
import typer

import heatproof
from heatproof.api import suite
from heatproof.benchmark import check_metric, dividers, import_file, imputers, methods, metrics, models, tasks
from heatproof.cli import app
from heatproof.leaderboard.agreement import MEASURES
from heatproof.leaderboard.report import FORMATS
from heatproof.peers import find

ROOT = Path(heatproof.__file__).parent
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))}
KINDS = {"tasks": tasks, "models": models, "methods": methods, "metrics": metrics}
KINDS |= {"imputers": imputers, "dividers": dividers}
INVENTED = {"my_method", "mass_on_truth"}
"""Parts that a page writes as it goes along."""
OURS = {path.name for path in ROOT.iterdir() if path.is_dir()}


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


def commands() -> Iterator[tuple[str, ...]]:
    """Find every call of the command line, in blocks and in the text, without the variables before it."""
    for page, text in PAGES.items():
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        for line in (*lines, *re.findall(r"`(heatproof [^`{\[…]+)`", prose)):
            words = dropwhile(lambda word: re.match("[A-Z_]+=", word), shlex.split(line, comments=True))
            if [*(words := tuple(words))][:1] == ["heatproof"]:
                yield words[1:]


def parsed(words: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Let the command line read its words, and do nothing: which command, and what it would be told."""
    command, name = typer.main.get_command(app), "heatproof"
    while hasattr(command, "commands"):
        (name, *rest) = words
        assert name in command.commands, words
        command, words = command.commands[name], tuple(rest)
    return name, command.make_context(name, list(words)).params


# upstream.md needs other libraries, and has its test in tests/peers.
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python") and page != "upstream.md"])
def test_the_python_of_a_page_runs_as_printed(page: str, tmp_path: Path, own_parts: None) -> None:
    for place, block in enumerate(blocks(page, "python")):
        path = tmp_path / f"{Path(page).stem.lower()}_block_{place}.py"
        path.write_text(block, encoding="utf-8")
        with pytest.raises(ValueError, match=r"my_deletion fails \d") if "# raises" in block else nullcontext():
            import_file(path)
    for name in (name for name in metrics if metrics[name].function.__module__.startswith(Path(page).stem.lower())):
        check_metric(name)


def test_the_metric_that_looks_right_is_caught(tmp_path: Path, own_parts: None) -> None:
    (block,) = [block for block in blocks("README.md", "python") if "like=" in block]
    (tmp_path / "looks_right.py").write_text(block, encoding="utf-8")
    with pytest.raises(ValueError, match="my_deletion fails") as failed:
        import_file(tmp_path / "looks_right.py")
    assert "\n  ties[linear_table]: my_deletion of a constant map is" in str(failed.value)
    assert "\n  curves_of_two_uneven_units_by_hand: deletion of sample 0 is" in str(failed.value)


@pytest.mark.parametrize("words", sorted(set(commands())), ids=" ".join)
def test_a_printed_command_is_one(words: tuple[str, ...]) -> None:
    """A command alone is only a name, and so is an option of all; words in capitals stand for the reader's own."""
    if len(words) == 1 and words[0] in {"--help", *typer.main.get_command(app).commands}:
        return
    name, told = parsed(words)
    if "suite" in told and not told["suite"].isupper():
        suite(told["suite"])
    for method in told.get("method") or ():
        assert method.endswith(".py") or methods[method]
    if name == "list":
        assert told["kind"] in {"suites", *KINDS}
    if name == "check":
        shipped = [part for part in told["names"] or () if not part.endswith(".py") and part not in INVENTED]
        assert all(part in KINDS[told["kind"]] for part in shipped)
        assert all(find(library) for library in told["peer"] or ())
    if name == "train" and not told["name"].isupper():
        assert models[told["name"]].train
    if name == "agreement":
        assert told["measure"] in MEASURES


def test_the_table_of_commands_has_them_all_with_options_that_they_have() -> None:
    rows = re.findall(r"^\| `heatproof (.*?)` \|", PAGES["README.md"], re.MULTILINE)
    shown = {row.split()[0]: row for row in rows}
    known = {name: each for name, each in typer.main.get_command(app).commands.items() if not each.hidden}
    assert set(shown) == set(known)
    assert re.search(r"\{(.*?)\}", shown["list"])[1].split(",") == ["suites", *KINDS]
    assert re.search(r"--format (\S+)\]", shown["report"])[1].split(",") == [*FORMATS]
    for name, row in shown.items():
        command = known[name].commands["method"] if name == "new" else known[name]
        options = {word for parameter in command.params for word in parameter.opts}
        assert set(re.findall(r"--\w+", row)) <= options, row


def test_json_is_offered_by_all_commands_but_those_that_are_named() -> None:
    (named,) = re.findall(r"`--json` where a script would read \(not for (.*?)\)", PAGES["README.md"])
    known = {name: each for name, each in typer.main.get_command(app).commands.items() if not each.hidden}
    without = {name for name, each in known.items() if not any("--json" in p.opts for p in each.params)}
    assert set(re.findall(r"`(\w+)`", named)) == without


def test_what_is_named_in_capitals_and_folders_is_there() -> None:
    """Links and paths lead somewhere, and `make` has what it is asked for."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, text in PAGES.items():
        folder = ROOT if (ROOT / page).is_file() else ROOT / "docs"
        links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
        paths = [path for path in re.findall(r"`([\w/]+/[\w/.]*)`", text) if path.split("/")[0] in OURS]
        scripts = re.findall(r"python (tests/\S+\.py)", text)
        missing = [link for link in links if not (folder / link).exists()]
        missing += [path for path in (*paths, *scripts) if not (ROOT / path).exists()]
        assert not missing, page
        assert set(re.findall(r"^make ([\w-]+)|`make ([\w-]+)`", text, re.MULTILINE)) <= {
            pair for target in targets for pair in ((target, ""), ("", target))
        }, page


def test_the_numbers_of_methods_are_those_of_the_registry() -> None:
    own = [methods[name] for name in methods if methods[name].function.__module__.startswith("heatproof.methods.")]
    own = [each for each in own if not each.library]
    entrants = sum(each.role == "entrant" for each in own)
    assert f"\n{entrants} methods and {len(own) - entrants} controls: " in PAGES["README.md"]


def test_the_lists_of_names_are_those_of_the_registries() -> None:
    (shown,) = re.findall(r"`heatproof list dividers` names them: (.*?)\. ", PAGES["README.md"])
    assert sorted(re.findall(r"`(\w+)`", shown)) == sorted(dividers)
