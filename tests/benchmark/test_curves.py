"""Areas against closed forms."""

import pytest
import torch
from numpy import trapezoid

from heatproof.benchmark import area, confidence_normalised


def test_the_area_below_a_line_is_exact_whatever_the_steps() -> None:
    fraction = torch.tensor([[0.0, 0.1, 0.7, 1.0], [0.0, 0.5, 0.6, 1.0]])
    assert area(fraction, 3 * fraction + 1).tolist() == pytest.approx([2.5, 2.5])


def test_the_area_below_a_parabola_is_the_sum_of_its_chords() -> None:
    steps = 8
    fraction = torch.arange(steps + 1)[None] / steps
    assert area(fraction, fraction**2).item() == pytest.approx(1 / 3 + 1 / (6 * steps**2))


def test_areas_are_those_of_numpy() -> None:
    generator = torch.Generator().manual_seed(0)
    fraction = torch.rand(5, 7, generator=generator).sort(1).values.double()
    curve = torch.randn(5, 7, generator=generator).double()
    assert area(fraction, curve).tolist() == pytest.approx(trapezoid(curve.numpy(), fraction.numpy(), axis=1).tolist())


def test_normalised_curves_go_from_the_baseline_to_the_whole_input() -> None:
    curve = torch.tensor([[0.2, 0.5, 0.8], [3.0, 1.0, -1.0]])
    full, empty = torch.tensor([0.8, 3.0]), torch.tensor([0.2, -1.0])
    expected = torch.tensor([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]]).double()
    torch.testing.assert_close(confidence_normalised(curve, full, empty), expected, rtol=1e-6, atol=1e-6)


def test_a_normalised_curve_without_a_range_is_nan() -> None:
    curve = torch.tensor([[0.5, 0.7], [0.0, 1.0]])
    found = confidence_normalised(curve, torch.tensor([0.5, 1.0]), torch.tensor([0.5, 0.0]))
    assert found[0].isnan().all()
    assert found[1].tolist() == [0, 1]
