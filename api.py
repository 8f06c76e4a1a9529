"""Running suites by name."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .benchmark import Method, methods
from .benchmark import run as kernel
from .benchmark.admission import ADMISSION
from .benchmark.entries import import_file
from .benchmark.pack import read_pack
from .benchmark.results import Results
from .benchmark.suite import Suite, find_suite
from .leaderboard import SUITES

BASELINES = Path(__file__).parent / "leaderboard" / "results"


def suite(name: str) -> Suite:
    """Return a suite by the name of a shipped one, or by the path of its file."""
    return find_suite(name, SUITES)


def entrants(names: Sequence[str]) -> tuple[list[Method], tuple[Path, ...]]:
    """Return the methods of these names or files, and the files; a file may define several."""
    found: list[Method] = []
    files = [Path(name) for name in names if name.endswith(".py")]
    for file in files:
        defined = methods.from_module(import_file(file))
        if not defined:
            raise ValueError(f"{file} registers no method: decorate a function with @heatproof.method()")
        found += defined
    found += [methods[name] for name in names if not name.endswith(".py")]
    return found, tuple(file.resolve() for file in files)


def baselines(chosen: Suite) -> Path:
    """Return where the stored results of a suite are, if there are any."""
    return BASELINES / f"{chosen.title}.parquet"


def default_folder(chosen: Suite, *, verified: bool = False) -> Path:
    """Return where a run is kept that is told no folder."""
    return Path("runs") / f"{chosen.name}{'-verified' if verified else ''}"


def run(
    name: str,
    out: str | Path = "",
    method: Sequence[str] = (),
    *,
    how: kernel.How | None = None,
    progress: kernel.Progress | None = None,
    verified: bool = False,
    seed: str = "",
    networks: bool = False,
) -> Results:
    """Run a suite, or with `method` (names or files) only these among the suite's stored baselines.

    Results are kept in `out`, by default `runs/SUITE`; what is there already is not computed again. A `verified` run,
    by default in `runs/SUITE-verified`, draws the seed of its samples when it starts, or repeats one with its `seed`.
    With `networks` those with a code of their own get new ones before.
    """
    chosen = suite(name)
    extra, files = entrants(method)
    how = replace(how or kernel.How(), files=files)
    apart = verified or networks or bool(seed)
    stored = read_pack(baselines(chosen))
    if apart or not extra:  # what the checks of the tasks have found holds for every run
        stored = {key: record for key, record in stored.items() if record.metric == ADMISSION}
    folder = Path(out or default_folder(chosen, verified=apart))
    return kernel.run(
        chosen,
        folder,
        extra,
        baselines=stored,
        how=how,
        progress=progress,
        verified=verified,
        seed=seed,
        networks=networks,
    )
