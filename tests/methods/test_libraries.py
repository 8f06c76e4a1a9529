"""Methods of other libraries: how they are asked, and captum's against ours where the definitions are the same."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Game, Gate, Network, Refused, Rng, column_units, grid_units, methods
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.benchmark.libraries import load
from heatproof.methods.libraries._library import asking, each, of_units, worth

LIBRARIES = {"captum": 10, "pytorch_grad_cam": 8, "shap": 3, "shapiq": 2, "zennit": 6}


def plain() -> nn.Module:
    """A network of modules that each library has a rule for, its batch norm having seen data."""
    norm = nn.BatchNorm2d(4)
    norm.running_mean, norm.running_var = torch.randn(4), 0.5 + torch.rand(4)
    first, second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, padding=1)
    head = nn.Flatten(), nn.Linear(5 * 16, 6), nn.ReLU(), nn.Linear(6, 3)
    return nn.Sequential(first, norm, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), *head).double().eval()


def pictures(readout: str = "logit", **parts: nn.Module) -> Question:
    """Ask about 3x8x8 pictures that are normalised before the network, some of whose `parts` are others."""
    module = seeded(plain)
    for name, part in parts.items():
        setattr(module, name.removeprefix("_"), part)
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(71), dtype=torch.float64)
    batch = Batch(tuple("abcd"), x, torch.arange(4) % 3, grid_units(x, 2), 0.3 * x.flip(0))
    network = Network(module, preprocess=lambda raw: (raw - 0.4) / 0.3, layers=lambda: ("2", "5"))
    return Question(Gate(network, readout), batch)


class Apart(nn.Module):
    """Logit k is the sum of weight[k] * sin over all inputs: nothing interacts."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.head = nn.Linear(count, 3, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x.flatten(1).sin())
        return logits


def additive(columns: int = 7) -> Question:
    """Ask about a table whose columns do not interact."""
    x = torch.randn(3, columns, generator=torch.Generator().manual_seed(72), dtype=torch.float64)
    batch = Batch(tuple("abc"), x, torch.arange(3), column_units(x), torch.ones_like(x))
    return Question(Gate(Network(seeded(lambda: Apart(columns))), "logit"), batch)


def told(name: str, question: Question, **settings: object) -> Tensor:
    return explain(Asked(methods[name], settings), question.gate, question.batch)[0]


def agree(first: Tensor, second: Tensor) -> None:
    assert float(second.abs().max()) > 1e-3, "a map of zeros agrees with anything"
    assert ((first - second).abs() <= 1e-5 * second.abs().amax(1, keepdim=True)).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_methods_of_every_library_are_registered_whether_or_not_it_is_installed(library: str) -> None:
    names = [name for name in methods if name.endswith(f"@{library}")]
    assert len(names) == LIBRARIES[library]
    assert all(name.partition("@")[0] in methods for name in names), "ours of that name is there to compare it with"
    assert all(library.replace("_", "-") in methods[name].summary for name in names), "it says what it wraps"


@pytest.mark.parametrize("name", [name for name in methods if "@" in name])
def test_a_library_that_is_not_there_is_refused_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library = methods[name].library
    for module in [module for module in sys.modules if module.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr("heatproof.benchmark.libraries.import_module", lambda _: load_missing(library))
    with pytest.raises(Refused, match=rf"^{library} is not installed: pip install 'heatproof\[peers\]'$"):
        told(name, pictures(), **({"across": 4} if "across" in methods[name].settings else {}))


def load_missing(library: str) -> ModuleType:
    raise ModuleNotFoundError(f"No module named {library!r}", name=library)


@pytest.mark.parametrize("readout", ["logit", "probability"])
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("integrated_gradients", {}),
        ("integrated_gradients", {"quadrature": "left", "budget": 7}),
        ("integrated_gradients", {"quadrature": "right", "budget": 7}),
        ("integrated_gradients", {"quadrature": "midpoint", "budget": 7}),
        ("leave_one_out", {}),
        ("occlusion", {"across": 4}),
        ("occlusion", {"across": 2, "overlap": 1}),
    ],
)
def test_what_captum_asks_of_the_gate_is_ours(name: str, ours: dict[str, object], readout: str) -> None:
    agree(told(f"{name}@captum", pictures(readout), **ours), told(name, pictures(readout), **ours))


@pytest.mark.parametrize(
    ("name", "readout"),
    [
        ("deep_lift", "logit"),
        ("guided_backprop", "logit"),
        ("guided_backprop", "probability"),
        ("deconvnet", "logit"),
        ("deconvnet", "margin"),
    ],
)
def test_what_captum_hooks_into_a_lent_network_is_ours(name: str, readout: str) -> None:
    question = pictures("margin", _3=nn.AvgPool2d(2))
    agree(told(f"{name}@captum", question, readout=readout), told(name, question, readout=readout))


def test_captum_s_deep_lift_does_not_add_up_where_maxima_of_rectified_values_are_taken() -> None:
    question = pictures()
    batch, gate = question.batch, question.gate
    change = gate.score(batch.x, batch.target) - gate.score(batch.baseline, batch.target)
    torch.testing.assert_close(told("deep_lift", question).sum(1), change, rtol=1e-5, atol=1e-7)
    assert ((told("deep_lift@captum", question).sum(1) - change).abs() > 0.1 * change.abs()).all()


def test_captum_s_relevance_is_ours_without_batch_norms() -> None:
    """It makes relevance pass a batch norm on its own, which we take to be one with the layer before."""
    question = pictures(_1=nn.Identity())
    agree(told("lrp_epsilon@captum", question), told("lrp_epsilon", question, epsilon=1e-9))


def test_captum_s_trapezoid_is_too_small() -> None:
    theirs = told("integrated_gradients@captum", pictures(), quadrature="trapezoid", budget=9)
    agree(theirs, told("integrated_gradients", pictures(), quadrature="trapezoid", budget=9) * 8 / 9)


def test_captum_is_handed_one_step_of_its_path_at_a_time() -> None:
    """All at once, and the copies of large pictures would not fit."""
    lengths: list[int] = []

    class Watched:
        def score(self, x: Tensor, target: Tensor) -> Tensor:
            lengths.append(len(x))
            return x.sum(1) + target

    x, target = torch.rand(3, 4), torch.arange(3)
    methods["integrated_gradients@captum"].function(Watched(), x, target, torch.zeros_like(x), budget=5)
    assert lengths == [3] * 5


@pytest.mark.parametrize(("name", "budget"), [("kernel_shap", 60), ("permutation_shapley", 30)])
def test_captum_s_shapley_values_are_exact_where_nothing_interacts(name: str, budget: int) -> None:
    question = additive()
    agree(told(f"{name}@captum", question, budget=budget), told("exact_shapley", question))


def test_captum_s_lime_is_a_lasso() -> None:
    """With effects that are small beside the strength of its lasso, nothing is left; with large ones, most of them."""
    question = additive()
    values = told("lime@captum", question, budget=400)
    exact = told("exact_shapley", question)
    assert (values[exact.abs() < 0.02] == 0).all()
    large = exact.abs() > 0.1
    assert large.any()
    assert ((values[large] - exact[large]).abs() < 0.15 * exact[large].abs() + 0.05).all()


@pytest.mark.parametrize("name", ["leave_one_out", "lime", "kernel_shap", "permutation_shapley"])
def test_what_belongs_to_no_unit_is_never_hidden_by_captum(name: str) -> None:
    question = additive(4)
    units = torch.tensor([0, -1, 1, 2]).expand(3, -1)
    seen: list[Tensor] = []
    module = question.gate.module
    handle = module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    told(f"{name}@captum", replace(question, batch=replace(question.batch, units=units)))
    handle.remove()
    column = torch.cat(seen)[:, 1]
    assert torch.isin(column, question.batch.x[:, 1]).all()
    assert len(column) > 9


@pytest.mark.parametrize(
    ("name", "budget", "least"),
    [
        ("integrated_gradients", 0, 1),
        ("integrated_gradients[quadrature=trapezoid]", 1, 2),
        ("lime", 1, 2),
        ("kernel_shap", 3, 4),
        ("permutation_shapley", 16, 17),
    ],
)
def test_a_budget_that_is_too_small_is_refused(name: str, budget: int, least: int) -> None:
    base, variant, settings = name.partition("[")
    with pytest.raises(Refused, match=rf"a budget of {budget} passes is too small: .* needs at least {least}"):
        told(f"{base}@captum{variant}{settings}", pictures(), budget=budget)


def test_misuse_is_a_value_error_that_names_the_choices() -> None:
    with pytest.raises(ValueError, match="quadrature 'simpson' is unknown; choose one of gauss_legendre, trapezoid"):
        told("integrated_gradients@captum", pictures(), quadrature="simpson")
    with pytest.raises(ValueError, match="across is 0 and overlap 2: give counts from 1"):
        told("occlusion@captum", pictures(), across=0)
    with pytest.raises(ValueError, match="readout 'odds' is unknown"):
        told("deep_lift@captum", pictures(), readout="odds")


def test_windows_that_do_not_fit_captum_are_refused() -> None:
    with pytest.raises(Refused, match=r"captum's windows are all alike: \(3, 8, 8\) has no sides that 6 divides"):
        told("occlusion@captum", pictures(), across=3)
    with pytest.raises(Refused, match=r"captum's windows are all alike: \(7,\) has no sides"):
        told("occlusion@captum", additive())


def test_relevance_of_a_resized_picture_is_refused() -> None:
    question = pictures()
    network = replace(question.gate.network, preprocess=lambda raw: raw.repeat(1, 1, 2, 2))
    with pytest.raises(Refused, match="captum's relevance is that of the resized picture"):
        told("lrp_epsilon@captum", replace(question, gate=Gate(network)))


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.second = nn.Linear(7, 7), nn.ReLU(), nn.Linear(7, 3)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.act(self.second(self.act(self.first(x))))
        return logits


def test_a_network_that_captum_cannot_explain_is_refused_with_its_own_words() -> None:
    asked = additive()
    reused = replace(asked, gate=Gate(Network(seeded(Reused))))
    with pytest.raises(Refused, match=r"captum cannot explain this: RuntimeError: A Module ReLU.* used more than once"):
        told("deep_lift@captum", reused)
    with pytest.raises(Refused, match=r"captum cannot explain this: TypeError: Module of type .*GELU.* has no rule"):
        told("lrp_epsilon@captum", pictures(_2=nn.GELU()))


def library(body: str) -> ModuleType:
    """Make a library of one function."""
    module = ModuleType("elsewhere")
    exec(body, vars(module))
    return module


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def f(model, x): raise IndexError('too\\n  bad')", "^elsewhere cannot explain this: IndexError: too bad$"),
        ("def f(model, x): return x.reshape(99)", "elsewhere cannot explain this: RuntimeError: shape"),
        (
            "def f(model, x):\n def hook(*_): raise KeyError('heard')\n"
            " with model.lent() as m:\n  m.layer('0').register_forward_hook(hook)\n  m(x)",
            "elsewhere cannot explain this: KeyError: 'heard'",
        ),
        (
            "def f(model, x):\n def hook(*_): raise KeyError('back')\n"
            " with model.lent() as m:\n  y = m(x.requires_grad_())\n  y.register_hook(hook)\n  y.sum().backward()",
            "elsewhere cannot explain this: KeyError: 'back'",
        ),
    ],
)
def test_what_goes_wrong_in_a_library_is_refused(body: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    question = pictures()
    with pytest.raises(Refused, match=reason), asking("elsewhere"):
        library(f"print('loud')\n{body}").f(question.gate, question.batch.x)
    assert capsys.readouterr() == ("", "")


def test_what_a_library_s_hooks_forbid_the_network_is_refused() -> None:
    class Hasty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(7, 3, dtype=torch.float64)

        def forward(self, x: Tensor) -> Tensor:
            return self.first(x).relu_()  # type: ignore[no-any-return]

    body = (
        "def f(model, x):\n with model.lent() as m:\n"
        "  m.layer('first').register_full_backward_hook(lambda *_: None)\n  m(x.requires_grad_())"
    )
    gate = Gate(Network(Hasty()))
    with pytest.raises(Refused, match="modified inplace"), asking("elsewhere"):
        library(body).f(gate, additive().batch.x)


@pytest.mark.parametrize("passes", ["model.score(x, target)", "model.lent().__enter__()(x)"])
def test_an_error_of_the_model_comes_out_of_the_library(passes: str) -> None:
    def fails(x: Tensor) -> Tensor:
        raise IndexError("no such class")

    gate, x = Gate(Network(nn.Linear(7, 3), preprocess=fails)), additive().batch.x
    with pytest.raises(IndexError, match="no such class"), asking("elsewhere"):
        library(f"def f(model, x, target): return {passes}").f(gate, x, torch.zeros(3, dtype=torch.int64))


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError, KeyboardInterrupt])
def test_what_is_nobody_s_fault_comes_out(error: type[BaseException]) -> None:
    with pytest.raises(error), asking("elsewhere"):
        library("def f(error): raise error").f(error)


def test_errors_of_an_adapter_are_its_own() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'ndim'"), asking("elsewhere"):
        of_units("", torch.zeros(1, 1))  # type: ignore[arg-type]


def test_a_library_that_does_not_import_is_refused() -> None:
    with pytest.raises(Refused, match=r"No module named 'torch\.nowhere'"), asking("torch") as imported:
        imported("nowhere")
    with asking("torch") as imported:
        assert (imported(""), imported("nn")) == (torch, nn) == (torch, load("torch.nn"))


def test_each_sample_has_draws_of_its_own_and_the_global_state_stays() -> None:
    def draw(one: slice) -> Tensor:
        return torch.tensor([one.start, torch.rand(()).item(), float(np.random.rand())], dtype=torch.float64)

    torch.manual_seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    drawn = each(Rng([3, 4, 3]), draw)
    assert torch.get_rng_state().equal(before)
    assert np.random.get_state()[1].tolist() == numpy_before
    assert drawn[:, 0].tolist() == [0, 1, 2]
    assert drawn[0, 1:].equal(drawn[2, 1:])
    assert (drawn[0, 1:] != drawn[1, 1:]).all()
    assert each(Rng([4]), draw)[0, 1:].equal(drawn[1, 1:])


@pytest.mark.parametrize("parts", [None, torch.tensor([[0, 0, 1, 1, 1, 2, 2]]).expand(3, -1)])
def test_the_worth_of_one_sample_s_coalitions_is_the_game_s(parts: Tensor | None) -> None:
    question = additive()
    game = Game(question.gate, question.batch, parts=parts)
    kept = torch.rand(3, 5, game.players, generator=torch.Generator().manual_seed(73)) < 0.5
    expected = game.scores(kept)
    for i in range(3):
        ask: Callable[..., object] = worth(game, slice(i, i + 1))
        torch.testing.assert_close(torch.as_tensor(ask(3.0 * kept[i].double().numpy())), expected[i])
        torch.testing.assert_close(torch.as_tensor(ask(kept[i, 2].numpy())), expected[i, 2:3])


def test_the_value_that_a_unit_s_elements_share() -> None:
    units = torch.tensor([[0, 0, 1, -1, 2, 2]])
    values = torch.tensor([[5.0, 5.0, -1.0, 99.0, 2.0, 2.0]])
    assert of_units(values, units).tolist() == [[5.0, -1.0, 2.0]]
    assert of_units(values.reshape(1, 1, 2, 3).expand(-1, 3, -1, -1), units).tolist() == [[5.0, -1.0, 2.0]]
