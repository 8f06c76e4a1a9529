"""State of the whole process, and putting it back: defaults of torch and numpy, random states, signals, …"""

import gc
import os
import pickle
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules import module as modules

State = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Setting:
    """Something global: how it is read, so that it can be compared, and how it is put back."""

    get: Callable[[], object]
    put: Callable[[Any], object]
    imports: bool = False
    """Whether importing a library may change it, as many add warnings filters."""


def _put_device(device: torch.device) -> None:
    torch.set_default_device(None if device == torch.device("cpu") else device)


def _put_modes(count: int) -> None:
    while torch._C._len_torch_function_stack() > count:
        torch._C._pop_torch_function_stack()


_ENTERED: list[Any] = []
"""Contexts that hold inference mode as it was: it ends with its context."""


def _put_inference(on: bool) -> None:
    _ENTERED.append(torch.inference_mode(on))
    _ENTERED[-1].__enter__()


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


CUDNN = ("enabled", "benchmark", "deterministic")


def _cudnn() -> dict[str, bool]:
    return {name: getattr(torch.backends.cudnn, name) for name in CUDNN}


def _put_cudnn(flags: Mapping[str, bool]) -> None:
    for name, on in flags.items():
        setattr(torch.backends.cudnn, name, on)


def _autocast() -> tuple[bool, bool]:
    return torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")


def _put_autocast(on: tuple[bool, bool]) -> None:
    torch.set_autocast_enabled("cpu", on[0])
    torch.set_autocast_enabled("cuda", on[1])


def _flushes() -> bool:
    """Return whether numbers too small to be normal are taken for zero."""
    return not bool(torch.full((1,), 1e-310, dtype=torch.float64, device="cpu").mul(1.0))


HOOKS = [name for name, kept in vars(modules).items() if name.startswith("_global_") and isinstance(kept, dict)]


def _hooks() -> dict[str, dict[Any, Any]]:
    return {name: dict(getattr(modules, name)) for name in HOOKS}


def _put_hooks(hooks: Mapping[str, Mapping[Any, Any]]) -> None:
    for name, kept in hooks.items():
        here = getattr(modules, name)
        here.clear()
        here.update(kept)


def _tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _cuda_luck() -> list[bytes]:
    there = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()] if there else []


def _put_cuda_luck(states: list[bytes]) -> None:
    if states:
        torch.cuda.set_rng_state_all([_tensor(state) for state in states])


def _put_filters(filters: list[Any]) -> None:
    warnings.resetwarnings()
    warnings.filters[:] = filters  # type: ignore[index]


def _put_environment(values: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(values):
        del os.environ[name]
    os.environ.update({name: value for name, value in values.items() if os.environ.get(name) != value})


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a folder that is gone must not raise
    except OSError:
        return ""


SIGNALS = [int(number) for number in signal.valid_signals() if number < 32]


def _signals() -> dict[int, object]:
    return {number: signal.getsignal(number) for number in SIGNALS}


def _put_signals(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


def _streams() -> tuple[object, object]:
    return sys.stdout, sys.stderr


def _put_streams(streams: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = streams


def _hooked() -> tuple[object, object, object]:
    return sys.excepthook, threading.excepthook, warnings.showwarning


def _put_hooked(hooks: tuple[Any, Any, Any]) -> None:
    sys.excepthook, threading.excepthook, warnings.showwarning = hooks


LUCK: Mapping[str, Setting] = {
    "torch's random state": Setting(
        lambda: torch.get_rng_state().numpy().tobytes(), lambda state: torch.set_rng_state(_tensor(state))
    ),
    "the random states of cuda": Setting(_cuda_luck, _put_cuda_luck),
    "numpy's random state": Setting(
        lambda: pickle.dumps(np.random.get_state()), lambda state: np.random.set_state(pickle.loads(state))
    ),
    "random's state": Setting(random.getstate, random.setstate),
}

SETTINGS: Mapping[str, Setting] = {
    "torch's default device": Setting(torch.get_default_device, _put_device),
    "torch's default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype),
    "torch's function modes": Setting(torch._C._len_torch_function_stack, _put_modes),
    "torch's inference mode": Setting(torch.is_inference_mode_enabled, _put_inference),
    "torch's gradient mode": Setting(torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's anomaly detection": Setting(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "torch's deterministic algorithms": Setting(
        _deterministic, lambda on: torch.use_deterministic_algorithms(on[0], warn_only=on[1])
    ),
    "torch's number of threads": Setting(torch.get_num_threads, torch.set_num_threads),
    "torch's matmul precision": Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "torch's autocast": Setting(_autocast, _put_autocast),
    "torch's denormal numbers": Setting(_flushes, torch.set_flush_denormal),
    "cudnn's flags": Setting(_cudnn, _put_cudnn),
    "the hooks of all modules": Setting(_hooks, _put_hooks),
    **LUCK,
    "numpy's error state": Setting(np.geterr, lambda state: np.seterr(**state)),
    "the warnings filters": Setting(lambda: list(warnings.filters), _put_filters, imports=True),
    "the environment": Setting(lambda: dict(os.environ), _put_environment, imports=True),
    "the working directory": Setting(_folder, os.chdir),
    "the signal handlers": Setting(_signals, _put_signals),
    "standard output and error": Setting(_streams, _put_streams),
    "the hooks of errors and warnings": Setting(_hooked, _put_hooked, imports=True),
    "the recursion limit": Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    "garbage collection": Setting(gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
}


def read(settings: Mapping[str, Setting] = SETTINGS) -> State:
    """Return what everything is set to."""
    return {name: setting.get() for name, setting in settings.items()}


def put_back(before: State, *, imported: bool = False) -> list[str]:
    """Put everything back as it was, and return what had moved; `imported`: but for what importing may move."""
    moved = []
    for name, value in before.items():
        setting = SETTINGS[name]
        if not (imported and setting.imports) and setting.get() != value:
            moved.append(name)
            with suppress(ValueError, OSError):  # signals are the main thread's alone, a folder may be gone
                setting.put(value)
    return moved


@contextmanager
def kept(settings: Mapping[str, Setting]) -> Iterator[None]:
    """Put settings back at the end as they were, without a word."""
    before = read(settings)
    try:
        yield
    finally:
        put_back(before)
