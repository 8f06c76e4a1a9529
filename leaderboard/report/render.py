"""The templates of all formats; each escapes what it shows by the rules of its format, and none needs to ask for it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .. import escape
from . import bibtex, words
from .tables import Findings

TEMPLATES = Path(__file__).with_name("templates")
ESCAPES: dict[str, Callable[[object], object]] = {"html": escape.html, "md": escape.markdown, "tex": escape.latex}


def render(name: str, findings: Findings, **given: object) -> str:
    """Fill in a template, NAME.FORMAT.j2, with what was found and what else is given."""
    results = findings.results
    page = _templates(name.split(".")[-2]).get_template(name)
    return page.render(f=findings, results=results, manifest=results.manifest, w=words, bib=bibtex, **given)


@cache
def _templates(kind: str) -> Environment:
    """The templates of a format; a page's are escaped by jinja2 as well."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=kind == "html",
        finalize=ESCAPES[kind],
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["short"] = escape.cut
    return made
