"""Libraries are imported with a word of advice, and keep their noise and their draws to themselves."""

import random
import sys
import warnings

import numpy as np
import pytest
import torch

from heatproof.benchmark.libraries import load, quiet, seeded


def test_a_library_that_is_there_is_imported() -> None:
    assert load("torch.nn") is torch.nn


def test_a_library_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^nowhere is not installed: pip install 'heatproof\[peers\]'$"):
        load("nowhere.inside")


def test_an_error_inside_a_library_is_its_own() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'torch\.nowhere'"):
        load("torch.nowhere")


def test_what_a_library_prints_and_warns_of_is_not_heard(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("loud")  # noqa: T201 - as libraries are
        print("a bar", file=sys.stderr)  # noqa: T201
        warnings.warn("louder", stacklevel=1)
        _ = np.float64(1) / np.float64(0)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(UserWarning, match="again"):
        warnings.warn("again", stacklevel=1)


def draws() -> tuple[float, float, float]:
    return torch.rand(()).item(), float(np.random.rand()), random.random()


def test_a_seed_says_what_is_drawn_and_the_global_states_go_on_as_before() -> None:
    with seeded(1):
        expected = [draws(), draws()]
        with seeded(7):
            first = draws()
    with seeded(1):
        assert draws() == expected[0]
        with seeded(2**40 + 8):
            other = draws()
        with seeded(7):
            assert draws() == first
        with pytest.raises(RuntimeError, match="stop"), seeded(7):
            raise RuntimeError("stop")
        assert draws() == expected[1]
    assert all(a != b for a, b in zip(first, other, strict=True))
