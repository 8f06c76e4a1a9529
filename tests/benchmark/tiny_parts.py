"""Tasks, methods and metrics for the tests of running; every call of a method is logged."""

import os
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from heatproof.benchmark import (
    Batch,
    BlackBox,
    Differentiable,
    Gate,
    Network,
    Refused,
    Rng,
    Truth,
    column_units,
    method,
    metric,
    model,
    task,
)

COLUMNS = 6


def log(name: str) -> None:
    """Write down a call, where the test says so."""
    if path := os.environ.get("TINY_LOG"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")


@model()
def tiny_net() -> Network:
    """A linear layer with weights 1 to 12."""
    layer = nn.Linear(COLUMNS, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(1.0, 13).reshape(2, COLUMNS) / 10)
        layer.bias.zero_()
    return Network(layer)


@model()
def tiny_box() -> Network:
    """A function without gradients."""
    return Network(predict=lambda x: (x[:, :2] * 2).softmax(1))


def tiny_samples(model: Gate, split: str, size: int) -> Batch:
    """Random numbers."""
    log(f"samples of {split}")
    x = torch.randn(size, COLUMNS, generator=torch.Generator().manual_seed(5))
    target = model.logits(x).argmax(1)
    return Batch(tuple(f"{split}-{i}" for i in range(size)), x, target, column_units(x), torch.zeros_like(x))


@task(
    samples=tiny_samples,
    on=("tiny_net", "tiny_box"),
    family="tiny",
    truth_type="analytic",
    headline="tiny_mass",
    knows={"relevant"},
)
def tiny_mask(model: Gate, batch: Batch) -> Truth:
    """Which columns are relevant."""
    return Truth(batch.units, relevant=batch.x > 0)


@task(
    samples=tiny_samples,
    on=("tiny_net",),
    family="tiny",
    truth_type="interventional",
    headline="tiny_product",
    knows={"effect"},
)
def tiny_effect(model: Gate, batch: Batch) -> Truth:
    """The effects of the columns."""
    return Truth(batch.units, effect=batch.x.double())


@method(passes=lambda: (1, 1))
def tiny_gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient."""
    log("tiny_gradient")
    return model.gradient(x, target)


@method(passes=lambda draws: (draws, 0))
def tiny_noise(model: BlackBox, x: Tensor, target: Tensor, rng: Rng, *, draws: int = 3) -> Tensor:
    """Noise, which takes its time."""
    log("tiny_noise")
    for _ in range(draws):
        model.score(x, target)
        time.sleep(float(os.environ.get("TINY_SLEEP", "0")))
    return rng.normal(COLUMNS)


@method()
def tiny_failure(x: Tensor, target: Tensor) -> Tensor:
    """Fails."""
    log("tiny_failure")
    raise ArithmeticError("the sums do not\nadd up")


@method()
def tiny_refusal(x: Tensor) -> Tensor:
    """Refuses."""
    log("tiny_refusal")
    raise Refused("there is nothing to say about tables")


@method()
def tiny_endless(x: Tensor) -> Tensor:
    """Never ends, and catches all that it can."""
    log("tiny_endless")
    while True:
        try:
            time.sleep(0.01)
        except Exception:  # noqa: BLE001
            continue


@method()
def tiny_nan(x: Tensor) -> Tensor:
    """NaN for the first sample."""
    log("tiny_nan")
    return x.clone().index_fill_(0, torch.tensor([0]), torch.nan)


@method()
def tiny_all_nan(x: Tensor) -> Tensor:
    """NaN for all."""
    return x * torch.nan


@metric(better="higher", passes=lambda: (0, 0))
def tiny_mass(attribution: Tensor, truth: Tensor) -> Tensor:
    """Relevance on the truth."""
    log("tiny_mass")
    return (attribution.abs() * truth).sum(1) / attribution.abs().sum(1)


@metric(better="higher", scale_free=False, passes=lambda: (0, 0))
def tiny_product(attribution: Tensor, effect: Tensor) -> Tensor:
    """Relevance times effect."""
    log("tiny_product")
    return (attribution * effect).sum(1)


@metric(better={"tiny_least": "lower", "tiny_most": "higher"}, scale_free=False)
def tiny_extremes(attribution: Tensor, rng: Rng) -> dict[str, Tensor]:
    """The extremes, with a curve and a little noise: it sees no truth."""
    log("tiny_extremes")
    noise = 1e-3 * rng.uniform(1)[:, 0]
    ordered = attribution.sort(1).values
    return {"tiny_least": ordered[:, 0] + noise, "tiny_most": ordered[:, -1] + noise, "curve": ordered}


@metric(better="higher")
def tiny_broken(attribution: Tensor) -> Tensor:
    """Fails."""
    raise ValueError("a metric that fails")
