"""Methods of a verified run work in a process of their own, and find nothing there to look the answer up by."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import import_file, methods, metrics, spread, tasks
from heatproof.benchmark.data import Batch
from heatproof.benchmark.dependencies import PACKAGE
from heatproof.benchmark.harness import Asked, explain, score, sealed
from heatproof.benchmark.results import Results
from heatproof.benchmark.sealed import apart, maps_apart, veiled
from heatproof.benchmark.splits import split_of

SEED = 32 * "a"
SUITE = """name = "tiny"
version = "1"
samples = 3
tasks = ["linear"]
methods = ["random", "oracle"]
metrics = ["effect_cosine"]
"""
PARTS = '''
import gc, os, re, sys, time
import torch
from torch import Tensor
from heatproof import BlackBox, Refused, method
from heatproof.benchmark import Batch

@method(passes=lambda: (1, 0))
def honest(x: Tensor, target: Tensor, model: BlackBox) -> Tensor:
    """The input."""
    model.score(x, target)
    return x

@method()
def looker(x: Tensor) -> Tensor:
    """Looks for what tells the run, its seed or its samples."""
    told = [*sys.argv, os.getcwd(), *os.environ.values(), open("/proc/self/cmdline").read()]
    ids = [name for each in gc.get_objects() if isinstance(each, Batch) for name in each.ids]
    found = [word for word in told if "drawn_" in word or "FOLDER" in word]
    found += [name for name in ids if not re.fullmatch("[0-9a-f]{64}", name)]
    found += [name for name in sys.modules if name.startswith("heatproof.datasets")]
    if found or not ids:
        raise ValueError(f"found {found}")
    return x

@method()
def importer(x: Tensor) -> Tensor:
    """Asks for what makes the samples."""
    from heatproof.datasets.analytic.additive import linear_rows
    return linear_rows(None, "test", len(x)).x

@method()
def asker(x: Tensor) -> Tensor:
    """Asks the registry for what makes the samples."""
    from heatproof.benchmark import tasks
    return tasks["linear"].questions("test", len(x)).x

@method()
def refuser(x: Tensor) -> Tensor:
    """Says no."""
    raise Refused("not on a Sunday")

@method()
def shouter(x: Tensor) -> Tensor:
    """Says too much."""
    raise ValueError("\\u00df" * 10**6)

@method(passes=lambda: (2, 0))
def spender(x: Tensor, target: Tensor, model: BlackBox) -> Tensor:
    """Makes more passes than it declares."""
    for _ in range(3):
        model.score(x, target)
    return x

@method()
def quitter(x: Tensor) -> Tensor:
    """Ends its process."""
    os._exit(0)

@method()
def killer(x: Tensor) -> Tensor:
    """Kills its process."""
    os.kill(os.getpid(), 9)
    return x

@method()
def parricide(x: Tensor) -> Tensor:
    """Kills the process that it is a copy of."""
    os.kill(os.getppid(), 9)
    time.sleep(600)
    return x

@method()
def forker(x: Tensor) -> Tensor:
    """Leaves a child behind that holds the pipe."""
    if not os.fork():
        time.sleep(9)
    os._exit(3)

@method()
def spoiler(x: Tensor) -> Tensor:
    """Leaves a mess."""
    torch.set_default_dtype(torch.float64)
    return x

@method()
def sleeper(x: Tensor) -> Tensor:
    """Sleeps."""
    time.sleep(600)
    return x
'''
EARLY = '''
import heatproof.datasets.creatures
from torch import Tensor
from heatproof import method

@method()
def early(x: Tensor) -> Tensor:
    """Stands in a file that imports what makes the samples."""
    return x
'''
SAID = {
    "early": "early.py does not import: ModuleNotFoundError: heatproof.datasets makes samples and truths: no method of",
    "importer": "ModuleNotFoundError: heatproof.datasets makes samples and truths: no method of a verified run",
    "asker": "ModuleNotFoundError: heatproof.datasets makes samples and truths: no method of a verified run",
    "refuser": "not on a Sunday",
    "shouter": "ValueError: \u00df\u00df\u00df",
    "spender": "declared 2 passes forward per sample, made 3",
    "quitter": "its process ended with exit status 0: return a result, or raise an error",
    "killer": "its process ended with signal 9: return a result, or raise an error",
    "parricide": "its process ended with the process that it is a copy of: return a result, or raise an error",
    "forker": "its process ended with exit status 3: return a result, or raise an error",
    "spoiler": "it changed torch's default dtype: leave everything as it was",
    "sleeper": "took longer than the time limit of 3 s",
}


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("gradient", "softmax_gate"),
        ("kernel_shap[budget=32]", "own_code_shapley@own_code_resnet_1"),
        ("smoothgrad", "model_contrast@own_code_vit_1_and_2"),
    ],
)
def test_a_map_is_the_same_in_another_process_to_the_last_bit(name: str, task: str) -> None:
    asked, question = Asked(methods[name], {}), tasks[task]
    batch = sealed(asked, question.questions(split_of(SEED), 2, truth=False))
    here, cost = explain(asked, question.gate(), batch)
    with apart("") as made:
        there, told = made(asked, question.gate(), batch)
    assert there.equal(here.double())
    assert (told.forward, told.backward) == (cost.forward, cost.backward)


def test_a_metric_that_explains_again_has_it_done_in_another_process_and_billed() -> None:
    task = tasks["model_contrast@own_code_resnet_1_and_2"]
    asked, metric, batch = (
        Asked(methods["gradient"], {}),
        Asked(metrics["centred_contrast"], {}),
        task.questions("test", 3),
    )
    maps, _ = explain(asked, task.gate(), batch)
    here, cost = score(metric, task.gate(), batch, maps, asked)
    there, told = score(metric, task.gate(), batch, maps, asked, explaining=partial(maps_apart, ""))
    assert there["centred_contrast"].equal(here["centred_contrast"])
    assert (told.forward, told.backward) == (cost.forward, cost.backward) == (3, 3)


def test_digests_of_ids_repeat_with_the_key_and_tell_nothing() -> None:
    ids = ("a", "b")
    assert veiled(ids, "") == ids
    assert veiled(ids, SEED) == veiled(ids, SEED)
    assert len({*veiled(ids, SEED), *veiled(ids, "other")}) == 4


@pytest.mark.slow
def test_what_methods_do_there_costs_their_own_cells_and_nothing_is_to_be_found(
    command: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    (tmp_path / "parts.py").write_text(PARTS.replace("FOLDER", "secret-folder"))
    (tmp_path / "tiny.toml").write_text(SUITE)
    (tmp_path / "early.py").write_text(EARLY)
    words = ("--verified", "--out", "secret-folder", "--method", "parts.py", "--method", "early.py", "--timeout", "3")
    assert command("run", "tiny.toml", *words).status == 1
    results = Results.read(tmp_path / "secret-folder")
    reasons = {record.method: record.reason for record in results.records}
    status = {record.method: record.status for record in results.records}
    assert {name: status[name] for name in ("random", "oracle", "honest", "looker")} == dict.fromkeys(
        ("random", "oracle", "honest", "looker"), "ok"
    ), reasons
    for name, why in SAID.items():
        assert why in reasons[name], (name, reasons[name])
        assert status[name] == ("skipped" if name == "refuser" else "failed")


NAME = "own_code_shapley@own_code_resnet_1"
CHEATS = '''
import sys
from pathlib import Path
import torch
from torch import Tensor
from heatproof import BlackBox, Rng, WhiteBox, method

HERE = Path(__file__).parent

def painted(known: Tensor, maps: Tensor, x: Tensor, rng: Rng) -> Tensor:
    """The map of a known picture, or a random one."""
    same = (x[:, None] == known).flatten(2).all(2)
    chance = rng.normal(maps.shape[1]).double()
    return torch.where(same.any(1)[:, None], maps[same.long().argmax(1)], chance).reshape(len(x), -1)

@method()
def regenerating(x: Tensor, model: WhiteBox, rng: Rng) -> Tensor:
    """Draws the scenes of the public seed again with a copy of the code, and asks the network past the meter."""
    sys.path.insert(0, str(HERE))
    from copied.own_codes.coalitions import coalition_logits, shapley
    from copied.own_codes.scenes import free_scenes
    from copied.creatures.render import render
    scenes = free_scenes(60, 2000)
    known, owners = render(scenes)
    places = torch.tensor([row for row in range(60) if bool((known[row] == x).flatten(1).all(1).any())])
    if not len(places):
        return rng.normal(x[0, 0].numel())
    logits = coalition_logits(model.module, scenes[places])
    effect = shapley(logits, logits[:, -1].argmax(1), "log_odds")
    part = owners[places].flatten(1)
    area = torch.stack([(part == each).sum(1) for each in range(5)], 1).clamp(min=1)
    maps = torch.cat([effect / area, torch.zeros(len(part), 99)], 1).gather(1, part)
    return painted(known[places], maps, x, rng)

@method()
def remembering(x: Tensor, rng: Rng) -> Tensor:
    """Knows the public pictures, and the truth about them."""
    known, maps = torch.load(HERE / "known.pt")
    return painted(known, maps, x, rng)
'''


def _copied(folder: Path) -> None:
    """Copy what makes the samples under another name."""
    source = Path(sys.modules[f"{PACKAGE}.datasets"].__file__ or "").parent
    shutil.copytree(source, folder / "copied", ignore=shutil.ignore_patterns("__pycache__"))
    for file in (folder / "copied").rglob("*.py"):
        file.write_text(re.sub(r"from \.+benchmark", f"from {PACKAGE}.benchmark", file.read_text()))


def _mean(maps: Tensor, batch: Batch) -> float:
    found, _ = score(Asked(metrics["centred_cosine"], {}), tasks[NAME].gate(), batch, maps, None)
    return float(found["centred_cosine"].nanmean())


@pytest.mark.usefixtures("own_parts")
@pytest.mark.parametrize("name", ["regenerating", "remembering"])
def test_who_knows_the_public_scenes_knows_nothing_of_a_verified_run(name: str, tmp_path: Path) -> None:
    public, drawn = (tasks[NAME].questions(split, 16) for split in ("test", split_of(SEED)))
    assert public.truth is not None
    assert public.truth.effect is not None
    torch.save((public.x, spread(public.truth.effect, public.truth.parts)), tmp_path / "known.pt")
    _copied(tmp_path)
    (tmp_path / f"{name}_cheat.py").write_text(CHEATS)
    (cheat,) = (each for each in methods.from_module(import_file(tmp_path / f"{name}_cheat.py")) if each.name == name)
    asked, gate = Asked(cheat, {}), tasks[NAME].gate()
    with apart("") as made:
        maps, cost = made(asked, gate, sealed(asked, public))
    assert _mean(maps, public) > 0.99
    assert cost.forward == 0
    with apart(SEED) as made:
        maps, _ = made(asked, gate, sealed(asked, drawn))
    assert abs(_mean(maps, drawn)) < 0.25


STARTS = """
import sys, time
from pathlib import Path
from heatproof.benchmark.sealed import apart

def children(process):
    files = Path(f"/proc/{process}/task").glob("*/children")
    return [child for file in files for child in file.read_text().split()]

with apart("") as made:
    (nursery,) = children("self")
    while not (own := children(nursery)):
        time.sleep(0.01)
    print(nursery, *own, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the children of a process are looked up in /proc")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_the_process_ends_with_the_run(sign: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        places = [Path(f"/proc/{process}") for process in run.stdout.readline().decode().split()]
        assert len(places) == 2
        os.kill(run.pid, sign)
        run.wait(10)
    end = time.monotonic() + 10
    while any(place.exists() for place in places) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(place.exists() for place in places)


def test_the_seed_stands_in_the_manifest_alone(command: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE)
    assert command("run", "tiny.toml", "--verified", "--out", "run").status == 0
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["seeds"]["origin"] == "drawn"
    assert manifest["seeds"]["split"] not in manifest["provenance"]["command"]
