"""Evidential heads: their losses in closed form, their training, and the shipped ones against their cards."""

import hashlib
from dataclasses import replace
from functools import partial
from math import log as ln
from shutil import copy
from types import SimpleNamespace

import pytest
import torch
from scipy import integrate, special, stats
from torch import nn
from torch.distributions import Dirichlet, kl_divergence
from torch.nn.functional import one_hot

from heatproof.benchmark import Game, Gate, Network, models, sources
from heatproof.benchmark.checks._questions import ask
from heatproof.benchmark.evidence import certainty
from heatproof.methods.subset._scores import Judge, Weights
from heatproof.models import breast_cancer, creatures, evidential, weights
from heatproof.models.evidential import FORMS, HeadRecipe, above, fitted, from_nothing, loss, seen, train_head
from heatproof.models.weights import card_of, digest_of

BODIES = ("creatures_resnet", "creatures_vit", "breast_cancer_mlp")
SHIPPED = weights.FOLDER


def alphas(count=6, classes=4):
    generator = torch.Generator().manual_seed(3)
    alpha = 1 + 9 * torch.rand(count, classes, generator=generator, dtype=torch.float64)
    target = torch.rand(count, classes, generator=generator, dtype=torch.float64)
    return alpha, target / target.sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("digamma", lambda a, s, y: y * (special.digamma(s) - special.digamma(a))),
        ("log", lambda a, s, y: y * (ln(s) - ln(a))),
        ("mse", lambda a, s, y: (y - a / s) ** 2 + a * (s - a) / (s * s * (s + 1))),
    ],
)
def test_losses_are_the_published_sums(form, expected):
    alpha, target = alphas()
    found = FORMS[form](alpha, target).tolist()
    for row, y, value in zip(alpha.tolist(), target.tolist(), found, strict=True):
        total = sum(expected(a, sum(row), share) for a, share in zip(row, y, strict=True))
        assert value == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (3.5, 1.25), (2.0, 7.0)])
def test_losses_are_what_they_mean_by_numerical_integration(a, b):
    """Of two classes, the second is true: the expected cross-entropy and squared error, and the marginal likelihood."""
    density = stats.beta(a, b).pdf

    def mean(of):
        return integrate.quad(lambda p: of(p) * density(p), 0, 1)[0]

    alpha, target = torch.tensor([[a, b]], dtype=torch.float64), torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    expected = {
        "digamma": mean(lambda p: -ln(1 - p)),
        "log": -ln(mean(lambda p: 1 - p)),
        "mse": mean(lambda p: p**2 + (1 - (1 - p)) ** 2),
    }
    for form, value in expected.items():
        assert FORMS[form](alpha, target).item() == pytest.approx(value, rel=1e-7)


def test_the_gradient_of_the_digamma_form_is_the_trigamma_functions():
    alpha, target = alphas()
    (found,) = torch.autograd.grad(FORMS["digamma"](alpha.requires_grad_(), target).sum(), alpha)
    a, y = alpha.detach().numpy(), target.numpy()
    expected = special.polygamma(1, a.sum(1, keepdims=True)) - y * special.polygamma(1, a)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-6, atol=1e-9)


def test_doubt_is_the_divergence_from_the_flat_distribution():
    alpha, _ = alphas()
    flat = Dirichlet(torch.ones_like(alpha))
    torch.testing.assert_close(from_nothing(alpha), kl_divergence(Dirichlet(alpha), flat))
    assert from_nothing(torch.ones(2, 5)).abs().max() < 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_certain_inputs_teach_their_class_and_the_others_that_there_is_no_evidence(form):
    logits = torch.tensor([[2.0, -1.0, 0.5], [3.0, 0.25, -7.0], [0.0, 1.0, 2.0]], dtype=torch.float64)
    target = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    alpha = torch.tensor([[3.0, 1.0, 1.5], [4.0, 1.25, 1.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
    taught = FORMS[form](alpha, target)
    for doubt in (0.0, 0.7):
        expected = (taught[0] + doubt * from_nothing(alpha)[1] + taught[2]) / 3
        torch.testing.assert_close(loss(logits, target, HeadRecipe(form=form, doubt=doubt)), expected)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="form 'l2' is unknown; choose one of digamma, log, mse"):
        HeadRecipe(form="l2")


def clusters():
    """Features around one corner for each of three classes, and around the origin, where no class is likelier."""
    label = torch.arange(400) % 4
    centre = torch.cat([3 * torch.eye(3), torch.zeros(1, 3)])
    target = torch.cat([torch.eye(3), torch.full((1, 3), 1 / 3)])
    noise = torch.randn(400, 3, generator=torch.Generator().manual_seed(1))
    return centre[label] + 0.3 * noise, target[label], label


def start():
    """A last layer that tells the classes, unsurely, and shifts all of them."""
    layer = nn.Linear(3, 3).requires_grad_(False)
    layer.weight.copy_(0.2 * torch.eye(3) + torch.tensor([0.3, -0.1, 0.2]))
    layer.bias.copy_(torch.tensor([0.5, 0.4, 0.6]))
    return layer


@pytest.mark.parametrize("form", FORMS)
def test_a_head_learns_its_classes_and_where_it_knows_nothing(form):
    features, target, label = clusters()
    head = fitted(start(), features, target, HeadRecipe(form=form, steps=400, size=64, lr=0.05))
    logits, known = head(features), label < 3
    assert (logits.argmax(1) == label)[known].all()
    sure = certainty(logits)
    assert sure[known].min() > 0.9
    assert sure[~known].mean() < 0.5
    assert above(sure[known], sure[~known]) == 1
    careless = HeadRecipe(form=form, doubt=0.0, steps=400, size=64, lr=0.05)
    unsure = certainty(fitted(start(), features, target, careless)(features))[~known].mean()
    assert unsure > sure[~known].mean() + 0.2


def test_training_is_a_function_of_the_seed_and_touches_nothing_else():
    features, target, _ = clusters()
    layer, state = start(), torch.get_rng_state()
    before = [part.clone() for part in (layer.weight, layer.bias, features, target)]
    told = []
    recipe = HeadRecipe(steps=500, size=16)
    one, two, other = (
        fitted(layer, features, target, r, told.append) for r in (recipe, recipe, replace(recipe, seed=1))
    )
    assert one.weight.equal(two.weight)
    assert one.bias.equal(two.bias)
    assert not one.weight.equal(other.weight)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(a.equal(b) for a, b in zip(before, (layer.weight, layer.bias, features, target), strict=True))
    assert told[0] == told[1]
    assert told[0].startswith("step 500 of 500: loss ")
    assert one.weight.dtype == torch.float32
    assert not one.weight.requires_grad


def test_training_starts_from_the_last_layer_less_what_it_says_of_no_class():
    features, target, _ = clusters()
    layer = start()
    head = fitted(layer, features, target, HeadRecipe(steps=0))
    torch.testing.assert_close(head(features), layer(features) - layer(features).mean(1, keepdim=True))


def test_users_train_a_head_on_their_network_which_stays_as_it_is():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Dropout(0.5), nn.Linear(3, 2)).train()
    x, target = torch.randn(40, 4), one_hot(torch.arange(40) % 2).float()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network, recipe = Network(module, preprocess=lambda x: 2 * x), HeadRecipe(steps=20)
    head = train_head(network, x, target, recipe)
    features = module[:2](2 * x).detach()
    torch.testing.assert_close(seen(network, x), features)
    assert head.weight.equal(fitted(module[3], features, target, recipe).weight)
    assert all(value.equal(before[name]) for name, value in module.state_dict().items())
    assert module.training
    assert module[2].training


def test_what_has_no_last_layer_is_refused():
    x, target = torch.rand(2, 3), torch.eye(2)
    with pytest.raises(ValueError, match="only gives scores has no features"):
        train_head(Network(predict=lambda x: x.softmax(1)), x, target)
    with pytest.raises(ValueError, match="Identity has no linear layer that an evidential head could stand in for"):
        train_head(Network(nn.Identity()), x, target)


class Twisted(nn.Module):
    """The layer that comes last is not the one that gives the logits."""

    def __init__(self, width):
        super().__init__()
        self.head, self.body = nn.Linear(3, 3), nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.body(x))


@pytest.mark.parametrize("width", [3, 4])
def test_another_last_layer_is_refused(width):
    with pytest.raises(ValueError, match="not those of 'body', the linear layer that comes last: train with `fitted`"):
        train_head(Network(Twisted(width)), torch.rand(2, width), torch.eye(3)[:2])


def test_a_network_is_copied_when_a_head_takes_the_place_of_its_last_layer():
    module, head = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 2))), nn.Linear(3, 5)
    last = module[1][1]
    headed = evidential.with_head(module, head)
    assert module[1][1] is last
    assert headed[1][1] is head
    assert headed[0].weight.equal(module[0].weight)


def test_how_often_one_is_above_the_other_counts_ties_half():
    assert above(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0, 2.0])) == pytest.approx((1 + 0.5 + 3) / 6)


@pytest.mark.parametrize("body", BODIES)
def test_the_shipped_head_is_for_the_shipped_network_and_its_card_tells_its_recipe(body):
    card = card_of(f"{body}_evidential")
    content = (weights.FOLDER / f"{body}_evidential.safetensors").read_bytes()
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    assert card["body"] == digest_of(body)
    recipe = breast_cancer.HEAD if body == breast_cancer.MLP else creatures.HEAD
    assert card["recipe"] == {name: getattr(recipe, name) for name in HeadRecipe.__slots__}
    assert models[body].beside == (card,)
    assert models[f"{body}_evidential"].beside == (card_of(body),)
    assert models[f"{body}_evidential"].card == card
    assert not models[f"{body}_evidential"].objection


def inputs(body):
    if body == breast_cancer.MLP:
        return breast_cancer.split()[1][:6]
    return sources["creature_batch"].function(0, 6, 7)[0]


@pytest.mark.parametrize("body", BODIES)
def test_a_network_with_its_head_is_the_same_network_with_another_last_layer(body):
    plain, headed, x = models[body].function(), models[f"{body}_evidential"].function(), inputs(body)
    torch.testing.assert_close(Gate(headed).logits(x).double(), plain.evidential(seen(plain, x)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(seen(headed, x), seen(plain, x))
    assert headed.layers() == plain.layers()
    own, theirs = plain.module.state_dict(), headed.module.state_dict()
    last = {f"{evidential.last_linear(plain.module)[0]}.{part}" for part in ("weight", "bias")}
    assert {name for name in own if not own[name].equal(theirs[name])} == last


@pytest.mark.parametrize("body", BODIES)
def test_subset_selection_reads_the_same_confidence_of_both(body):
    x, name = inputs(body)[:2], f"{body}_evidential"
    units = None if x.ndim == 2 else (torch.arange(64 * 64) // 1024)
    kept = torch.rand(2, 5, 30 if units is None else 4, generator=torch.Generator().manual_seed(2)) < 0.6
    readings = []
    for model, evidence in ((body, "evidential"), (name, "evidential_logits")):
        gate = Gate(models[model].function())
        batch = ask(nn.Identity(), x, units=units).batch
        judge = Judge(Game(gate, batch), Weights(1.0, 1.0, 1.0, 0.0, evidence))
        readings.append(judge.ask(kept).confidence)
        assert gate.meter.forward == 2 * 2 * 5
    torch.testing.assert_close(*readings, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("body", BODIES[:2])
@pytest.mark.parametrize("count", [512, pytest.param(4096, marks=pytest.mark.slow)])
def test_the_card_tells_how_sure_the_head_is(body, count):
    """Sure of whole creatures, in doubt where a part that decides is missing, and sure of nothing without any."""
    network, card = models[body].function(), card_of(f"{body}_evidential")
    found = creatures.examined(network, evidential.stored_head(body, network.module), count)
    whole, few = count == 4096, ("decided", "undecided", "missing_0_parts", "missing_5_parts", "grey")
    for name in card["confidence"] if whole else few:
        assert found["confidence"][name] == pytest.approx(card["confidence"][name], abs=0.0011 if whole else 0.03)
    assert found["decided_above_undecided"] == pytest.approx(card["decided_above_undecided"], abs=2e-3)
    sure = card["confidence"]
    assert sure["decided"] > 0.98
    assert max(sure["undecided"], sure["missing_4_parts"]) < 0.1
    assert max(sure["missing_5_parts"], sure["grey"]) < 0.01
    assert card["decided_above_undecided"] > 0.99
    assert card["accuracy"] > 0.99


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the weights of the networks, and no heads."""
    for body in BODIES:
        for end in ("json", "safetensors"):
            copy(SHIPPED / f"{body}.{end}", tmp_path)
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    return tmp_path


def test_training_the_table_s_head_again_gives_the_shipped_one(folder):
    told = []
    card = breast_cancer.train_mlp_head(told.append)
    again = breast_cancer.breast_cancer_mlp_evidential().module.layers[-1]
    weights.FOLDER = SHIPPED
    shipped = breast_cancer.breast_cancer_mlp_evidential().module.layers[-1]
    torch.testing.assert_close(again.weight, shipped.weight, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(again.bias, shipped.bias, rtol=1e-3, atol=1e-4)
    for name in ("confidence", "right_above_wrong", "test_accuracy"):
        assert card[name] == pytest.approx(card_of("breast_cancer_mlp_evidential")[name], abs=2e-3)
    assert card["confidence"]["right"] > 0.9 > card["confidence"]["wrong"] > 0.7 > card["confidence"]["mean_row"]


@pytest.mark.parametrize("body", BODIES[:2])
def test_a_few_steps_of_the_recipe_twice_give_the_same_bits(body, folder, monkeypatch):
    examined = []
    offered = {
        "creature_batch": sources["creature_batch"],
        "creature_accuracies": SimpleNamespace(function=lambda net: examined.append(net) or {"accuracy": 0.5}),
    }
    monkeypatch.setattr(creatures, "sources", offered)
    monkeypatch.setattr(creatures, "HEAD", HeadRecipe(steps=5, inputs=256, size=32))
    monkeypatch.setattr(creatures, "examined", partial(creatures.examined, count=256))
    told = []
    one, two = (models[f"{body}_evidential"].train(told.append) for _ in range(2))
    assert one == two == card_of(f"{body}_evidential")
    assert told == ["features of 256 pictures"] * 2
    assert (one["accuracy"], one["body"], one["recipe"]["steps"]) == (0.5, digest_of(body), 5)
    x = inputs(body)
    torch.testing.assert_close(examined[0](x), models[f"{body}_evidential"].function().module(x))
    assert one["sha256"] != models[f"{body}_evidential"].card["sha256"]


@pytest.mark.parametrize("body", BODIES)
def test_without_a_head_for_its_weights_a_network_has_none(body, folder):
    assert models[body].function().evidential is None
    for end in ("json", "safetensors"):
        copy(SHIPPED / f"{body}_evidential.{end}", folder)
    assert models[body].function().evidential is not None
    card = folder / f"{body}_evidential.json"
    card.write_text(card.read_text().replace(digest_of(body), "of other weights"))
    assert models[body].function().evidential is None
    with pytest.raises(ValueError, match=f"{body} has no evidential head for its weights: .*train {body}_evidential`"):
        models[f"{body}_evidential"].function()
