"""Write the reference page from the registries: nothing is listed by hand."""

from collections import Counter
from pathlib import Path

from heatproof.benchmark import Imputer, Method, Metric, Task, imputers, methods, metrics, models, tasks
from heatproof.benchmark.checks import oracles

PROOFS = Counter(oracles[name].metric for name in oracles)
PAGE = Path(__file__).with_name("reference.md")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _table(*head: str, rows: list[str]) -> str:
    return "\n".join([_row(*head), _row(*["---"] * len(head)), *rows])


def _method(part: Method) -> str:
    needs = part.capability.__name__ if part.capability else "nothing"
    settings = ", ".join(f"{name}={value!r}" for name, value in part.settings.items() if value != "")
    return _row(f"`{part.name}`", part.summary, part.role, needs, settings, part.paper)


def _metric(part: Metric) -> str:
    arrows = ", ".join(f"{name} {'↑' if better == 'higher' else '↓'}" for name, better in part.directions.items())
    return _row(f"`{part.name}`", part.summary, arrows, part.reads, str(PROOFS[part.name]), part.paper)


def _imputer(part: Imputer) -> str:
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
                    rows=[_imputer(imputers[name]) for name in imputers],
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


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
