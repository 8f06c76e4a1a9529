"""The guard sees whatever a part moves, names it, and puts back what is global."""

import gc
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Network, Truth, grid_units, method, model, task
from heatproof.benchmark import settings as world
from heatproof.benchmark.guard import Moved, of_batch, of_network, watched
from heatproof.benchmark.jobs import Damaged
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import Suite

pytestmark = pytest.mark.usefixtures("own_parts")


def network() -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    module[0].to(memory_format=torch.channels_last)
    return Network(module.eval())


def batch() -> Batch:
    x = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    units = grid_units(x, 4)
    truth = Truth(units, effect=torch.arange(12.0).reshape(3, 4), values={"shapley": torch.zeros(3, 4)})
    return Batch(("a", "b", "c"), x, torch.zeros(3, dtype=torch.int64), units, torch.zeros_like(x), truth, x.clone())


def leaf(module: nn.Module) -> nn.Parameter:
    return module.get_submodule("4").weight  # type: ignore[return-value]


def write_past_torch(tensor: Tensor) -> None:
    tensor.detach().numpy()[...] = 0


def delete(module: nn.Module, name: str) -> None:
    del module._modules[name]


DAMAGES: dict[str, tuple[Callable[[nn.Module], object], str]] = {
    "weights in place": (lambda m: leaf(m).detach().zero_(), "the parameter 4.weight"),
    "weights past the version counter": (lambda m: leaf(m).data.neg_(), "the parameter 4.weight"),
    "weights through numpy": (lambda m: write_past_torch(leaf(m)), "the parameter 4.weight"),
    "two weights change places": (lambda m: leaf(m).data.copy_(leaf(m).data.flip(0)), "the parameter 4.weight"),
    "weights of another dtype": (lambda m: m.double(), "the parameter 0.weight"),
    "weights that lie in another order": (lambda m: m[0].to(memory_format=torch.contiguous_format), "the parameter 0"),
    "a frozen weight": (lambda m: leaf(m).requires_grad_(False), "the parameter 4.weight"),
    "a gradient": (lambda m: leaf(m).square().sum().backward(), "the gradient of 4.weight"),
    "a buffer": (lambda m: m[1].running_mean.add_(1), "the buffer 1.running_mean"),
    "training mode": (lambda m: m[1].train(), "the mode of 1"),
    "a forward hook": (lambda m: m[2].register_forward_hook(lambda *_: None), "the hooks of 2"),
    "a forward pre-hook": (lambda m: m[2].register_forward_pre_hook(lambda *_: None), "the hooks of 2"),
    "a backward hook": (lambda m: m.register_full_backward_hook(lambda *_: None), "the hooks of the network"),
    "a backward pre-hook": (lambda m: m.register_full_backward_pre_hook(lambda *_: None), "the hooks of the network"),
    "a replaced forward": (lambda m: vars(m[2]).update(forward=lambda x: -x), "the structure of 2"),
    "a deleted part": (lambda m: delete(m, "2"), "the mode of 2"),
    "a replaced part": (lambda m: setattr(m, "2", nn.GELU()), "the structure of 2"),
    "a setting": (lambda m: setattr(m[1], "eps", 1.0), "the structure of 1"),
    "another class": (lambda m: setattr(m[2], "__class__", nn.Tanh), "the structure of 2"),
    "a new parameter": (lambda m: m.register_parameter("own", nn.Parameter(torch.ones(1))), "the parameter own"),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", DAMAGES)
def test_a_network_that_moved_is_seen(kind: str, strict: bool) -> None:
    spoil, name = DAMAGES[kind]
    own = network()
    with pytest.raises(Moved, match="leave everything as it was") as found, watched(own, batch(), strict=strict):
        spoil(own.module)  # type: ignore[arg-type]
    assert found.value.spoilt
    assert name in str(found.value)


SAMPLES: dict[str, tuple[Callable[[Batch], object], str]] = {
    "x": (lambda b: b.x.mul_(2), "batch.x"),
    "target": (lambda b: b.target.add_(1), "batch.target"),
    "units": (lambda b: b.baseline.add_(1), "batch.baseline"),
    "pool": (lambda b: b.pool.zero_(), "batch.pool"),  # type: ignore[union-attr]
    "effect": (lambda b: b.truth.effect.zero_(), "batch.truth.effect"),  # type: ignore[union-attr]
    "values": (lambda b: b.truth.values["shapley"].add_(1), "batch.truth.shapley"),  # type: ignore[union-attr]
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", SAMPLES)
def test_samples_that_moved_are_seen(kind: str, strict: bool) -> None:
    spoil, name = SAMPLES[kind]
    own = batch()
    with pytest.raises(Moved, match=f"it changed {name}: leave") as found, watched(None, own, strict=strict):
        spoil(own)
    assert found.value.spoilt


def test_strangers_cannot_write_samples_past_torch() -> None:
    own = batch()
    with pytest.raises(Moved, match=r"it changed batch\.x: leave"), watched(None, own, strict=True):
        write_past_torch(own.x)


def test_no_two_states_look_alike_and_the_same_looks_the_same() -> None:
    own, samples = network(), batch()
    assert of_network(own) == of_network(network())
    assert of_batch(samples) == of_batch(batch())
    with watched(own, samples, strict=True):
        assert own.module is not None
        own.module(samples.x)


@pytest.fixture
def _kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    torch.use_deterministic_algorithms(False)  # imports a library at its first call
    before = world.read()
    yield
    world.put_back(before)


WORLD: dict[str, tuple[Callable[[], object], str]] = {
    "dtype": (lambda: torch.set_default_dtype(torch.float64), "torch's default dtype"),
    "device": (lambda: torch.set_default_device("meta"), "torch's default device"),
    "mode": (lambda: torch.device("meta").__enter__(), "torch's"),
    "gradients": (lambda: torch.set_grad_enabled(not torch.is_grad_enabled()), "torch's gradient mode"),
    "inference": (lambda: world._put_inference(True), "torch's inference mode"),
    "anomalies": (lambda: torch.autograd.set_detect_anomaly(True), "torch's anomaly detection"),
    "deterministic": (lambda: torch.use_deterministic_algorithms(True), "torch's deterministic algorithms"),
    "threads": (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "torch's number of threads"),
    "matmul": (lambda: torch.set_float32_matmul_precision("medium"), "torch's matmul precision"),
    "autocast": (lambda: torch.set_autocast_enabled("cpu", True), "torch's autocast"),
    "denormals": (lambda: torch.set_flush_denormal(True), "torch's denormal numbers"),
    "cudnn": (lambda: setattr(torch.backends.cudnn, "benchmark", True), "cudnn's flags"),
    "hook": (lambda: nn.modules.module.register_module_forward_hook(lambda *_: None), "the hooks of all modules"),
    "torch": (lambda: torch.manual_seed(123), "torch's random state"),
    "numpy": (lambda: np.random.seed(123), "numpy's random state"),
    "random": (random.random, "random's state"),
    "errors": (lambda: np.seterr(all="ignore"), "numpy's error state"),
    "filter": (lambda: warnings.simplefilter("ignore"), "the warnings filters"),
    "set": (lambda: os.environ.update(OWN_VARIABLE="1"), "the environment"),
    "unset": (lambda: os.environ.pop("PATH"), "the environment"),
    "folder": (lambda: os.chdir("/"), "the working directory"),
    "signal": (lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN), "the signal handlers"),
    "stdout": (lambda: setattr(sys, "stdout", None), "standard output and error"),
    "excepthook": (lambda: setattr(sys, "excepthook", print), "the hooks of errors and warnings"),
    "recursion": (lambda: sys.setrecursionlimit(5000), "the recursion limit"),
    "garbage": (gc.disable, "garbage collection"),
}


@pytest.mark.usefixtures("_kept")
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", WORLD)
def test_what_is_global_is_seen_and_put_back(kind: str, fails: bool) -> None:
    move, name = WORLD[kind]
    before = world.read()

    def work() -> None:
        with watched():
            move()
            if fails:
                raise ArithmeticError

    with pytest.raises(Moved, match=f"it changed {name}.*: leave everything as it was") as found:
        work()
    assert not found.value.spoilt
    assert world.read() == before
    assert isinstance(found.value.__cause__, ArithmeticError) == fails


def test_the_list_of_global_settings_is_tested_whole() -> None:
    named = {name for _, name in WORLD.values()} | {"torch's function modes", "the random states of cuda"}
    assert set(world.SETTINGS) <= named


REBOUND: dict[str, tuple[object, str, str]] = {
    "a function of torch": (torch, "softmax", "torch.softmax"),
    "a method of tensors": (Tensor, "softmax", "Tensor.softmax"),
    "a function of numpy": (np, "mean", "numpy.mean"),
    "a method of the gate": (sys.modules["heatproof.benchmark.gate"].Gate, "score", "Gate.score"),
    "a function of ours": (sys.modules["heatproof.benchmark.units"], "per_unit", "heatproof.benchmark.units.per_unit"),
}


@pytest.mark.parametrize("kind", REBOUND)
def test_names_that_a_stranger_binds_anew_are_seen_and_put_back(kind: str) -> None:
    owner, name, shown = REBOUND[kind]
    before = getattr(owner, name)
    with pytest.raises(Moved, match=f"it changed {shown}: leave"), watched(strict=True):
        setattr(owner, name, lambda *_: None)
    assert getattr(owner, name) is before


def test_a_thread_that_lives_on_is_seen() -> None:
    stop = threading.Event()
    with pytest.raises(Moved, match=r"it changed the threads \(lingers lives on\)"), watched(strict=True):
        threading.Thread(target=stop.wait, name="lingers").start()
    stop.set()


def test_what_a_library_does_while_it_is_imported_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quiet_library.py").write_text("import warnings\nwarnings.simplefilter('ignore')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with warnings.catch_warnings(), watched(strict=True):
        __import__("quiet_library")


def test_an_interrupt_goes_through() -> None:
    def stopped() -> None:
        np.seterr(all="ignore")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watched():
        stopped()
    assert np.geterr()["divide"] != "ignore"


def test_a_network_that_cannot_be_made_anew_ends_the_run(tmp_path: Path) -> None:
    only = nn.Linear(4, 2)

    @model()
    def unique() -> Network:
        """The same module each time."""
        return Network(only)

    def samples(gate: object, split: str, size: int) -> Batch:
        """Numbers."""
        x = torch.ones(size, 4)
        units = torch.arange(4).expand(size, -1)
        return Batch(tuple(map(str, range(size))), x, torch.zeros(size).long(), units, torch.zeros_like(x))

    @task(samples=samples, on=("unique",), family="own", truth_type="none", headline="", knows=set())
    def asked(gate: object, samples: Batch) -> None:
        """Ask."""

    @method()
    def spoils(x: Tensor) -> Tensor:
        """Zeroes the weights."""
        only.weight.data.zero_()
        return x

    suite = Suite(
        name="own", version="1", samples=3, tasks=("asked@unique",), methods=("spoils",), metrics=("sparseness",)
    )
    with pytest.raises(Damaged, match="spoils changed the network unique, and building it again gives the changed one"):
        run(suite, tmp_path)
