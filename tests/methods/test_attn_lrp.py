"""AttnLRP against the paper's propositions, step by step in relevance, on one block of a transformer."""

from math import sqrt

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, methods
from heatproof.benchmark.checks._questions import seeded
from heatproof.models.creatures import vit


class Block(nn.Module):
    """Attention with one head and a perceptron, both behind layer norms and beside residual connections."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(3, 6), nn.Linear(6, 3)
        self.norms = nn.ModuleList([nn.LayerNorm(6), nn.LayerNorm(6)])
        self.q, self.k, self.v, self.out = (nn.Linear(6, 6) for _ in range(4))
        self.up, self.down = nn.Linear(6, 8), nn.Linear(8, 6)
        for norm in self.norms:
            nn.init.normal_(norm.weight, 1.0, 0.3)
            nn.init.normal_(norm.bias, 0.0, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.reshape(len(x), 4, 3))
        y = self.norms[0](x)
        x = x + self.out(nn.functional.scaled_dot_product_attention(self.q(y), self.k(y), self.v(y)))
        x = x + self.down(nn.functional.gelu(self.up(self.norms[1](x))))
        logits: Tensor = self.head(x.mean(1))
        return logits


def linear(layer: nn.Linear, x: Tensor, relevance: Tensor) -> Tensor:
    """Proposition: R_i = Σ_j W_ji x_i / z_j R_j."""
    result = torch.zeros_like(x)
    for token, row in enumerate(x):
        z = layer(row)
        for j in range(len(z)):
            share = layer.weight[j] * row / z[j]
            result[token] += share * relevance[token, j]
    return result


def norm(layer: nn.LayerNorm, x: Tensor, relevance: Tensor) -> Tensor:
    """The standard deviation is a constant; the shift takes its part, and the mean is a linear step."""
    centred = x - x.mean(1, keepdim=True)
    scaled = centred / (centred.square().mean(1, keepdim=True) + layer.eps).sqrt() * layer.weight
    inner = scaled / (scaled + layer.bias) * relevance
    result = torch.zeros_like(x)
    for token, row in enumerate(x):
        for i in range(6):
            for j in range(6):
                mixed = (float(i == j) - 1 / 6) * row[i]
                result[token, i] += mixed / centred[token, j] * inner[token, j]
    return result


def attention(q: Tensor, k: Tensor, v: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Proposition: halves in both products; at the softmax R_i = x_i (R_i − s_i Σ_j R_j)."""
    scores = q @ k.T / sqrt(6)
    weights = scores.softmax(1)
    output = weights @ v
    to_weights, to_v = torch.zeros_like(weights), torch.zeros_like(v)
    for j in range(4):
        for i in range(4):
            for p in range(6):
                share = weights[j, i] * v[i, p] / (2 * output[j, p]) * relevance[j, p]
                to_weights[j, i] += share
                to_v[i, p] += share
    to_scores = scores * (to_weights - weights * to_weights.sum(1, keepdim=True))
    to_q, to_k = torch.zeros_like(q), torch.zeros_like(k)
    for j in range(4):
        for i in range(4):
            for p in range(6):
                share = q[j, p] * k[i, p] / sqrt(6) / (2 * scores[j, i]) * to_scores[j, i]
                to_q[j, p] += share
                to_k[i, p] += share
    return to_q, to_k, to_v


def by_steps(block: Block, x: Tensor, target: int) -> Tensor:
    tokens = x.reshape(4, 3)
    embedded = block.embed(tokens)
    normal = block.norms[0](embedded)
    q, k, v = block.q(normal), block.k(normal), block.v(normal)
    attended = (q @ k.T / sqrt(6)).softmax(1) @ v
    added = block.out(attended)
    middle = embedded + added
    second = block.norms[1](middle)
    hidden = block.up(second)
    active = nn.functional.gelu(hidden)
    moved = block.down(active)
    last = middle + moved
    mean = last.mean(0, keepdim=True)
    logits = block.head(mean)
    relevance = linear(block.head, mean, logits * nn.functional.one_hot(torch.tensor([target]), 3))
    relevance = last / 4 / mean * relevance
    to_middle, to_moved = middle / last * relevance, moved / last * relevance
    to_hidden = linear(block.down, active, to_moved)  # what acts on each value alone passes relevance
    to_middle = to_middle + norm(block.norms[1], middle, linear(block.up, second, to_hidden))
    to_embedded, to_added = embedded / middle * to_middle, added / middle * to_middle
    parts = attention(q, k, v, linear(block.out, attended, to_added))
    layers = block.q, block.k, block.v
    to_normal = sum((linear(layer, normal, part) for layer, part in zip(layers, parts, strict=True)), start=0 * normal)
    to_embedded = to_embedded + norm(block.norms[0], embedded, to_normal)
    return linear(block.embed, tokens, to_embedded).flatten()


def given(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.4


def test_equals_the_propositions_step_by_step() -> None:
    block, x, target = seeded(Block).double(), given(3, 12), torch.arange(3)
    settings = {"gamma_convolution": 0.0, "gamma_linear": 0.0}
    maps = methods["attn_lrp"].function(Gate(Network(block)), x, target, **settings)
    with torch.no_grad():
        expected = torch.stack([by_steps(block, row, k) for k, row in enumerate(x)])
    torch.testing.assert_close(maps, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["attn_lrp", "lrp_epsilon", "lrp_gamma"])
def test_attention_that_is_not_fused_has_the_same_map(name: str) -> None:
    module, x, target = seeded(vit).double().eval(), given(2, 3, 64, 64), torch.tensor([0, 1])
    gate = Gate(Network(module))
    fused = methods[name].function(gate, x, target)
    for block in module.blocks:
        assert block.attn.fused_attn
        block.attn.fused_attn = False
    torch.testing.assert_close(methods[name].function(gate, x, target), fused, rtol=1e-7, atol=1e-10)


def test_classical_relevance_takes_attention_for_a_constant() -> None:
    """Values and their weights alone: queries and keys get nothing (arXiv:2202.07304)."""
    block, x, target = seeded(Block).double(), given(3, 12), torch.arange(3)
    expected = methods["lrp_epsilon"].function(Gate(Network(block)), x, target)

    class Fixed(Block):
        def __init__(self) -> None:
            super().__init__()
            self.load_state_dict(block.state_dict())

        def forward(self, x: Tensor) -> Tensor:
            x = self.embed(x.reshape(len(x), 4, 3))
            y = self.norms[0](x)
            weights = (self.q(y) @ self.k(y).transpose(1, 2) / sqrt(6)).softmax(2).detach()
            x = x + self.out(weights @ self.v(y))
            x = x + self.down(nn.functional.gelu(self.up(self.norms[1](x))))
            return self.head(x.mean(1))  # type: ignore[no-any-return]

    torch.testing.assert_close(methods["lrp_epsilon"].function(Gate(Network(Fixed().double())), x, target), expected)
