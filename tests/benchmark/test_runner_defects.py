"""Defects of the runners of other libraries, by the numbers of the list that this project keeps of them."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from heatproof import evaluate
from heatproof.benchmark import Rng, method, metric
from heatproof.benchmark.results import Results
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import Suite

pytestmark = pytest.mark.usefixtures("own_parts")


def parts() -> None:
    """Register two methods with a setting of the same name, and a metric that fails."""

    @method()
    def leaky_first(x: Tensor, *, factor: float = 1.0) -> Tensor:
        """The input, times a factor."""
        return factor * x

    @method()
    def leaky_second(x: Tensor, *, factor: float = 1.0) -> Tensor:
        """The same, under another name."""
        return factor * x

    @metric(better="higher", scale_free=False)
    def largest(attribution: Tensor) -> Tensor:
        """The largest relevance."""
        return attribution.amax(1)

    @metric(better="higher")
    def leaves(attribution: Tensor) -> Tensor:
        """Ends Python."""
        sys.exit(0)

    @metric(better="higher")
    def breaks(attribution: Tensor) -> Tensor:
        """Fails."""
        raise RuntimeError("out of order")


def tiny(folder: Path, **words: object) -> Results:
    parts()
    names = {"methods": ("leaky_first", "leaky_second"), "metrics": ("breaks", "largest")}
    return run(Suite(name="leaky", version="1", samples=3, tasks=("linear",), **{**names, **words}), folder)


def test_12_one_failing_metric_loses_all_results(tmp_path: Path) -> None:
    scores = tiny(tmp_path).scores
    assert scores.loc[scores["metric"] == "largest", "value"].notna().all()
    assert scores.loc[scores["metric"] == "breaks", "reason"].str.startswith("RuntimeError: out of order").all()


def test_12_nor_those_of_an_evaluation() -> None:
    parts()
    x = torch.rand(4, 3)
    asked = ["breaks", "leaves", "largest"]
    found = evaluate(torch.nn.Linear(3, 2), x, [0] * 4, {"mine": x}, asked).set_index("metric")
    assert found.loc["breaks", "reason"] == "RuntimeError: out of order"
    assert found.loc["leaves", "reason"] == "SystemExit: 0"
    torch.testing.assert_close(torch.tensor(found.loc["largest", "value"].to_numpy()), x.double().amax(1))


def test_19_settings_of_one_method_leak_into_the_next(tmp_path: Path) -> None:
    results = tiny(tmp_path, settings={"leaky_first": {"factor": 7.0}})
    first, second = (results.maps("linear", name) for name in ("leaky_first", "leaky_second"))
    assert first is not None
    assert second is not None
    torch.testing.assert_close(first.values, 7 * second.values)


def test_20_the_progress_goes_past_its_end(tmp_path: Path) -> None:
    parts()
    suite = Suite(
        name="leaky", version="1", samples=3, tasks=("linear",), methods=("leaky_first", "random"), metrics=("largest",)
    )
    seen: list[tuple[int, int]] = []
    run(suite, tmp_path, progress=lambda done, total, what: seen.append((done, total)))
    assert seen == sorted(seen)
    assert all(done <= total for done, total in seen)
    assert seen[-1][0] == seen[-1][1]


def test_openxai_arguments_of_one_evaluation_leak_into_the_next() -> None:
    parts()
    x, asked = torch.rand(4, 3), ["largest"]
    maps = {"mine": x}
    first = evaluate(torch.nn.Linear(3, 2), x, [0] * 4, maps, asked, readout="logit", imputer="constant")
    assert asked == ["largest"]
    assert list(maps) == ["mine"]
    assert first.equals(evaluate(torch.nn.Linear(3, 2), x, [0] * 4, maps, asked))


def test_no_stream_is_drawn_from_by_two(tmp_path: Path) -> None:
    """A method that comes later meets the draws that it meets alone."""

    def drawn(names: tuple[str, ...], folder: Path) -> Tensor:
        maps = tiny(folder, methods=names, metrics=("largest",)).maps("linear", "late")
        assert maps is not None
        return maps.values

    @method()
    def early(x: Tensor, rng: Rng) -> Tensor:
        """Draws a lot."""
        return rng.normal(1000, *x.shape[1:])[:, 0]

    @method()
    def late(x: Tensor, rng: Rng) -> Tensor:
        """Draws."""
        return rng.normal(*x.shape[1:])

    assert drawn(("early", "late"), tmp_path / "both").equal(drawn(("late",), tmp_path / "alone"))
