"""Batches, truths and records refuse what does not fit together."""

from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from heatproof.benchmark import Batch, Cost, Record, Truth
from heatproof.benchmark.data import REASON, TRACE


def batch(n: int = 3, **changes: object) -> Batch:
    whole = Batch(
        ids=tuple(f"s{i}" for i in range(n)),
        x=torch.arange(n * 4.0).reshape(n, 4),
        target=torch.arange(n),
        units=torch.arange(4).expand(n, -1),
        baseline=torch.zeros(n, 4),
        truth=truth(n),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def truth(n: int = 3) -> Truth:
    effect = torch.arange(n * 2.0).reshape(n, 2)
    parts = torch.tensor([0, 0, 1, -1]).expand(n, -1)
    return Truth(parts, relevant=effect > 1, effect=effect, values={"shapley": 2 * effect}, rival=torch.zeros(n).long())


@pytest.mark.parametrize("name", ["x", "target", "units", "baseline"])
def test_a_batch_refuses_parts_of_another_size(name: str) -> None:
    with pytest.raises(ValueError, match=rf"batch\.{name} has 2 samples, batch\.ids has 3"):
        batch(**{name: getattr(batch(), name)[:2]})


def test_a_batch_refuses_a_truth_of_another_size() -> None:
    with pytest.raises(ValueError, match="truth"):
        batch(truth=truth(2))


def test_a_batch_refuses_ids_that_occur_twice() -> None:
    with pytest.raises(ValueError, match=r"ids are not unique.*give each sample its own"):
        batch(ids=("a", "b", "a"))


def test_a_batch_refuses_a_baseline_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"baseline has shape \(3, 5\), x has \(3, 4\)"):
        batch(baseline=torch.zeros(3, 5))


def test_a_slice_cuts_everything_the_truth_included() -> None:
    part, whole = batch()[1:], batch()
    assert len(part) == 2
    assert part.ids == whole.ids[1:]
    for name in ("x", "target", "units", "baseline"):
        assert torch.equal(getattr(part, name), getattr(whole, name)[1:])
    assert part.truth is not None
    assert whole.truth is not None
    assert part.truth.effect is not None
    assert torch.equal(part.truth.effect, torch.tensor([[2.0, 3.0], [4.0, 5.0]]))
    assert torch.equal(part.truth.values["shapley"], 2 * part.truth.effect)
    assert part.truth.impossible is None
    assert batch(truth=None)[:1].truth is None


@pytest.mark.parametrize("name", ["relevant", "impossible", "effect", "rival", "rival_effect"])
def test_a_truth_refuses_parts_of_another_size(name: str) -> None:
    with pytest.raises(ValueError, match=rf"truth\.{name} has 1 samples, truth\.parts has 3"):
        replace(truth(), **{name: torch.zeros(1, 2)})


def test_a_truth_refuses_values_of_another_size() -> None:
    with pytest.raises(ValueError, match="shapley"):
        replace(truth(), values={"shapley": torch.zeros(1, 2)})


def test_costs_add_up_and_memory_peaks() -> None:
    assert Cost(1, 2, 0.5, 10.0) + Cost(10, 20, 0.25, 7.0) == Cost(11, 22, 0.75, 10.0)


def test_a_record_refuses_a_status_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"status 'done' is not one of ok, skipped, failed"):
        Record("task", "method", "metric", 0, "done")  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["skipped", "failed"])
def test_a_record_without_scores_says_why(status: str) -> None:
    with pytest.raises(ValueError, match=f"a {status} record of method on task needs a reason"):
        Record("task", "method", "metric", 0, status)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("two\nlines  of it", "two lines of it"),
        ("a lone \ud800 surrogate", "a lone \\ud800 surrogate"),
        ("a NUL \0 and an escape \x1b[2J", "a NUL \\x00 and an escape \\x1b[2J"),
        ("naïve — 日本語", "naïve — 日本語"),
        ("x" * REASON, "x" * REASON),
        ("ab" * 5_000_000, f"{'ab' * 175} … 9999500 characters left out … {'ab' * 50}"),
    ],
)
def test_whatever_a_reason_holds_it_can_be_written_down(said: str, kept: str) -> None:
    reason = Record("task", "method", "metric", 0, "failed", said, trace=f"{said}\n").reason
    assert reason == kept
    assert len(reason.encode()) < 2 * REASON


def test_a_traceback_keeps_its_lines_and_its_end() -> None:
    long = "".join(f"line {i}\n" for i in range(1_000_000))
    trace = Record("task", "method", "metric", 0, "failed", "long", trace=long).trace
    assert trace.startswith("line 0\nline 1\n")
    assert trace.endswith("line 999999\n")
    assert len(trace) <= TRACE
    assert len(Record("task", "method", "metric", 0, "failed", "odd", trace="\0\ud800" * TRACE).trace) <= TRACE


def test_sample_ids_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match=r"batch.ids has 'picture\\udcff', which is no valid Unicode"):
        batch(ids=("picture\udcff", "b", "c"))


def test_what_moves_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        batch().x = torch.zeros(1)  # type: ignore[misc]
