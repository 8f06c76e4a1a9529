"""Write the generated pages from the registries: nothing is listed by hand."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from heatproof.benchmark import (
    Divider,
    Imputer,
    Method,
    Metric,
    Refused,
    Task,
    dividers,
    imputers,
    methods,
    metrics,
    models,
    tasks,
)
from heatproof.benchmark.checks import oracles
from heatproof.benchmark.harness import Asked, explain
from heatproof.terminal.catalogue import FILE, text

PROOFS = Counter(oracles[name].metric for name in oracles)
HERE = Path(__file__).parent
BUDGET = 200
MATRIX = """# Methods and models

Made by `make docs`: every method is run on two samples of the embedded models, with 200 passes where it has a budget.
Networks with a code of their own are explained as `creatures_resnet` and `creatures_vit` are; a pair of them has no
layers to read. A number stands for the reason of a refusal, below. {count} methods;
those of other libraries, `grad_cam@captum` and the like, are entrants too where the library is installed
(`heatproof list methods`).

{table}

{reasons}
"""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _table(*head: str, rows: list[str]) -> str:
    return "\n".join([_row(*head), _row(*["---"] * len(head)), *rows])


def _method(part: Method) -> str:
    needs = part.capability.__name__ if part.capability else "nothing"
    settings = ", ".join(f"{name}={value!r}" for name, value in part.settings.items() if value != "")
    return _row(f"`{part.name}`", part.summary, part.role, needs, settings, part.paper)


def _metric(part: Metric) -> str:
    arrows = ", ".join(f"{name} {_arrow(part, name)}" for name in part.directions)
    return _row(f"`{part.name}`", part.summary, arrows, _reads(part), str(PROOFS[part.name]), part.paper)


def _reads(part: Metric) -> str:
    if isinstance(part.reads, str):
        return part.reads
    return ", ".join(["signed", *(f"{name} {what}" for name, what in part.reads.items())])


def _arrow(part: Metric, score: str) -> str:
    arrow = "↑" if part.directions[score] == "higher" else "↓"
    return f"{arrow} (descriptive)" if score in part.descriptive else arrow


def _named(part: Imputer | Divider) -> str:
    return _row(f"`{part.name}`", part.summary, part.paper)


def _task(part: Task) -> str:
    return _row(f"`{part.name}`", part.summary, part.family, part.truth_type, part.model.name, part.headline)


def page() -> str:
    """Return the reference page."""
    return (
        "\n\n".join(
            [
                "# Reference",
                "Made by `make docs` from the registries.",
                "## Methods",
                _table(
                    "method",
                    "what it computes",
                    "role",
                    "asks of a model",
                    "settings",
                    "paper",
                    rows=[_method(methods[name]) for name in methods],
                ),
                "## Metrics",
                _table(
                    "metric",
                    "what it computes",
                    "scores",
                    "reads",
                    "oracles",
                    "paper",
                    rows=[_metric(metrics[name]) for name in metrics],
                ),
                "## Imputers",
                _table(
                    "imputer",
                    "what stands in for what is hidden",
                    "paper",
                    rows=[_named(imputers[name]) for name in imputers],
                ),
                "## Dividers",
                _table(
                    "divider",
                    "how an input is cut into regions",
                    "paper",
                    rows=[_named(dividers[name]) for name in dividers],
                ),
                "## Tasks",
                _table(
                    "task",
                    "what it asks",
                    "family",
                    "truth",
                    "model",
                    "headline",
                    rows=[_task(tasks[name]) for name in tasks],
                ),
                "## Models",
                _table("model", "what it is", rows=[_row(f"`{name}`", models[name].summary) for name in models]),
            ]
        )
        + "\n"
    )


def outcome(part: Method, model: str) -> str:
    """Return why a method cannot explain a model; empty if it can."""
    question = next(tasks[name] for name in tasks if tasks[name].model.name == model)
    try:
        explain(
            Asked(part, dict.fromkeys({"budget"} & part.own, BUDGET)), question.gate(), question.questions("test", 2)
        )
    except Refused as no:
        return str(no).replace("|", "/")
    return ""


def family(name: str) -> str:
    """Return the folder that a method is in."""
    return methods[name].function.__module__.split(".")[-2]


def matrix() -> str:
    """Return the page that says which method explains which model."""
    shipped = [name for name in methods if methods[name].function.__module__.startswith("heatproof.methods.")]
    names = [name for name in shipped if "@" not in name]
    shown = {task.model.name for task in map(tasks.__getitem__, tasks) if task.files is None and not task.model.files}
    columns = [name for name in models if name in shown and not models[name].architecture]
    found = {(name, model): outcome(methods[name], model) for name in names for model in columns}
    reasons = list(dict.fromkeys(reason for reason in found.values() if reason))
    number = {"": "✓", **{reason: str(place) for place, reason in enumerate(reasons, 1)}}

    def rows() -> Iterator[str]:
        for folder, group in groupby(sorted(names, key=lambda name: (family(name), name)), key=family):
            yield _row(f"**{folder}**", *[""] * len(columns))
            for name in group:
                yield _row(f"`{name}`", *(number[found[name, model]] for model in columns))

    return MATRIX.format(
        count=len(names),
        table=_table("method", *(f"`{name}`" for name in columns), rows=list(rows())),
        reasons="\n".join(f"{place}. {reason}" for place, reason in enumerate(reasons, 1)),
    )


PAGES = {"reference.md": page, "methods.md": matrix}


if __name__ == "__main__":
    for name, write in PAGES.items():
        (HERE / name).write_text(write(), encoding="utf-8")
    FILE.write_text(text(), encoding="utf-8")
