"""Suites: named, versioned lists of tasks, methods and metrics, read from TOML."""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .errors import UnknownName

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MOST_CELLS = 250_000
MOST_VALUES = 1000


def _plain(name: str) -> str:
    """Refuse what cannot be part of a path: names of suites become folders and files."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name[:80]!r} is no name: use up to 64 letters, digits, '_', '-' and '.', a letter or digit first"
        )
    return name


Name = Annotated[str, AfterValidator(_plain)]


def question_of(task: str) -> str:
    """Return the question that a task puts to a network: its name without the network's."""
    return task.partition("@")[0]


class Suite(BaseModel):
    """Tasks, methods and metrics under one name and version; a score always belongs to `suite@version`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    version: Name
    summary: str = ""
    seed: int = 0
    samples: int = Field(gt=0, le=1_000_000)
    repeats: int = Field(default=1, gt=0, le=1000)
    """The number of runs of a stochastic method, each on its own streams."""
    tasks: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(min_length=1)
    settings: dict[str, dict[str, bool | int | float | str]] = {}
    """Settings that differ from a part's defaults, by the part's name."""
    sweep: dict[str, tuple[bool | int | float | str, ...]] = {}
    """Values of a setting: each method that has the setting enters as one variant for each of them."""
    cluster: Literal["task", "network"] = "task"
    """The population that the tasks are a sample of: tasks of their families, or networks of their architectures.

    Families are fixed, and weigh the same; so do architectures within one. Of a network, the mean over its tasks
    counts; one that a single question is put to, as that of a table, needs no architecture, and stands for its family.
    """
    margin: float = Field(default=0.0, ge=0, lt=1)
    """The difference between two methods below which none is claimed."""
    admission: bool = False
    """Whether only tasks count that pass their checks: nobody scores well there without asking the network."""
    conventions: dict[str, str] = {}
    """Other scores that the tasks could count by, by what a report calls them: how far does the order depend on it?"""
    columns: tuple[str, ...] = ()
    """The questions that are shown beside the ranking, and do not count for it."""

    @field_validator("tasks", "methods", "metrics")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is named twice, and would count twice")
        return names

    @field_validator("sweep")
    @classmethod
    def _one(cls, sweep: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
        if len(sweep) > 1:
            raise ValueError(f"{', '.join(sweep)} cannot be swept at once: sweep one, and write the others as variants")
        if sweep and len(values := next(iter(sweep.values()))) > MOST_VALUES:
            raise ValueError(f"{len(values):,} values are too many: sweep at most {MOST_VALUES:,}")
        return sweep

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        methods = len(self.methods) * max((len(values) for values in self.sweep.values()), default=1)
        cells = len(self.tasks) * methods * len(self.metrics) * self.repeats
        if cells > MOST_CELLS:
            raise ValueError(f"the suite has up to {cells:,} cells: at most {MOST_CELLS:,}, cut it into several suites")
        return self

    @model_validator(mode="after")
    def _counted(self) -> Self:
        questions = {question_of(task) for task in self.tasks}
        if strange := sorted(set(self.columns) - questions):
            raise ValueError(f"columns: no task asks {', '.join(strange)}: choose among {', '.join(sorted(questions))}")
        if questions == set(self.columns):
            raise ValueError("columns: all questions are columns, and none is left to rank by")
        return self

    @property
    def title(self) -> str:
        """The name that a score is cited under."""
        return f"{self.name}@{self.version}"


def read_suite(path: Path) -> Suite:
    """Read a suite file; what is wrong with it becomes one line."""
    try:
        return Suite.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise ValueError(f"{path}: {'; '.join(_explained(item) for item in error.errors())}") from error


def _explained(item: object) -> str:
    where, message = ".".join(map(str, item["loc"])), item["msg"].removeprefix("Value error, ")  # type: ignore[index]
    if item["type"] in ("greater_than", "less_than_equal"):  # type: ignore[index]
        message += f", got {item['input']}"  # type: ignore[index]
    if item["type"] != "extra_forbidden":  # type: ignore[index]
        return f"{where}: {message}" if where else message
    close = get_close_matches(where, Suite.model_fields, n=1)
    return f"unknown key {where!r}" + (f", did you mean {close[0]!r}?" if close else "")


def find_suite(name: str, folder: Path) -> Suite:
    """Return a suite by the name of a shipped one, or by the path of a file."""
    path = Path(name)
    if path.suffix == ".toml":
        if not path.is_file():
            raise UnknownName(f"suite file {name} does not exist")
        return read_suite(path)
    shipped = {file.stem: file for file in sorted(folder.glob("*.toml"))}
    if name not in shipped:
        close = get_close_matches(name, shipped, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(shipped)}"
        raise UnknownName(f"unknown suite {name!r}: {hint} (or give the path of a .toml file)")
    return read_suite(shipped[name])
