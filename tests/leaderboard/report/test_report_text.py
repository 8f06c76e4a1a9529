"""Markdown, LaTeX, CSV, JSON and BibTeX: they say what the frames say, and nothing escapes from a name."""

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from heatproof.benchmark.results import Results
from heatproof.leaderboard import escape
from heatproof.leaderboard.escape import plain
from heatproof.leaderboard.report import words, write_report
from heatproof.leaderboard.report.bibtex import PAPERS, entry, key_of, link, references
from heatproof.leaderboard.report.tables import Findings


def text(report: Path, name: str) -> str:
    return (report / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "main"),
    [("markdown", "report.md"), ("latex", "board.tex"), ("csv", "board.csv"), ("json", "board.json")],
)
def test_the_main_file_of_each_format(results: Results, tmp_path: Path, name: str, main: str) -> None:
    assert write_report(results, tmp_path / "new", [name]) == tmp_path / "new" / main
    assert not (tmp_path / "new/index.html").exists()


def test_csv_round_trips(results: Results, report: Path) -> None:
    findings = Findings(results)
    written, means = pd.read_csv(report / "scores.csv"), findings.means
    # Where something went wrong is told without folders.
    assert (written.pop("reason").notna() == (means["reason"] != "")).all()
    pd.testing.assert_frame_equal(written, means.drop(columns="reason"), check_dtype=False)
    board = pd.read_csv(report / "board.csv", keep_default_na=True)
    for track in findings.tracks:
        rows = board[board["track"] == track.name].set_index("method")
        pd.testing.assert_frame_equal(rows[track.table.columns], track.table, check_dtype=False)
        families = rows[[f"family:{name}" for name in track.families.columns]]
        assert families.to_numpy() == pytest.approx(track.families.to_numpy(), nan_ok=True)


def test_json_round_trips_and_has_no_nan(results: Results, report: Path) -> None:
    findings = Findings(results)
    content = json.loads(text(report, "board.json"), parse_constant=lambda word: pytest.fail(word))
    track = findings.tracks[0]
    rows = {row["method"]: row for row in content["tracks"][track.name]["rows"]}
    for method, row in track.table.iterrows():
        for name in ("score", "low", "high", "rank", "rank_low", "rank_high", "portability", "imputed", "forward"):
            assert rows[method][name] == (None if math.isnan(row[name]) else pytest.approx(row[name], abs=1e-12))
    assert content["tracks"][track.name]["critical"] == pytest.approx(track.board.critical)
    better = content["tracks"][track.name]["better"]
    assert better["kernel_shap"] == [name for name in track.board.better if track.board.better.loc["kernel_shap", name]]
    assert len(content["means"]) == len(findings.means)
    assert sum(outcome["cells"] for outcome in content["outcomes"]) == sum(o.cells for o in findings.outcomes)


def test_plain_knows_what_json_does_not() -> None:
    given = {1: (math.nan, math.inf, 0.5), "a": [True, None, "x"]}
    assert plain(given) == {"1": [None, None, 0.5], "a": [True, None, "x"]}


def latex_rows(report: Path) -> list[list[str]]:
    """The cells of the first table's rows."""
    body = text(report, "board.tex").partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    rows = body.strip().removesuffix(r"\\").split("\\\\\n")
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", row)] for row in rows]


def test_latex_table_has_the_numbers(results: Results, report: Path) -> None:
    table = Findings(results).tracks[0].table
    rows = latex_rows(report)
    assert len(rows) == len(table)
    for cells, (_name, row) in zip(rows, table.iterrows(), strict=True):
        assert len(cells) == 8
        assert cells[3] == ("--" if math.isnan(row["score"]) else f"{row['score']:.2f}")
        if not math.isnan(row["rank"]):
            assert cells[2] == f"{row['rank']:.0f} [{row['rank_low']:.0f}--{row['rank_high']:.0f}]"
            assert cells[1] == row["tier"]


def test_latex_is_well_formed_and_cites_what_the_bibliography_has(report: Path) -> None:
    source, bibliography = text(report, "board.tex"), text(report, "references.bib")
    bare = re.sub(r"\\[&%$#_{}\\]|^%.*$", "", source, flags=re.MULTILINE)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[#_~]", re.sub(r"~?\\(cite|label)\{[^}]*\}|\\textasciitilde", "", bare))
    cited = set(re.findall(r"\\cite\{([^}]*)\}", source))
    keys = re.findall(r"^@misc\{([^,]*),", bibliography, flags=re.MULTILINE)
    assert cited
    assert cited <= set(keys)
    assert len(keys) == len(set(keys))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(report: Path, tmp_path: Path) -> None:
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}"
    source = head + rf"\begin{{document}}\input{{{report / 'board.tex'}}}\end{{document}}"
    (tmp_path / "main.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_markdown_tables_are_rectangular_and_name_everything(report: Path, names: dict[str, list[str]]) -> None:
    source = text(report, "report.md")
    blocks = re.findall(r"(?:^\|.*\n)+", source, flags=re.MULTILINE)
    assert len(blocks) > 5
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1
        assert block.splitlines()[1].startswith("|:--|")
        assert len(block.splitlines()) > 2
    for name in (*names["methods"], *names["tasks"], *names["metrics"], *names["hostile"]):
        assert escape.markdown(name) in source
    assert "<" not in source.replace("\\<", "")


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [(0.125, 2, "0.12"), (-0.126, 2, "−0.13"), (-0.001, 2, "0.00"), (math.nan, 2, "–"), (12.0, 0, "12")],
)
def test_numbers(value: float, digits: int, written: str) -> None:
    assert words.number(value, digits) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0, "0 %"), (1, "100 %"), (0.004, "1 %"), (0.999, "99 %"), (0.5, "50 %")]
)
def test_a_share_that_is_not_all_or_nothing_never_looks_like_it(value: float, written: str) -> None:
    assert words.share(value) == written


def test_words() -> None:
    assert words.several(1, "family") == "1 family"
    assert words.several(2, "family") == "2 families"
    assert words.several(0, "cell") == "0 cells"
    assert words.passes(12345.0) == "12 345"
    assert words.passes(2.5) == "2.5"
    assert words.value({"mean": 0.1234, "half": 0.0012}) == "0.123 ± 0.001"
    assert words.value({"mean": 1.0, "half": 0.0}) == "1.00 ± 0.00"
    assert words.value({"mean": 0.5, "half": math.nan}) == "0.50"
    assert words.named(["a", "b", "c"], 2) == "a, b and 1 more"


def test_latex_escapes_every_special_character() -> None:
    assert escape.latex(r"50% a_b & #1 $x ~ ^ \z") == (
        r"50\% a\_b \& \#1 \$x \textasciitilde{} \textasciicircum{} \textbackslash{}z"
    )
    assert escape.latex("{y}") == r"\textbraceleft{}y\textbraceright{}"
    assert escape.latex("--out – –") == "-{}-out -- --"


def test_a_known_paper_has_a_title_and_an_unknown_one_only_its_number() -> None:
    known, unknown = entry("arXiv:1703.01365"), entry("arXiv:2401.00001")
    assert key_of("arXiv:1703.01365") == "sundararajan2017axiomatic"
    assert "{{Axiomatic Attribution for Deep Networks}}" in known
    assert unknown == "@misc{arXiv-2401.00001,\n  eprint = {2401.00001},\n  archivePrefix = {arXiv}\n}\n"
    assert entry("doi:10.1000/x_y") == "@misc{doi-10.1000-x-y,\n  doi = {10.1000/x_y}\n}\n"
    assert entry("a book & more") == "@misc{a-book-more,\n  howpublished = {a book \\& more}\n}\n"


def test_keys_of_known_papers_are_unique_and_years_fit_their_numbers() -> None:
    assert len({key_of(f"arXiv:{number}") for number in PAPERS}) == len(PAPERS)
    assert all(number[:2] == str(year)[2:] for number, (_authors, year, _title) in PAPERS.items())


def test_links_lead_to_papers_only() -> None:
    assert link("arXiv:1703.01365") == "https://arxiv.org/abs/1703.01365"
    assert link("doi:10.1/x") == "https://doi.org/10.1/x"
    assert link("javascript:alert(1)") == ""


def test_each_paper_is_listed_once_with_its_parts(results: Results) -> None:
    found = {item.key: item.parts for item in references(results)}
    assert found["petsiuk2018rise"] == ("perturbation_curves", "sparseness")
    assert len(found) == 4
