"""Reports: what a run found, as a page, a document, a table for a paper, or data."""

from collections.abc import Sequence
from pathlib import Path

from ...benchmark.results import Results
from .page import write_page
from .tables import Findings
from .text import WRITERS

FORMATS = ("html", *WRITERS)

__all__ = ["FORMATS", "write_report"]


def write_report(results: Results, folder: Path, formats: Sequence[str]) -> Path:
    """Write a run's report in some of FORMATS and return the main file, that of the first format.

    A page comes with all other formats beside it, which it offers for download.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ValueError(f"unknown format {unknown[0]!r}: choose among {', '.join(FORMATS)}")
    if not formats:
        raise ValueError(f"no format is given: choose among {', '.join(FORMATS)}")
    if not results.records:
        raise ValueError(f"{results.folder} has no outcome yet: finish the run, then report it")
    folder.mkdir(parents=True, exist_ok=True)
    findings = Findings(results)
    wanted = FORMATS if "html" in formats else formats
    written = {name: {"html": write_page, **WRITERS}[name](findings, folder) for name in wanted}
    return written[formats[0]]
