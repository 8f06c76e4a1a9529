"""Maps from attention against loops by hand: timm's transformers, tokens with and without a class, other networks."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from heatproof.benchmark import Batch, Gate, Refused, grid_units, methods
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.models._torchvision import timm
from heatproof.models.adapters import adapt

Ask = Callable[..., Question]
Bilinear = Callable[[list[list[float]], int, int], list[list[float]]]
NAMES = ["raw_attention", "attention_rollout", "attention_x_gradient", "generic_attention", "le_grad"]


def transformer(**settings: object) -> nn.Module:
    """Return a small vision transformer with 4 x 4 patches of 12 x 16 pictures, in which attention is not even."""
    shape = {"img_size": (12, 16), "patch_size": 4, "embed_dim": 8, "depth": 3, "num_heads": 2, "num_classes": 3}
    module = timm.create_model("vit_tiny_patch16_224", **{**shape, **settings}).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    return module.eval()


class MeanToken(nn.Module):
    """Every token becomes the mean of all."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.mean(1, keepdim=True).expand_as(tokens)


def prepared(x: Tensor) -> Tensor:
    """Return what the transformer expects: double, from -1 to 1, and of its size."""
    return interpolate(2 * x.double() - 1, (12, 16), mode="bilinear")


def question(readout: str = "logit", size: tuple[int, int] = (12, 16), **settings: object) -> Question:
    module = seeded(lambda: transformer(**settings))
    x = torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(51)).double()
    network = adapt(module, preprocess=prepared, example=x)
    batch = Batch(tuple("abcd"), x, torch.tensor([0, 2, 1, 0]), grid_units(x, 4), torch.zeros_like(x))
    return Question(Gate(network, readout), batch)


KINDS: dict[str, dict[str, object]] = {
    "class_token": {},
    "registers": {"reg_tokens": 2},
    "average": {"global_pool": "avg", "class_token": False},
    "average_beside_registers": {"global_pool": "avg", "class_token": False, "reg_tokens": 2},
    "average_beside_class": {"global_pool": "avg"},
    "larger_picture": {"size": (18, 40)},
}


def found(name: str, asked: Question, **settings: object) -> Tensor:
    batch = asked.batch
    attribution: Tensor = methods[name].function(asked.gate, batch.x, batch.target, **settings)
    assert attribution.shape == (len(batch), 1, *batch.x.shape[2:])
    return attribution[:, 0]


def inside(module: nn.Module, asked: Question, sample: int, readout: str = "") -> tuple[list[Tensor], list[Tensor]]:
    """Return one sample's attention maps (heads, T, T) and gradients, seen where unfused attention is dropped out."""
    maps: list[Tensor] = []
    handles = []
    for block in module.blocks:  # type: ignore[union-attr]
        block.attn.fused_attn = False
        handles.append(block.attn.attn_drop.register_forward_hook(lambda _m, _i, output: maps.append(output)))
    logits = module(asked.gate.network.preprocess(asked.batch.x[[sample]]))
    for handle in handles:
        handle.remove()
    target = int(asked.batch.target[sample])
    score = logits.softmax(1) if (readout or asked.gate.readout) == "probability" else logits
    gradients = torch.autograd.grad(score[0, target], maps)
    return [each[0].detach() for each in maps], [each[0] for each in gradients]


def reads(asked: Question) -> list[int]:
    """Return the tokens that the head of a timm transformer reads."""
    module = asked.gate.module
    prefix, count = module.num_prefix_tokens, 12 + module.num_prefix_tokens  # type: ignore[operator]
    return [0] if module.global_pool == "token" else list(range(prefix, count))  # type: ignore[arg-type]


def raw_attention(maps: list[Tensor], _gradients: list[Tensor]) -> Tensor:
    """The last block's, averaged over heads."""
    return sum(maps[-1]) / 2  # type: ignore[return-value]


def attention_rollout(maps: list[Tensor], _gradients: list[Tensor]) -> Tensor:
    """Equation 1 of the paper, one block after the other."""
    rollout = torch.eye(maps[0].shape[1]).double()
    for block in maps:
        rollout = (0.5 * (block[0] + block[1]) / 2 + 0.5 * torch.eye(len(rollout))) @ rollout
    return rollout


def attention_x_gradient(maps: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """One number after the other."""
    product = torch.zeros_like(maps[-1][0])
    for head in range(2):
        for i in range(len(product)):
            for j in range(len(product)):
                product[i, j] += maps[-1][head, i, j] * gradients[-1][head, i, j] / 2
    return product


def generic_attention(maps: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """Equations 5 and 6: R becomes R and what the block adds to it."""
    relevance = torch.eye(maps[0].shape[1]).double()
    for block, slopes in zip(maps, gradients, strict=True):
        added = (block[0] * slopes[0]).clamp(min=0) / 2 + (block[1] * slopes[1]).clamp(min=0) / 2
        relevance = relevance + added @ relevance
    return relevance


SLOW = {f.__name__: f for f in (raw_attention, attention_rollout, attention_x_gradient, generic_attention)}


def on_picture(asked: Question, tokens: Tensor, bilinear: Bilinear) -> Tensor:
    coarse = tokens[asked.gate.module.num_prefix_tokens :].reshape(3, 4)  # type: ignore[misc]
    return torch.tensor(bilinear(coarse.tolist(), *asked.batch.x.shape[2:]), dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("readout", ["logit", "probability"])
@pytest.mark.parametrize("name", SLOW)
def test_equals_loops_by_hand(bilinear: Bilinear, name: str, readout: str, kind: str) -> None:
    asked = question(readout, **KINDS[kind])  # type: ignore[arg-type]
    module = deepcopy(asked.gate.module)
    for sample, fine in enumerate(found(name, asked)):
        way = SLOW[name](*inside(module, asked, sample, "logit" if name == "generic_attention" else ""))
        tokens = sum(way[row] for row in reads(asked)) / len(reads(asked))
        torch.testing.assert_close(fine, on_picture(asked, tokens, bilinear), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_le_grad_equals_networks_that_end_behind_each_block(bilinear: Bilinear, kind: str) -> None:
    asked = question("probability", **KINDS[kind])  # type: ignore[arg-type]
    for sample, fine in enumerate(found("le_grad", asked)):
        total = torch.zeros(12 + asked.gate.module.num_prefix_tokens).double()  # type: ignore[operator]
        for last in range(3):
            short = deepcopy(asked.gate.module)
            short.blocks = short.blocks[: last + 1]  # type: ignore[index]
            short.norm = nn.Sequential(MeanToken(), short.norm)  # type: ignore[arg-type]
            _, gradients = inside(short, asked, sample, "logit")
            for head in gradients[-1]:
                for row in head.clamp(min=0):
                    total += row / (3 * 2 * len(total))
        torch.testing.assert_close(fine, on_picture(asked, total, bilinear), rtol=1e-8, atol=1e-12)


def test_generic_attention_follows_the_readout_it_is_told() -> None:
    asked = question("probability")
    assert found("generic_attention", asked).equal(found("generic_attention", question("logit"), readout=""))
    assert not found("generic_attention", asked).equal(found("generic_attention", asked, readout=""))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fused", [True, False])
def test_fused_attention_changes_nothing(name: str, fused: bool) -> None:
    asked = question()
    expected = found(name, asked)
    for block in asked.gate.module.blocks:  # type: ignore[union-attr]
        assert block.attn.fused_attn
        block.attn.fused_attn = fused
    torch.testing.assert_close(found(name, asked), expected)


@pytest.mark.parametrize("name", NAMES)
def test_bills_one_pass_forward_and_back(name: str) -> None:
    asked = question()
    cost = explain(Asked(methods[name], {}), asked.gate, asked.batch)[1]
    assert (cost.forward, cost.backward) == (4, 4)


@pytest.mark.parametrize("name", NAMES)
def test_only_effects_on_the_score_follow_the_target(name: str) -> None:
    asked = question()
    other = replace(asked, batch=replace(asked.batch, target=(asked.batch.target + 1) % 3))
    same = found(name, asked).equal(found(name, other))
    assert same == (name in ("raw_attention", "attention_rollout"))


@pytest.mark.parametrize("name", NAMES)
def test_works_on_the_layers_of_torch(layered: Ask, name: str) -> None:
    """`nn.TransformerEncoderLayer` with a class token; LeGrad does not know where its blocks and its head are."""
    if name == "le_grad":
        with pytest.raises(Refused, match="and Tokens is built otherwise"):
            found(name, layered("tokens"))
    else:
        assert found(name, layered("tokens")).any()


@pytest.mark.parametrize("name", NAMES)
def test_refuses_networks_without_attention_between_all_tokens(layered: Ask, name: str) -> None:
    with pytest.raises(Refused, match=r"no attention of all tokens|built otherwise"):
        found(name, layered("picture"))
    swin = {"img_size": 32, "window_size": 2, "embed_dim": 8, "depths": (1, 1, 2, 1), "num_classes": 3}
    module = seeded(lambda: timm.create_model("swin_tiny_patch4_window7_224", **swin)).eval()
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    batch = Batch(("a", "b"), x, torch.tensor([0, 1]), grid_units(x, 8), torch.zeros_like(x))
    with pytest.raises(Refused, match=r"no attention of all tokens|built otherwise"):
        found(name, Question(Gate(adapt(module)), batch))


@pytest.mark.parametrize("kind", ["class_token", "average"])
@pytest.mark.parametrize("name", ["raw_attention", "attention_rollout"])
def test_a_saturated_score_is_read_like_any_other(name: str, kind: str) -> None:
    """Where no gradient says which tokens are read, the class token is; without one, all are, which is right here."""
    asked = question("probability", **KINDS[kind])  # type: ignore[arg-type]
    expected = found(name, asked)
    with torch.no_grad():
        asked.gate.module.head.bias.copy_(torch.tensor([1e4, 0, 0]))  # type: ignore[union-attr]
    batch = replace(asked.batch, target=torch.zeros(4, dtype=torch.int64))
    assert not asked.gate.gradient(batch.x, batch.target).any()
    torch.testing.assert_close(found(name, replace(asked, batch=batch)), expected)


def test_le_grad_refuses_a_transformer_that_does_more_behind_its_blocks() -> None:
    class More(type(transformer())):  # type: ignore[misc]
        def forward_features(self, x: Tensor, **told: object) -> Tensor:
            features: Tensor = super().forward_features(x, **told) * 2
            return features

    asked = question()
    asked.gate.module.__class__ = More
    with pytest.raises(Refused, match="and More is built otherwise"):
        found("le_grad", asked)
