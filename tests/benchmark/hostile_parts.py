"""Methods that misbehave, each in a way of its own; the first line of each says what must be heard of it."""

import ctypes
import gc
import os
import random
import signal
import sys
import threading
import time
import warnings

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from heatproof.benchmark import Refused, Truth, WhiteBox, method

ENTERED: list[torch.inference_mode] = []


def leaf(model: WhiteBox) -> nn.Parameter:
    """Return some parameter."""
    return next(model.module.parameters())


@method()
def zeroes_weights(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the parameter"""
    leaf(model).detach().zero_()
    return x


@method()
def negates_weights_past_the_counter(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the parameter"""
    leaf(model).data.neg_()
    return x


@method()
def writes_weights_by_numpy(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the parameter"""
    leaf(model).detach().numpy()[...] = 1
    return x


@method()
def freezes_a_weight(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the parameter"""
    leaf(model).requires_grad_(False)
    return x


@method()
def leaves_a_gradient(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the gradient of"""
    leaf(model).grad = torch.ones_like(leaf(model))
    return x


@method()
def adds_a_buffer(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the buffer own"""
    model.module.register_buffer("own", torch.ones(1))
    return x


@method()
def trains(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the mode of"""
    model.module.train()
    return x


@method()
def forgets_a_hook(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the hooks of"""
    model.module.register_forward_hook(lambda *all_: -all_[-1])
    return x


@method()
def forgets_a_backward_hook(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the hooks of"""
    model.module.register_full_backward_hook(lambda *_: None)
    return x


@method()
def forgets_a_hook_on_all(x: Tensor) -> Tensor:
    """it changed the hooks of all modules"""
    register_module_forward_hook(lambda *all_: None)
    return x


@method()
def replaces_forward(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed the structure of"""
    model.module.forward = lambda x: x[:, :2]
    return x


@method()
def deletes_a_part(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed"""
    model.module._modules.popitem()
    return x


@method()
def writes_over_the_samples(x: Tensor) -> Tensor:
    """costs nobody anything"""
    return x.zero_()


@method()
def sets_the_dtype(x: Tensor) -> Tensor:
    """it changed torch's default dtype"""
    torch.set_default_dtype(torch.float64)
    return x


@method()
def sets_the_device(x: Tensor) -> Tensor:
    """it changed torch's default device"""
    torch.set_default_device("meta")
    return x


@method()
def turns_gradients_off(x: Tensor) -> Tensor:
    """it changed torch's gradient mode"""
    torch.set_grad_enabled(not torch.is_grad_enabled())
    return x


@method()
def enters_inference(x: Tensor) -> Tensor:
    """it changed torch's inference mode"""
    ENTERED.append(torch.inference_mode())
    ENTERED[-1].__enter__()
    return x


@method()
def takes_all_threads(x: Tensor) -> Tensor:
    """it changed torch's number of threads"""
    torch.set_num_threads(torch.get_num_threads() + 1)
    return x


@method()
def seeds_everything(x: Tensor) -> Tensor:
    """it changed torch's random state, numpy's random state, random's state: leave everything as it was"""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    return x


@method()
def hides_numpy_errors(x: Tensor) -> Tensor:
    """it changed numpy's error state"""
    np.seterr(all="ignore")
    return x


@method()
def hides_warnings(x: Tensor) -> Tensor:
    """it changed the warnings filters"""
    warnings.simplefilter("ignore")
    return x


@method()
def sets_the_environment(x: Tensor) -> Tensor:
    """it changed the environment"""
    os.environ["OMP_NUM_THREADS"] = "64"
    return x


@method()
def goes_elsewhere(x: Tensor) -> Tensor:
    """it changed the working directory"""
    os.chdir("/")
    return x


@method()
def ignores_signals(x: Tensor) -> Tensor:
    """it changed the signal handlers"""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return x


@method()
def takes_the_output(x: Tensor) -> Tensor:
    """it changed standard output and error"""
    sys.stdout = None
    return x


@method()
def replaces_softmax(x: Tensor) -> Tensor:
    """it changed torch.softmax"""
    torch.softmax = lambda *all_, **named: all_[0]
    return x


@method()
def replaces_the_scores(x: Tensor, model: WhiteBox) -> Tensor:
    """it changed Gate.score"""
    gate = sys.modules["heatproof.benchmark.gate"].Gate
    gate.score = lambda self, x, target: torch.ones(len(x))
    return x


@method()
def leaves_a_thread(x: Tensor) -> Tensor:
    """it changed the threads (lingers lives on)"""
    threading.Thread(target=time.sleep, args=(60,), name="lingers").start()
    return x


@method()
def turns_the_meter_back(x: Tensor) -> Tensor:
    """a meter only counts up"""
    meter = sys.modules["heatproof.benchmark.gate"].Meter
    for each in [each for each in gc.get_objects() if isinstance(each, meter)]:
        each.forward = -1000
    return x


@method()
def leaves_python(x: Tensor) -> Tensor:
    """SystemExit"""
    sys.exit()


@method()
def ends_the_process(x: Tensor) -> Tensor:
    """its process ended with exit status 0"""
    os._exit(0)


@method()
def kills_the_process(x: Tensor) -> Tensor:
    """its process ended with signal 9"""
    os.kill(os.getpid(), signal.SIGKILL)
    return x


@method()
def reads_where_nothing_is(x: Tensor) -> Tensor:
    """its process ended with signal 11"""
    ctypes.string_at(0)
    return x


@method()
def closes_every_file(x: Tensor) -> Tensor:
    """Bad file descriptor"""
    os.closerange(0, 256)
    return x


@method()
def interrupts(x: Tensor) -> Tensor:
    """its process ended with exit status 1"""
    raise KeyboardInterrupt


@method()
def never_ends(x: Tensor) -> Tensor:
    """took longer than the time limit of 3 s"""
    while True:
        try:
            time.sleep(0.01)
        except BaseException:  # noqa: BLE001 - this is the offence
            continue


@method()
def switches_the_alarm_off(x: Tensor) -> Tensor:
    """took longer than the time limit of 3 s"""
    signal.setitimer(signal.ITIMER_REAL, 0)
    while True:
        time.sleep(0.01)


@method()
def sleeps_in_c(x: Tensor) -> Tensor:
    """took longer than the time limit of 3 s"""
    ctypes.PyDLL(None).sleep(600)
    return x


@method()
def calls_itself(x: Tensor) -> Tensor:
    """RecursionError"""
    return calls_itself(x)


@method()
def cannot_say_why(x: Tensor) -> Tensor:
    """its message cannot be read"""

    class Mute(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise ValueError

    raise Mute


@method()
def says_what_cannot_be_written(x: Tensor) -> Tensor:
    """ValueError: half a pair"""
    raise ValueError("half a pair \ud800 and \0 nothing")


@method()
def never_stops_talking(x: Tensor) -> Tensor:
    """ValueError: blah blah"""
    raise ValueError("blah " * 2_000_000)


@method()
def returns_a_subclass_that_lies(x: Tensor) -> Tensor:
    """subclass"""

    class Liar(Tensor):
        @property
        def shape(self) -> torch.Size:
            raise ArithmeticError

    return x.as_subclass(Liar)


@method()
def returns_complex_numbers(x: Tensor) -> Tensor:
    """complex"""
    return x.to(torch.complex64)


@method()
def returns_no_numbers(x: Tensor) -> Tensor:
    """every map has NaN or infinite values"""
    return x * torch.nan


@method()
def returns_half_of_it(x: Tensor) -> Tensor:
    """shape"""
    return x[:, ::2]


@method()
def returns_nothing(x: Tensor) -> Tensor:
    """NoneType"""
    return None  # type: ignore[return-value]


@method()
def finds_the_truth(x: Tensor) -> Tensor:
    """FileNotFoundError: no truth in reach"""
    if any(isinstance(each, Truth) for each in gc.get_objects()):
        return x
    raise FileNotFoundError("no truth in reach")


@method()
def refuses_without_a_word(x: Tensor) -> Tensor:
    """it refused, and gave no reason"""
    raise Refused("")


@method()
def doubles_itself(x: Tensor) -> Tensor:
    """costs nobody anything"""
    os.fork()
    return x


@method()
def floods_the_output(x: Tensor) -> Tensor:
    """costs nobody anything"""
    os.write(1, b"flood\n" * 100_000)
    return x
