"""Reports: what a run found, as a page, a document, a table for a paper, or data."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...benchmark.results import Results

FORMATS = ("html", "markdown", "latex", "csv", "json")
PAGE_NEEDS: Mapping[str, str] = MappingProxyType(
    {"altair": "altair", "itables": "itables", "matplotlib": "matplotlib", "vl_convert": "vl-convert-python"}
)
"""The modules that nothing but the page needs, and what brings them."""

__all__ = ["FORMATS", "check_formats", "write_report"]


def check_formats(formats: Sequence[str]) -> None:
    """Refuse formats that are unknown, or cannot be written here: before a run, or before any file is written."""
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ValueError(f"unknown format {unknown[0]!r}: choose among {', '.join(FORMATS)}")
    if not formats:
        raise ValueError(f"no format is given: choose among {', '.join(FORMATS)}")
    missing = [package for module, package in PAGE_NEEDS.items() if find_spec(module) is None]
    if "html" in formats and missing:
        raise ModuleNotFoundError(f"the page needs what is not installed: pip install {' '.join(missing)}")


def write_report(results: "Results", folder: Path, formats: Sequence[str]) -> Path:
    """Write a run's report in some of FORMATS and return the main file, that of the first format.

    A page comes with all other formats beside it, which it offers for download.
    """
    check_formats(formats)
    if not results.records:
        raise ValueError(f"{results.folder} has no outcome yet: finish the run, then report it")
    from .tables import Findings
    from .text import WRITERS

    writers = dict(WRITERS)
    if "html" in formats:
        from .page import write_page  # here, because it takes the libraries of its charts

        writers["html"] = write_page
    folder.mkdir(parents=True, exist_ok=True)
    findings = Findings(results)
    wanted = FORMATS if "html" in formats else formats
    written = {name: writers[name](findings, folder) for name in wanted}
    return written[formats[0]]
