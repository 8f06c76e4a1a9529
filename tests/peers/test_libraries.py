"""Methods of libraries that only this environment has: their contract and bills, and their values against ours."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from importlib import import_module

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Cost, Gate, Network, Refused, column_units, grid_units, methods, unit_count
from heatproof.benchmark.checks import Check, method_checks
from heatproof.benchmark.checks._questions import METHOD_QUESTIONS, Question, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.libraries.shap import linkage

NAMES = [name for name in methods if methods[name].library not in ("", "captum")]
CONTRACT = [pytest.param(name, check, id=f"{name}-{title}") for name in NAMES for title, check in method_checks(name)]


@pytest.mark.parametrize(("name", "check"), CONTRACT)
def test_contract(name: str, check: Callable[[], Check]) -> None:
    outcome = check()
    if outcome.skipped:
        pytest.skip(outcome.reason)
    assert outcome.passed, outcome.reason


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
    batch = Batch(tuple("abcd"), x, torch.arange(4) % 3, grid_units(x, 2), torch.zeros_like(x))
    network = Network(module, preprocess=lambda raw: (raw - 0.4) / 0.3, layers=lambda: ("2", "5"))
    return Question(Gate(network, readout), batch)


def table(columns: int, module: nn.Module) -> Question:
    x = torch.randn(3, columns, generator=torch.Generator().manual_seed(72), dtype=torch.float64)
    batch = Batch(tuple("abc"), x, torch.arange(3) % 2, column_units(x), torch.ones_like(x))
    return Question(Gate(Network(module.double()), "logit"), batch)


def curved(columns: int) -> Question:
    """Ask about a table whose columns all interact."""
    return table(columns, seeded(lambda: nn.Sequential(nn.Linear(columns, 9), nn.Tanh(), nn.Linear(9, 3))))


class InPairs(nn.Module):
    """Logit 0 is x·A·x: columns interact in pairs, and no more."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.pairs = nn.Parameter(torch.randn(columns, columns))

    def forward(self, x: Tensor) -> Tensor:
        score = torch.einsum("ni,ij,nj->n", x, self.pairs, x)
        return torch.stack([score, -score], 1)


def asked(name: str, question: Question, **settings: object) -> tuple[Tensor, Cost]:
    try:
        return explain(Asked(methods[name], settings), question.gate, question.batch)
    except Refused as no:
        if "is not installed" in str(no):
            pytest.skip(str(no))
        raise


def told(name: str, question: Question, **settings: object) -> Tensor:
    return asked(name, question, **settings)[0]


def agree(first: Tensor, second: Tensor, tolerance: float = 1e-5) -> None:
    assert float(second.abs().max()) > 1e-3, "a map of zeros agrees with anything"
    assert ((first - second).abs() <= tolerance * second.abs().amax(1, keepdim=True)).all()


def from_0_to_1(maps: Tensor) -> Tensor:
    low, high = maps.amin(1, keepdim=True), maps.amax(1, keepdim=True)
    return (maps - low) / (high - low).clamp(min=1e-12)


@pytest.mark.parametrize("readout", ["logit", "probability"])
@pytest.mark.parametrize(
    ("name", "layer"),
    [
        *((name, layer) for name in ("grad_cam", "x_grad_cam", "layer_cam") for layer in ("", "2")),
        # Where nothing is enlarged: theirs is rectified before it is, and masks are enlarged in another way.
        *((name, "2") for name in ("hires_cam", "score_cam")),
    ],
)
def test_maps_of_pytorch_grad_cam_are_ours_from_0_to_1(name: str, layer: str, readout: str) -> None:
    question = pictures(readout)
    ours = told(name, question, layer=layer).clamp(min=0)
    agree(told(f"{name}@pytorch_grad_cam", question, layer=layer), from_0_to_1(ours))


@pytest.mark.parametrize("layer", ["", "2"])
def test_ablation_of_pytorch_grad_cam_is_ours_where_activations_are_rectified(layer: str) -> None:
    question = pictures("probability")
    agree(
        told("ablation_cam@pytorch_grad_cam", question, layer=layer),
        from_0_to_1(told("ablation_cam", question, layer=layer)),
    )


@pytest.mark.parametrize(("loud", "apart"), [(1e3, 0.0), (1.0, 1e-4)])
def test_pytorch_grad_cam_s_plus_plus_is_ours_where_gradients_are_large(loud: float, apart: float) -> None:
    """It adds a millionth to a denominator of squared gradients."""
    last = seeded(lambda: nn.Linear(6, 3)).double()
    last.weight.data *= loud
    question = pictures(_9=last)
    theirs = told("grad_cam_plus_plus@pytorch_grad_cam", question, layer="2")
    ours = from_0_to_1(told("grad_cam_plus_plus", question, layer="2"))
    if not apart:
        agree(theirs, ours)
    assert float((theirs - ours).abs().max()) >= apart


def test_the_map_of_eigen_cam_is_the_first_component_of_centred_activations() -> None:
    question = pictures()
    activation = question.gate.tap(question.batch.x, question.batch.target, "2")[0].flatten(2).transpose(1, 2)
    centred = activation - activation.mean(1, keepdim=True)
    along = centred @ torch.linalg.svd(centred).Vh[:, 0, :, None]
    theirs = told("eigen_cam@pytorch_grad_cam", question, layer="2")
    both = [from_0_to_1((sign * along[:, :, 0]).clamp(min=0)) for sign in (1, -1)]
    near = torch.stack([(theirs - each).abs().amax(1) for each in both]).amin(0)
    assert (near < 1e-5).all()


def test_a_transformer_is_brought_to_the_grid_of_the_picture() -> None:
    question = METHOD_QUESTIONS["tokens"]()
    theirs, ours = (told(name, question) for name in ("grad_cam@pytorch_grad_cam", "grad_cam"))
    assert float(theirs.amax()) > 0.5
    assert ((theirs - from_0_to_1(ours)).abs() < 1e-4).all()


def test_ablation_of_a_transformer_is_what_the_librarys_own_example_gives() -> None:
    """Its example for transformers passes AblationLayerVit: channels are behind the tokens there."""
    question = METHOD_QUESTIONS["tokens"]()
    theirs = told("ablation_cam@pytorch_grad_cam", question)
    cam, layers = import_module("pytorch_grad_cam"), import_module("pytorch_grad_cam.ablation_layer")
    targets = import_module("pytorch_grad_cam.utils.model_targets")
    module, grid = deepcopy(question.gate.module).eval(), question.gate.network.grid
    whole = nn.Sequential(module, nn.Softmax(1))
    ablation = cam.AblationCAM(whole, [module.blocks[0]], grid, ablation_layer=layers.AblationLayerVit())
    labels = [targets.ClassifierOutputTarget(label) for label in question.batch.target.tolist()]
    expected = torch.from_numpy(ablation(question.batch.x.clone(), labels)).flatten(1)
    agree(theirs, expected)


def loud() -> dict[str, nn.Module]:
    """Layers whose sums are large beside what keeps denominators from zero."""
    module = seeded(plain)
    parts = {f"_{name}": part for name, part in module.named_children() if isinstance(part, (nn.Conv2d, nn.Linear))}
    for part in parts.values():
        part.requires_grad_(False)
        part.weight *= 30  # type: ignore[operator]
        part.bias *= 30  # type: ignore[operator]
    return parts


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lrp_epsilon", {}),
        ("lrp_epsilon", {"epsilon": 0.1}),
        ("lrp_gamma", {}),
        ("lrp_gamma", {"gamma": 1.0}),
        ("lrp_alpha_beta", {}),
        ("lrp_alpha_beta", {"alpha": 1.0, "beta": 0.0}),
        ("lrp_composite", {"composite": "epsilon_plus"}),
        ("lrp_composite", {"composite": "epsilon_alpha2_beta1"}),
        ("lrp_composite", {"composite": "epsilon_gamma_box"}),
        ("lrp_composite", {"composite": "epsilon_gamma_box", "low": -1.0, "high": 2.0}),
        ("guided_backprop", {}),
        ("deconvnet", {"readout": "log_odds"}),
    ],
)
def test_zennit_is_ours(name: str, settings: dict[str, object]) -> None:
    question = pictures(**loud())
    agree(told(f"{name}@zennit", question, **settings), told(name, question, **settings))


class Disordered(nn.Module):
    """Its batch norm stands behind the last layer in its list of parts, and is passed after the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(7, 7), nn.Linear(7, 7), nn.BatchNorm1d(7)
        self.norm.running_mean, self.norm.running_var = torch.randn(7), 0.2 + torch.rand(7)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.second(self.norm(self.first(x)).relu())
        return logits


def test_what_zennit_cannot_explain_is_refused() -> None:
    with pytest.raises(Refused, match="zennit has no rule for LayerNorm"):
        told("lrp_epsilon@zennit", table(7, nn.Sequential(nn.Linear(7, 7), nn.LayerNorm(7))))
    with pytest.raises(Refused, match="zennit merges a batch norm with another layer than the one before it"):
        told("lrp_gamma@zennit", table(7, seeded(Disordered)))
    question = pictures()
    network = replace(question.gate.network, preprocess=lambda raw: raw.repeat(1, 1, 2, 2))
    with pytest.raises(Refused, match="zennit's relevance is that of the resized picture"):
        told("lrp_alpha_beta@zennit", replace(question, gate=Gate(network)))
    with pytest.raises(ValueError, match="composite 'plus' is unknown; choose one of epsilon_plus"):
        told("lrp_composite@zennit", question, composite="plus")


def test_what_pytorch_grad_cam_cannot_explain_is_refused() -> None:
    network = replace(curved(7).gate.network, layers=lambda: ("0",))
    layered = replace(curved(7), gate=Gate(network))
    with pytest.raises(Refused, match=r"pytorch-grad-cam explains pictures \(N, C, H, W\), x has shape \(3, 7\)"):
        told("grad_cam@pytorch_grad_cam", layered)
    with pytest.raises(Refused, match="no layer '11'"):
        told("grad_cam@pytorch_grad_cam", pictures(), layer="11")


@pytest.mark.parametrize("columns", [1, 2, 5, 8])
def test_shapley_values_are_exact_where_all_coalitions_fit(columns: int) -> None:
    question = curved(columns)
    exact = told("exact_shapley", question)
    agree(told("kernel_shap@shap", question, features=0), exact)
    agree(told("kernel_shap@shapiq", question), exact)


def test_shap_gives_ten_units_a_value_by_default() -> None:
    values = told("kernel_shap@shap", curved(12), budget=4096)
    assert (values != 0).sum(1).tolist() == [10, 10, 10]


@pytest.mark.parametrize("columns", [2, 3, 7])
def test_an_order_of_shap_both_ways_is_exact_where_units_interact_in_pairs(columns: int) -> None:
    question = table(columns, seeded(lambda: InPairs(columns)))
    agree(told("permutation_shapley@shap", question, budget=2 * columns + 1), told("exact_shapley", question))


@pytest.mark.parametrize("columns", [1, 2, 7])
def test_an_order_of_shapiq_is_exact_where_nothing_interacts(columns: int) -> None:
    question = table(columns, seeded(lambda: nn.Linear(columns, 3)))
    agree(told("permutation_shapley@shapiq", question, budget=columns + 1), told("exact_shapley", question))


@pytest.mark.parametrize("columns", [2, 3, 6, 8])
def test_owen_values_of_shap_are_ours(columns: int) -> None:
    question = curved(columns)
    agree(told("owen_shapley@shap", question), told("owen_shapley", question))


def test_owen_values_of_pictures_are_ours() -> None:
    question = pictures()
    agree(told("owen_shapley@shap", question), told("owen_shapley", question))


def test_a_tree_is_written_as_scipy_writes_one() -> None:
    assert linkage([3, 0, 2, 1, 4]).tolist() == [[3, 0, 2, 2], [1, 4, 2, 2], [2, 6, 3, 3], [5, 7, 5, 5]]


@pytest.mark.parametrize("units", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("budget", [4, 5, 16, 17, 33, 40, 300])
@pytest.mark.parametrize("name", [name for name in NAMES if "budget" in methods[name].settings])
def test_bills_are_the_closed_form_for_any_budget(name: str, budget: int, units: int) -> None:
    question = curved(units)
    try:
        cost = asked(name, question, budget=budget)[1]
    except Refused as no:
        pytest.skip(str(no))
    passes = methods[name].passes_of({"budget": budget}, units)
    assert passes is not None
    assert (cost.forward, cost.backward) == (3 * passes[0], 0)
    assert passes[0] <= budget


@pytest.mark.parametrize("name", [name for name in NAMES if "budget" not in methods[name].settings])
def test_bills_are_the_closed_form(name: str) -> None:
    question = pictures()
    cost = asked(name, question)[1]
    passes = methods[name].passes_of({}, unit_count(question.batch.units))
    # One to read the layer of five channels, and one for each; one for the score as well.
    channels = {"score_cam@pytorch_grad_cam": (6, 0), "ablation_cam@pytorch_grad_cam": (7, 0)}
    expected = channels[name] if passes is None else passes
    assert (cost.forward, cost.backward) == (4 * expected[0], 4 * expected[1])


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("kernel_shap@shap", 4),
        ("permutation_shapley@shap", 15),
        ("owen_shapley@shap", 4),
        ("kernel_shap@shapiq", 4),
        ("permutation_shapley@shapiq", 8),
    ],
)
def test_a_budget_that_is_too_small_is_refused(name: str, least: int) -> None:
    with pytest.raises(Refused, match=f"a budget of {least - 1} passes is too small: {name} needs at least {least}"):
        told(name, curved(7), budget=least - 1)
