"""Text from outside in every format: it is shown as text, and nothing else comes of it."""

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from unicodedata import category

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from heatproof.benchmark.results import Results
from heatproof.leaderboard import escape
from heatproof.leaderboard.report import bibtex, write_report
from heatproof.leaderboard.report.page import breakable
from heatproof.leaderboard.report.render import render
from heatproof.leaderboard.report.tables import Findings

TEXTS = {".html", ".md", ".tex", ".bib", ".csv", ".json", ".svg"}
FOLDER = "/home/somebody/secret place/runs"
WORDS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=cmd|' /C calc'!A0", " =2", "＝1"),
    *(r"\input{/etc/passwd}", r"\write18{ls}", "{", "}}", "%", "&", "_", "#", "^", "~", "$x$", r"\\", "--out", "^^5c"),
    *("\x1b[31mred", "\x1b]0;title\x07", "\x9b2J", "\x08\x7f", "\u202egnp.exe", "\u2066x\u2069", "\ufeff", "\ud800"),
    *(
        "| a | b |",
        "`code`",
        "[a](http://x.y)",
        "![a](b)",
        "<b>b</b>",
        "&lt;",
        "# head",
        "- item",
        "1. one",
        "***",
        "===",
    ),
    *("<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "\" onclick='x'", "{{ 7*7 }}", "{% raw %}"),
    *("a\nb", "a\r\nb", "\u2028", f"{FOLDER}/mine.py", "C:\\Users\\me\\mine.py", "nan", "x" * 300),
]
hostile = st.one_of(st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), max_size=4).map("".join), st.text())


def hidden(text: str) -> list[str]:
    return [sign for sign in text if category(sign) in escape.UNSEEN and sign not in "\n\t"]


@given(hostile)
def test_visible_text_can_be_seen_and_stays_so(text: str) -> None:
    shown = escape.visible(text)
    assert not hidden(shown)
    assert escape.visible(shown) == shown
    if not hidden(text.replace("\r\n", "\n")):
        assert shown == text.replace("\r\n", "\n")


@given(hostile)
def test_a_cell_of_csv_is_no_formula_and_comes_back(text: str) -> None:
    table = pd.DataFrame({"name": [text, "plain"], "number": [-0.5, math.nan]}, dtype=object)
    (head, first, second) = csv.reader(io.StringIO(escape.csv(table)))
    assert head == ["name", "number"]
    assert not first[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert first[1] == "-0.5"
    assert second == ["plain", ""]
    assert not re.search(r"[\n\r\t]", first[0])


def expanded(source: str) -> str:
    """Escaped text as LaTeX prints it: a slow reader of the few commands that it may have."""
    known = {"textbraceleft": "{", "textbraceright": "}", "textasciitilde": "~", "textasciicircum": "^", "char34": '"'}
    known |= {"textbackslash": "\\", "textless": "<", "textgreater": ">", "textbar": "|", "textasciigrave": "`"}
    known |= {"ldots": "…"}
    math = {r"$-$": "−", r"$\uparrow$": "↑", r"$\downarrow$": "↓", r"$\pm$": "±", r"$\times$": "×"}
    shown, rest = "", source
    while rest:
        if found := re.match(r"\\([A-Za-z]+\d*)\{\}", rest):
            shown += known[found[1]]
        elif found := re.match(r"\\([&%$#_])", rest):
            shown += found[1]
        elif found := re.match(r"\$[^$]*\$", rest):
            shown += math[found[0]]
        elif found := re.match(r"-\{\}", rest):
            shown += "-"
        elif found := re.match("--", rest):
            shown += "–"
        else:
            assert rest[0] not in "\\{}$&#^_%~", rest
            found = re.match("(?s).", rest)
            assert found
            shown += found[0]
        rest = rest[found.end() :]
    return shown


@given(hostile)
@example("---")
def test_latex_prints_the_text_and_obeys_none_of_it(text: str) -> None:
    source = escape.latex(text)
    wanted = re.sub(r"\s*[\t\n]\s*", " ", escape.public(text)).strip().replace("‐", "-")
    assert expanded(source) == wanted
    assert "\n" not in source


def depth(text: str) -> Iterator[int]:
    """The depth in braces as BibTeX counts it: a backslash is nothing to it."""
    level = 0
    for sign in text:
        level += {"{": 1, "}": -1}.get(sign, 0)
        yield level


@given(hostile, st.sampled_from(["", "arXiv:", "doi:"]))
def test_bibtex_ends_where_it_should(text: str, kind: str) -> None:
    entry = bibtex.entry(kind + text)
    levels = [*depth(entry.rstrip())]
    assert levels[-1] == 0
    assert 0 not in levels[entry.index("{") : -1]
    assert re.match(r"@misc\{[A-Za-z0-9.-]+,\n  \w+ = \{", entry)
    values = re.findall(r"^  (\w+) = \{(.*)\},?$", entry, flags=re.MULTILINE)
    assert len(values) == entry.count("\n") - 2
    for name, value in values:
        assert name not in ("doi", "eprint") or re.fullmatch(r"[\w./;()-]+", value)
        expanded(value.replace("_", "") if name in ("doi", "eprint") else value)


@given(hostile)
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    wanted = re.sub(r"\s*[\t\n]\s*", " ", escape.public(text)).strip()
    reader = MarkdownIt("commonmark").enable("table")
    table = reader.parse(f"| a | b |\n|:--|--:|\n| {escape.markdown(text)} | 1 |\n")
    cells = [token for token in table if token.type == "inline"]
    assert [token.content for token in cells[:2]] == ["a", "b"]
    assert len(cells) == 4
    assert {child.type for token in cells for child in token.children or []} <= {"text", "text_special"}
    assert "".join(child.content for child in cells[2].children or []) == re.sub(" +", " ", wanted) or "  " in wanted
    alone = reader.parse(escape.markdown(text))
    assert [token.type for token in alone] in ([], ["paragraph_open", "inline", "paragraph_close"])


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@given(hostile)
def test_a_breakable_name_is_the_name(text: str) -> None:
    reader = Reader()
    reader.feed(str(breakable(text)))
    reader.close()
    assert set(reader.tags) <= {"wbr"}
    assert reader.text == escape.public(text)


@given(hostile)
def test_json_knows_public_text_and_no_nan(text: str) -> None:
    source = json.dumps(escape.plain({"a": [text, math.nan, -math.inf, 0.5], text: {}}), allow_nan=False)
    assert json.loads(source)["a"] == [escape.public(text), None, None, 0.5]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('File "/home/me/mine.py", line 3', 'File "mine.py", line 3'),
        ("no /data/imagenet/val: give its folder", "no val: give its folder"),
        (r"C:\Users\me\mine.py:3", "mine.py:3"),
        ("file:///home/me/mine.py", "mine.py"),
        ("OSError:/home/me/mine.py, PATH=/usr/bin/a:/home/me/b", "OSError:mine.py, PATH=a:b"),
        (
            "https://x.org/a/b and/or 1/2 of runs/quick/a in ~/a/b",
            "https://x.org/a/b and/or 1/2 of runs/quick/a in ~/a/b",
        ),
    ],
)
def test_a_file_is_named_without_its_folders(text: str, shown: str) -> None:
    assert escape.public(text) == shown


def test_a_command_line_names_files_only() -> None:
    given = "heatproof run /home/me/a.toml --out=/tmp/x/run --method ../b/mine.py --timeout 3"
    assert escape.file_names(given) == "heatproof run a.toml --out=run --method mine.py --timeout 3"


def test_ten_megabytes_are_cut() -> None:
    text = "start " + "x|" * 5_000_000 + " end"
    assert len(escape.cut(text)) == escape.SHORT
    assert escape.cut(text).startswith("start ")
    assert escape.cut(text).endswith(" end")
    for write in (escape.public, escape.latex, escape.markdown):
        assert len(write(text)) < 100_000
    assert len(escape.csv(pd.DataFrame({"a": [text]}))) < 100_000


def test_no_file_of_a_report_shows_a_path_of_this_machine_or_what_cannot_be_seen(
    report: Path, run_folder: Path
) -> None:
    made = [file for file in report.rglob("*") if file.suffix in TEXTS]
    assert len(made) > 8
    for file in made:
        source = file.read_text(encoding="utf-8")
        assert "/home/" not in source, file
        assert str(run_folder.parent) not in source, file
        assert not hidden(source), file
        assert "mine.py" in source or file.suffix not in {".html", ".md", ".json"}


def test_no_cell_of_a_report_is_a_formula(report: Path) -> None:
    for name in ("scores.csv", "board.csv"):
        for row in csv.reader(io.StringIO((report / name).read_text(encoding="utf-8"))):
            for cell in row:
                assert not cell.startswith(("=", "+", "@")), cell
                assert not cell.startswith("-") or float(cell) <= 0


@pytest.fixture(scope="module")
def insulted(results: Results) -> Results:
    """The run with a hostile word for every word of its suite, tasks, methods and metrics that a person wrote."""
    manifest = json.loads(json.dumps(results.manifest))
    word = " ".join(word for word in WORDS if word != "x" * 300)
    manifest["suite"] |= {"name": word, "summary": word, "version": word}
    manifest["provenance"] |= {
        "command": word,
        "time": word,
        "commit": word,
        "versions": {word: word, "heatproof": word},
    }
    for kind in ("tasks", "methods", "metrics"):
        for card in manifest[kind].values():
            card |= {"summary": word} | ({"paper": word} if "paper" in card else {"model_summary": word})
    return Results(results.folder, manifest)


def test_templates_escape_what_they_are_given(insulted: Results) -> None:
    findings = Findings(insulted)
    document = render("report.md.j2", findings)
    tokens = MarkdownIt("commonmark").enable("table").parse(document)
    assert {token.type for token in tokens}.isdisjoint({"html_block", "fence", "code_block", "blockquote_open", "hr"})
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close", "softbreak"}
    table = render("board.tex.j2", findings, cite={})
    commands = set(re.findall(r"\\[A-Za-z]+", table))
    assert {r"\input", r"\write"}.isdisjoint(commands)
    assert [*depth(re.sub(r"^%.*$", "", table, flags=re.MULTILINE))][-1] == 0
    assert all(line.startswith("%") for line in table.splitlines()[:2])
    for text in (document, table, bibtex.citation(insulted)):
        assert not hidden(text)
        assert FOLDER not in text


def test_a_page_has_no_tag_from_outside(insulted: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heatproof.leaderboard.report.figures._export", lambda *_: {"svg": "a.svg"})
    reader = Reader()
    page = write_report(insulted, tmp_path, ["html"]).read_text(encoding="utf-8")
    reader.feed(page)
    reader.close()
    assert reader.tags.count("script") == 4
    assert "b" not in reader.tags[reader.tags.index("header") : reader.tags.index("main")]
    assert {"onerror", "onclick"}.isdisjoint(reader.attributes)
    assert not hidden(page)
    json.loads(page.partition('<script id="data" type="application/json">')[2].partition("</script>")[0])
