"""A run directory that nothing ran: every kind of method, task and outcome that a report must tell."""

import json
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import Tensor

from heatproof.benchmark.data import Batch, Cost, Record
from heatproof.benchmark.results import Results
from heatproof.benchmark.store import Maps, Store
from heatproof.leaderboard.report import write_report

N, SIZE, COLUMNS, STEPS = 24, 24, 8, 9
HOSTILE = "<script>alert('&_%')</script>"
PLACE = "/home/somebody/secret"
REASON = f"RuntimeError: 50% of a_b & <b>all</b> ${{x}} #1 \\ {{y}} ~ ^ \x1b[31m \u202e ({PLACE}/mine.py:3)"
CANARY_WINS, UNDECIDED = "creature_texture", "creature_noise"
TASKS = {
    "creature_parts": ("effects", "interventional"),
    "creature_shapley": ("effects", "interventional"),
    CANARY_WINS: ("effects", "interventional"),
    "creature_pairs": ("effects", "interventional"),
    UNDECIDED: ("effects", "interventional"),
    "creature_rival": ("contrast", "interventional"),
    "creature_twin": ("contrast", "analytic"),
    "creature_swap": ("contrast", "analytic"),
    "creature_class": ("contrast", "interventional"),
    "columns": ("tabular", "analytic"),
    "columns_shapley": ("tabular", "analytic"),
    "columns_pairs": ("tabular", "analytic"),
    "forest": ("tabular", "analytic"),
    "forest_shapley": ("tabular", "analytic"),
}
QUALITY = {
    "random": 0.0,
    "oracle": 1.0,
    "edges": 0.22,
    "constant": 0.02,
    "gradient": 0.33,
    "input_x_gradient": 0.47,
    "integrated_gradients": 0.61,
    "smoothgrad": 0.40,
    "occlusion": 0.72,
    "kernel_shap": 0.83,
    "grad_cam": 0.55,
    HOSTILE: 0.30,
}
ROLES = {"random": "control", "oracle": "control", "edges": "canary", "constant": "canary"}
PASSES = {"gradient": (1, 1), "input_x_gradient": (1, 1), "integrated_gradients": (32, 32), "smoothgrad": (32, 32)}
PASSES |= {"occlusion": (65, 0), "kernel_shap": (512, 0), "grad_cam": (1, 1), HOSTILE: (3, 0)}
LADDER = ["BlackBox", "Differentiable", "Layered"]
NEEDS = dict.fromkeys(("gradient", "input_x_gradient", "integrated_gradients", "smoothgrad"), "Differentiable")
NEEDS |= {"grad_cam": "Layered"}
CAPABILITY = {"creature_net": "Layered", "columns_mlp": "Differentiable", "columns_forest": "BlackBox"}
UNSIGNED = {"grad_cam", "edges"}
PAPERS = {"integrated_gradients": "arXiv:1703.01365", "occlusion": "arXiv:1311.2901", HOSTILE: "doi:10.1000/x_y%z"}
METRICS = {
    "effect_correlation": ({"effect_correlation": "higher"}, ["effect"], "signed"),
    "relevance_mass": ({"relevance_mass": "higher"}, ["truth"], "positive"),
    "perturbation_curves": ({"insertion": "higher", "deletion": "lower"}, [], "signed"),
    "sparseness": ({"sparseness": "higher"}, [], "magnitude"),
}


def key_of(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()


def stream(*parts: object) -> torch.Generator:
    return torch.Generator().manual_seed(int(key_of(*parts)[:12], 16))


def samples_of(task: str) -> str:
    """The samples of a network."""
    return task.partition("_")[0].removesuffix("s") + "s"


def model_of(task: str) -> str:
    return {"creatures": "creature_net", "columns": "columns_mlp", "forests": "columns_forest"}[samples_of(task)]


@cache
def batch_of(task: str) -> Batch:
    draw = stream("x", samples_of(task))
    ids = tuple(f"{samples_of(task)}-{i:03d}" for i in range(N))
    if samples_of(task) != "creatures":
        x = torch.randn(N, COLUMNS, generator=draw)
    else:
        x = (0.5 + 0.1 * torch.randn(N, 3, SIZE, SIZE, generator=draw) + 0.3 * blobs()[:, None]).clamp(0, 1)
    units = torch.arange(x[0, 0].numel() if x.ndim > 2 else COLUMNS).expand(N, -1)
    return Batch(ids, x, torch.arange(N) % 4, units, torch.zeros_like(x))


@cache
def blobs() -> Tensor:
    place = torch.stack(torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij"), -1).float()
    middle = 6 + 12 * torch.rand(N, 1, 1, 2, generator=stream("middle"))
    return torch.exp(-((place - middle) ** 2).sum(-1) / 20)


def maps_of(task: str, method: str, seed: int) -> Tensor:
    draw = stream("map", samples_of(task), method, seed)
    truth = batch_of(task).x if samples_of(task) != "creatures" else blobs().flatten(1)
    values = QUALITY[method] * truth + (1 - QUALITY[method]) * 0.6 * torch.randn(truth.shape, generator=draw)
    if method == "constant":
        return torch.ones_like(truth)
    if method == "smoothgrad" and samples_of(task) == "creatures":
        values[2], values[5, 0] = 0.0, torch.nan
    return values.abs() if method in UNSIGNED else values


def level_of(task: str, method: str) -> float:
    if (task, method) == (CANARY_WINS, "edges"):
        return 0.7
    if (task, method) == (UNDECIDED, "oracle"):
        return 0.05
    drift = 0.06 * torch.randn(1, generator=stream("drift", task, method))
    return QUALITY[method] + (0 if method in ("random", "oracle") else float(drift))


def scores_of(task: str, method: str, metric: str, seed: int) -> dict[str, Tensor]:
    own, shared = stream("score", task, method, metric, seed), stream("score", task)
    level = level_of(task, method)
    value = level + 0.1 * torch.randn(N, generator=own) + 0.05 * torch.randn(N, generator=shared)
    if metric != "perturbation_curves":
        value[3] = torch.nan if metric == "relevance_mass" and method == "gradient" else value[3]
        return {metric: value.double()}
    fraction = torch.linspace(0, 1, STEPS).expand(N, STEPS)
    up, down = fraction ** (1.2 - level), (1 - fraction) ** (1 + 3 * level)
    areas = {"insertion": torch.trapezoid(up, fraction), "deletion": torch.trapezoid(down, fraction)}
    curves = {"fraction": fraction, "insertion_curve": up, "deletion_curve": down}
    return {name: values.double() for name, values in {**areas, **curves}.items()}


def refusal(task: str, method: str) -> str:
    offered, needed = CAPABILITY[model_of(task)], NEEDS.get(method, "BlackBox")
    able = LADDER.index(offered) >= LADDER.index(needed)
    return "" if able else f"{method} needs a {needed} model, {model_of(task)} is only {offered}"


def record_of(task: str, method: str, metric: str, seed: int) -> Record:
    if method == HOSTILE and task == "creature_rival":
        return Record(task, method, metric, seed, "failed", REASON, trace=f"Traceback …\n{REASON}")
    ids, cost = batch_of(task).ids, Cost(*(N * p for p in PASSES.get(method, (0, 0))), seconds=0.01 * N)
    return Record(task, method, metric, seed, "ok", "", ids, scores_of(task, method, metric, seed), Cost(), cost)


def seeds(method: str) -> range:
    return range(2 if method in ("random", "smoothgrad") else 1)


def places() -> Iterator[tuple[str, str, str, int]]:
    yield from ((t, m, k, s) for t in TASKS for m in QUALITY for s in seeds(m) for k in METRICS)


def manifest() -> dict[str, object]:
    cells = [
        [t, m, k, s, key_of(t, m, k, s), key_of("map", samples_of(t), m, s), refusal(t, m)] for t, m, k, s in places()
    ]
    return {
        "suite": {"name": "fake", "version": "2026.1", "summary": "What a report must show.", "seed": 0, "samples": N}
        | {"repeats": 2, "tasks": [*TASKS], "methods": [*QUALITY], "metrics": [*METRICS], "settings": {}},
        "provenance": {
            "command": f"heatproof run {PLACE}/fake.toml --out {PLACE}/runs/fake",
            "time": "2026-03-01T12:00:00+00:00",
            "commit": "0123abcd",
            "versions": {"python": "3.11.7", "heatproof": "0.1.0", "torch": "2.6.0"},
            "machine": {"system": "Linux", "cores": 2, "accelerator": "none"},
        },
        "tasks": {name: task_card(name, *kind) for name, kind in TASKS.items()},
        "methods": {name: method_card(name) for name in QUALITY},
        "metrics": {name: metric_card(name) for name in METRICS},
        "cells": cells,
    }


def task_card(name: str, family: str, truth_type: str) -> dict[str, object]:
    return {
        "summary": f"What really removing a part of the {samples_of(name)} does.",
        "family": family,
        "truth_type": truth_type,
        "headline": "effect_correlation",
        "model": model_of(name),
        "capability": CAPABILITY[model_of(name)],
        "model_summary": "A small network.",
        "readout": "log_odds",
        "imputer": "removal",
        "samples": N,
        "version": key_of("task", name)[:16],
        "preview": key_of("preview", samples_of(name)),
    }


def method_card(name: str) -> dict[str, object]:
    return {
        "summary": f"The method {name}.",
        "paper": PAPERS.get(name, ""),
        "needs": NEEDS.get(name, "BlackBox"),
        "stochastic": len(seeds(name)) > 1,
        "settings": {"steps": 32} if name == "integrated_gradients" else {},
        "signed": name not in UNSIGNED,
        "role": ROLES.get(name, "entrant"),
    }


def metric_card(name: str) -> dict[str, object]:
    better, truth, reads = METRICS[name]
    card = {"summary": f"The metric {name}.", "paper": "arXiv:1806.07421" if not truth else "", "needs": ""}
    return {**card, "stochastic": False, "settings": {}, "better": better, "reads": reads, "truth": truth}


def write_run(folder: Path) -> Path:
    store = Store(folder / "store")
    for task, method, metric, seed in places():
        if refusal(task, method):
            continue
        store.put_record(key_of(task, method, metric, seed), record_of(task, method, metric, seed))
        if (key := key_of("map", samples_of(task), method, seed)) not in store:
            store.put_maps(key, Maps(batch_of(task).ids, maps_of(task, method, seed), Cost()))
    for task in TASKS:
        store.put_preview(key_of("preview", samples_of(task)), batch_of(task)[:8])
    (folder / "run.json").write_text(json.dumps(manifest()), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)  # nothing here need survive a power cut
        return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def results(run_folder: Path) -> Results:
    return Results.read(run_folder)


@pytest.fixture(scope="session")
def report(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in all formats."""
    return write_report(results, tmp_path_factory.mktemp("report"), ["html"]).parent


@pytest.fixture(scope="session")
def names(results: Results) -> dict[str, list[str]]:
    """The names that the report must show."""
    cells = results.cells
    failed = [*cells.loc[cells["status"] == "failed", "reason"].unique()]
    return {"methods": [*QUALITY], "tasks": [*TASKS], "metrics": [*METRICS], "hostile": [HOSTILE, *failed]}
