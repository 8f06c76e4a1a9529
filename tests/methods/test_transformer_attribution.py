"""Transformer attribution against relevance that is propagated by hand through every step of a transformer."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate

from heatproof.benchmark import Batch, Gate, Refused, grid_units, methods
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.models._torchvision import timm
from heatproof.models.adapters import adapt

Ask = Callable[..., Question]


def transformer() -> nn.Module:
    shape = {"img_size": 12, "patch_size": 4, "embed_dim": 8, "depth": 3, "num_heads": 2, "num_classes": 3}
    module = timm.create_model("vit_tiny_patch16_224", **shape).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    return module.eval()


def question(readout: str = "logit") -> Question:
    x = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(51))
    network = adapt(seeded(transformer), preprocess=lambda x: 2 * x.double() - 1, example=x)
    assert network.layers(), "looked for now, in the network as it is"
    batch = Batch(tuple("abcd"), x, torch.tensor([0, 2, 1, 0]), grid_units(x, 4), torch.zeros_like(x))
    return Question(Gate(network, readout), batch)


def found(asked: Question) -> Tensor:
    attribution: Tensor = methods["transformer_attribution"].function(asked.gate, asked.batch.x, asked.batch.target)
    return attribution[:, 0]


def positive(x: Tensor, layer: nn.Linear, relevance: Tensor) -> Tensor:
    """Share the relevance of each output (T, J) among its positive contributions, one output after the other."""
    shares = torch.zeros_like(x)
    for token in range(len(x)):
        for j, weight in enumerate(layer.weight.detach()):
            contributions = (x[token] * weight).clamp(min=0)
            if contributions.sum() > 0:
                shares[token] += contributions / contributions.sum() * relevance[token, j]
    return shares


def apportioned(a: Tensor, b: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Share by contribution, then scale each part to its own share of the whole (equations 8 and 9)."""
    parts = a / (a + b) * relevance, b / (a + b) * relevance
    size = abs(float(parts[0].sum())) + abs(float(parts[1].sum()))
    first, second = (part * abs(float(part.sum())) / size * relevance.sum() / part.sum() for part in parts)
    return first, second


def product(a: Tensor, b: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Share the relevance of a @ b: half to each factor, by contribution."""
    slope = relevance / (a @ b)
    return a * (slope @ b.mT) / 2, b * (a.mT @ slope) / 2


class Block:
    """A block of a transformer on one sample, forward with all that it needs to share relevance backward."""

    def __init__(self, block: nn.Module, x: Tensor) -> None:
        self.block, self.x = block, x
        self.norm1 = block.norm1(x)
        self.q, self.k, self.v = block.attn.qkv(self.norm1).reshape(len(x), 3, 2, 4).permute(1, 2, 0, 3)
        self.scores = self.q @ self.k.mT / 2
        self.attention = self.scores.softmax(-1)
        self.mixed = self.attention @ self.v
        self.concat = self.mixed.permute(1, 0, 2).reshape(len(x), 8)
        self.attended = block.attn.proj(self.concat)
        self.middle = x + self.attended
        self.norm2 = block.norm2(self.middle)
        self.wide = block.mlp.fc1(self.norm2)
        self.fed = block.mlp.fc2(gelu(self.wide))
        self.output = self.middle + self.fed

    def back(self, relevance: Tensor) -> tuple[Tensor, Tensor]:
        """Return the relevance of the attention map and of the block's input."""
        past, fed = apportioned(self.middle, self.fed, relevance)
        wide = positive(gelu(self.wide), self.block.mlp.fc2, fed)
        middle = past + positive(self.norm2, self.block.mlp.fc1, wide)
        past, attended = apportioned(self.x, self.attended, middle)
        mixed = positive(self.concat, self.block.attn.proj, attended).reshape(len(self.x), 2, 4).permute(1, 0, 2)
        attention, value = product(self.attention, self.v, mixed)
        slope = attention / self.attention
        scores = self.scores * self.attention * (slope - (slope * self.attention).sum(-1, keepdim=True))
        query, key = product(self.q / 2, self.k.mT, scores)
        parts = torch.stack([query, key.mT, value]).permute(2, 0, 1, 3).reshape(len(self.x), 24)
        return attention, past + positive(self.norm1, self.block.attn.qkv, parts)


def by_hand(asked: Question, sample: int) -> Tensor:
    """Return the relevance of the patches to the class token, (3, 3)."""
    module, target = asked.gate.module, int(asked.batch.target[sample])
    tokens = module.norm_pre(module._pos_embed(module.patch_embed(2 * asked.batch.x[[sample]].double() - 1)))[0]
    blocks: list[Block] = []
    for block in module.blocks:
        blocks.append(Block(block, blocks[-1].output if blocks else tokens))
    features = module.norm(blocks[-1].output)
    score = module.head(features[0])[target]
    gradients = torch.autograd.grad(score, [block.attention for block in blocks], retain_graph=True)
    relevance = torch.zeros_like(features)
    relevance[:1] = positive(
        features[:1].detach(), module.head, nn.functional.one_hot(torch.tensor([target]), 3).double()
    )
    steps = []
    for block, gradient in zip(blocks[::-1], gradients[::-1], strict=True):
        with torch.no_grad():
            attention, relevance = block.back(relevance)
        steps.append(torch.eye(10) + (gradient * attention).clamp(min=0).mean(0))
    rollout = torch.eye(10).double()
    for step in steps[::-1]:
        rollout = step.double() @ rollout
    return rollout[0, 1:].reshape(3, 3).detach()


def test_equals_relevance_propagated_by_hand() -> None:
    asked = question()
    for sample, fine in enumerate(found(asked)):
        coarse = by_hand(asked, sample)
        expected = interpolate(coarse[None, None], (12, 12), mode="bilinear")[0, 0]
        torch.testing.assert_close(fine, expected, rtol=1e-4, atol=1e-7)


def test_is_that_of_the_logit_whatever_the_task_reads() -> None:
    assert found(question("probability")).equal(found(question("logit")))


def test_relevance_does_not_depend_on_the_size_of_the_logit() -> None:
    """It starts at 1; so twice the head's weights double the gradient, and leave the relevance as it is."""
    asked = question()
    once = found(asked)
    with torch.no_grad():
        asked.gate.module.head.weight *= 2
        asked.gate.module.head.bias *= 2
    expected = torch.stack([by_hand(asked, sample) for sample in range(4)])
    twice = found(asked)
    torch.testing.assert_close(
        twice, interpolate(expected[:, None], (12, 12), mode="bilinear")[:, 0], rtol=1e-4, atol=1e-7
    )
    assert not torch.allclose(once, twice)


def test_bills_two_passes_forward_and_back() -> None:
    asked = question()
    cost = explain(Asked(methods["transformer_attribution"], {}), asked.gate, asked.batch)[1]
    assert (cost.forward, cost.backward) == (8, 8)


def test_works_on_the_layers_of_torch_and_refuses_what_does_not_attend(layered: Ask) -> None:
    assert found(layered("tokens")).any()
    with pytest.raises(Refused, match="the model has no attention of all tokens"):
        found(layered("picture"))
