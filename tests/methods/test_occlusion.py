"""Sliding occlusion against captum's and a slow loop."""

from collections.abc import Callable

import pytest
import torch
from captum.attr import Occlusion
from torch import Tensor

from heatproof.benchmark import Refused, methods
from heatproof.benchmark.checks._questions import Question, pictures, table
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def found(question: Question, **settings: int) -> Tensor:
    batch = question.batch
    maps: Tensor = methods["occlusion"].function(question.gate, batch.x, batch.target, batch.baseline, **settings)
    return maps


@pytest.mark.parametrize(("across", "overlap"), [(8, 2), (4, 4), (4, 1), (2, 2), (1, 1)])
def test_is_captums_where_windows_have_whole_pixels(across: int, overlap: int) -> None:
    question = pictures()
    batch, window = question.batch, 16 // across
    explainer = Occlusion(lambda x: question.gate.score(x, batch.target.repeat(len(x) // len(batch))))
    shape, steps = (3, window, window), (3, window // overlap, window // overlap)
    expected = explainer.attribute(batch.x, sliding_window_shapes=shape, strides=steps, baselines=batch.baseline)
    # Captum's maps are in single precision, as the pictures are.
    torch.testing.assert_close(found(question, across=across, overlap=overlap).float(), expected[:, 0].flatten(1))


@pytest.mark.parametrize(("across", "overlap"), [(3, 2), (4, 3), (2, 1)])
def test_equals_a_slow_loop_where_windows_are_uneven(smooth: Ask, across: int, overlap: int) -> None:
    question = smooth()
    x, steps = question.batch.x, across * overlap
    positions = (across - 1) * overlap + 1
    total, count = torch.zeros(len(x), *x.shape[2:]).double(), torch.zeros(x.shape[2:])
    for down in range(positions):
        for right in range(positions):
            rows = slice(down * 4 // steps, (down + overlap) * 4 // steps)
            columns = slice(right * 6 // steps, (right + overlap) * 6 // steps)
            hidden = x.clone()
            hidden[:, :, rows, columns] = question.batch.baseline[:, :, rows, columns]
            for i, target in enumerate(question.batch.target.tolist()):
                before, after = question.gate.module(torch.stack([x[i], hidden[i]])).softmax(1)[:, target].tolist()
                total[i, rows, columns] += before - after
            count[rows, columns] += 1
    expected = (total / count).flatten(1)
    torch.testing.assert_close(found(question, across=across, overlap=overlap), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("settings", "passes"), [({}, 226), ({"across": 4, "overlap": 3}, 101), ({"across": 1}, 2)])
def test_bills_its_windows_and_the_whole_input(settings: dict[str, int], passes: int) -> None:
    question = pictures()
    cost = explain(Asked(methods["occlusion"], settings), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (5 * passes, 0)


def test_refuses_tables_and_pictures_with_fewer_pixels_than_windows(smooth: Ask) -> None:
    with pytest.raises(Refused, match=r"8 windows a side do not fit an input \(8,\): use leave_one_out"):
        found(table())
    with pytest.raises(Refused, match=r"5 windows a side do not fit an input \(2, 4, 6\)"):
        found(smooth(), across=5)


@pytest.mark.parametrize("settings", [{"across": 0}, {"overlap": 0}])
def test_counts_start_at_one(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="give counts from 1"):
        found(pictures(), **settings)
