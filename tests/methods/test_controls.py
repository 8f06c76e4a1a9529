"""Controls and canaries: what they may see and what they must not do."""

from collections.abc import Callable
from dataclasses import replace
from math import exp

import pytest
import torch
from skimage.filters import sobel
from torch import Tensor

from heatproof.benchmark import Batch, Refused, Truth, methods, per_unit, seed_of
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def maps_of(name: str, question: Question, seed: int = 0, repeat: int = 0) -> Tensor:
    maps, cost = explain(Asked(methods[name], {}, seed, repeat), question.gate, question.batch)
    assert (cost.forward, cost.backward) == (0, 0)
    return maps


def test_random_is_the_samples_own_stream(smooth: Ask) -> None:
    question = smooth()
    maps = maps_of("random", question, seed=5, repeat=2)
    for name, row in zip(question.batch.ids, maps, strict=True):
        stream = torch.Generator().manual_seed(seed_of(5, "random", 2, name))
        assert row.equal(torch.randn(24, generator=stream).double())


def test_random_repeats_with_its_seed_and_differs_otherwise(smooth: Ask) -> None:
    question = smooth()
    first = maps_of("random", question)
    assert first.equal(maps_of("random", question))
    assert len({tuple(row) for row in first.tolist()}) == len(first)
    for other in (maps_of("random", question, seed=1), maps_of("random", question, repeat=1)):
        assert not (other == first).any()


def truth_of(question: Question, **known: Tensor) -> Question:
    parts = torch.tensor([[0] * 8 + [1] * 4 + [-1] * 12]).expand(4, -1)
    return replace(question, batch=_with(question.batch, Truth(parts, **known)))


def _with(batch: Batch, truth: Truth) -> Batch:
    return replace(batch, truth=truth)


EFFECT = torch.tensor([[4.0, -2.0], [0.0, 1.0], [3.0, 3.0], [-1.0, 0.5]], dtype=torch.float64)


def test_oracle_spreads_the_true_effects_evenly_over_their_parts(smooth: Ask) -> None:
    maps = maps_of("oracle", truth_of(smooth(), effect=EFFECT))
    assert maps[0].tolist() == [0.5] * 8 + [-0.5] * 4 + [0.0] * 12
    assert torch.stack([maps[:, :8].sum(1), maps[:, 8:12].sum(1)], 1).equal(EFFECT)


def test_oracle_answers_for_the_rival_where_the_rival_is_asked_about(smooth: Ask) -> None:
    rival = torch.tensor([0, 2, 1, 0])  # the targets are 0, 1, 2, 0
    maps = maps_of("oracle", truth_of(smooth(), effect=EFFECT, rival=rival, rival_effect=10 * EFFECT))
    expected = EFFECT * torch.tensor([10.0, 1.0, 1.0, 10.0])[:, None]
    assert torch.stack([maps[:, :8].sum(1), maps[:, 8:12].sum(1)], 1).equal(expected.double())


def test_oracle_marks_what_is_relevant_where_no_effect_is_known(smooth: Ask) -> None:
    relevant = torch.tensor([[True, False], [False, True], [True, True], [False, False]])
    maps = maps_of("oracle", truth_of(smooth(), relevant=relevant))
    assert per_unit(maps, torch.tensor([[0] * 8 + [1] * 4 + [2] * 12]).expand(4, -1))[:, :2].equal(relevant.double())


def test_oracle_refuses_a_truth_that_is_no_map(smooth: Ask) -> None:
    with pytest.raises(Refused, match="not a map"):
        maps_of("oracle", truth_of(smooth()))


@pytest.mark.parametrize(("height", "width"), [(5, 7), (4, 6)])
def test_center_is_symmetric_and_highest_in_the_middle(height: int, width: int) -> None:
    blob = methods["center"].function(torch.rand(2, 3, height, width)).reshape(2, height, width)
    assert blob[0].equal(blob[1])
    torch.testing.assert_close(blob, blob.flip(1), rtol=1e-6, atol=0)
    torch.testing.assert_close(blob, blob.flip(2), rtol=1e-6, atol=0)
    assert blob.max() == blob[0, (height - 1) // 2, (width - 1) // 2]
    falling = blob[0, (height - 1) // 2, width // 2 :]
    assert (falling[1:] < falling[:-1]).all()


def test_center_is_a_gaussian_a_quarter_of_the_side_wide() -> None:
    blob = methods["center"].function(torch.rand(1, 3, 5, 5)).reshape(5, 5)
    assert blob[2, 2].item() == 1.0
    assert blob[2, 3].item() == pytest.approx(exp(-(0.25**2) / (2 * 0.25**2)), rel=1e-6)
    assert blob[0, 0].item() == pytest.approx(exp(-(0.5**2 + 0.5**2) / (2 * 0.25**2)), rel=1e-6)


def test_center_of_a_table_is_its_middle_column() -> None:
    assert methods["center"].function(torch.rand(2, 5)).argmax(1).tolist() == [2, 2]


def test_edges_are_skimages_channel_by_channel(smooth: Ask) -> None:
    question = smooth()
    maps = maps_of("edges", question)
    for x, row in zip(question.batch.x, maps, strict=True):
        expected = sum(torch.from_numpy(sobel(channel.numpy())) for channel in x)
        torch.testing.assert_close(row, expected.flatten(), rtol=1e-6, atol=1e-9)


def test_edges_of_a_table_are_skimages_of_each_row(additive: Ask) -> None:
    question = additive(pictures=False)
    for x, row in zip(question.batch.x, maps_of("edges", question), strict=True):
        torch.testing.assert_close(row, torch.from_numpy(sobel(x.numpy())).abs(), rtol=1e-6, atol=1e-9)


def test_edges_of_a_row_are_magnitudes() -> None:
    """The difference of the two neighbours; at the ends, of the neighbour and itself."""
    row = torch.tensor([[1.0, 5.0, 2.0, 8.0, 0.0]], dtype=torch.float64)
    assert methods["edges"].function(row).tolist() == [[4.0, 1.0, 3.0, 2.0, 8.0]]


def test_edges_of_a_step_are_where_the_step_is() -> None:
    x = torch.zeros(1, 1, 6, 6)
    x[..., 3:] = 1.0
    found = methods["edges"].function(x)[0, 0]
    assert (found[1:-1] > 0).any(0).tolist() == [False, False, True, True, False, False]


def test_constant_is_one_everywhere(additive: Ask) -> None:
    assert (maps_of("constant", additive(pictures=False)) == 1).all()
    assert (maps_of("constant", additive()) == 2).all(), "two channels are summed"


def test_input_magnitude_is_the_distance_from_the_baseline(smooth: Ask) -> None:
    question = smooth()
    expected = (question.batch.x - question.batch.baseline).abs().sum(1).flatten(1)
    torch.testing.assert_close(maps_of("input_magnitude", question), expected, rtol=1e-6, atol=1e-9)
