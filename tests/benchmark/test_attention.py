"""Attention maps: what a network computes unfused, whichever way it does, and their gradients by finite differences."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from heatproof.benchmark import Cost, Gate, Network, Refused
from heatproof.benchmark.attention import Attentions, attend
from heatproof.models._torchvision import timm

N, T, WIDTH, HEADS = 3, 5, 8, 2


def drawn(*shape: int, seed: int = 71) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(72)
        return build().double().eval()


def gate(module: nn.Module, batch_size: int = 0, readout: str = "logit") -> Gate:
    """Put a network of tokens (N, T, width) behind a gate; its layers are not looked into."""
    return Gate(
        Network(module, layers=lambda: ("0",), grid=lambda tokens: tokens[:, 1:].mT[..., None]), readout, batch_size
    )


class Plain(nn.Module):
    """One attention after the other, each written out, with something to add to its map; then a head on token 0."""

    def __init__(self, blocks: int = 2) -> None:
        super().__init__()
        self.qkv = nn.ModuleList(nn.Linear(WIDTH, 3 * WIDTH) for _ in range(blocks))
        self.head = nn.Linear(WIDTH, 4)
        self.more = [torch.zeros(HEADS, T, T).double() for _ in range(blocks)]
        self.maps: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.maps = []
        for qkv, more in zip(self.qkv, self.more, strict=True):
            q, k, v = qkv(x).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
            self.maps.append((q @ k.mT / (WIDTH / HEADS) ** 0.5).softmax(-1))
            x = x + ((self.maps[-1] + more) @ v).transpose(1, 2).flatten(2)
        logits: Tensor = self.head(x[:, 0])
        return logits


class Fused(Plain):
    """The same network with fused attention."""

    def forward(self, x: Tensor) -> Tensor:
        for qkv in self.qkv:
            q, k, v = qkv(x).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
            x = x + scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        logits: Tensor = self.head(x[:, 0])
        return logits


@pytest.mark.parametrize("kind", [Plain, Fused])
def test_maps_are_those_of_the_plain_computation(kind: type[Plain]) -> None:
    x, target = drawn(N, T, WIDTH), torch.tensor([0, 3, 1])
    plain = seeded(Plain)
    plain(x)
    maps, _ = gate(seeded(kind)).attention(x, target)
    assert maps.shape == (N, 2, HEADS, T, T)
    torch.testing.assert_close(maps, torch.stack(plain.maps, 1).detach())  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Plain, Fused])
@pytest.mark.parametrize("readout", ["logit", "probability"])
def test_gradients_are_those_of_finite_differences(kind: type[Plain], readout: str) -> None:
    """Every entry of a map is moved by itself, for all samples at once."""
    x, target = drawn(N, T, WIDTH), torch.tensor([0, 3, 1])
    moved = seeded(Plain)
    _, gradients = gate(seeded(kind), readout=readout).attention(x, target)
    ask = gate(moved, readout=readout)
    for block, more in enumerate(moved.more):  # type: ignore[arg-type]
        for place in range(more.numel()):
            sides = []
            for step in (1e-5, -1e-5):
                more.view(-1)[place] = step
                sides.append(ask.score(x, target))
            more.view(-1)[place] = 0
            slope = (sides[0] - sides[1]) / 2e-5
            torch.testing.assert_close(gradients[:, block].flatten(1)[:, place], slope, rtol=1e-5, atol=1e-8)


MASKS = {
    "none": None,
    "bool": torch.ones(T, T, dtype=torch.bool).tril(),
    "float": drawn(T, T),
    "of each head": drawn(1, HEADS, T, T),
}


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_fused_attention_step_by_step_is_what_torch_computes(mask: Tensor | None, scale: float | None) -> None:
    q, k, v = drawn(3, N, HEADS, T, 4)
    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    torch.testing.assert_close(attend(q, k, v, mask, scale=scale), expected)
    with Attentions() as seen:
        watched = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    torch.testing.assert_close(watched, expected)
    (found,) = seen.maps
    torch.testing.assert_close(found @ v, expected)
    torch.testing.assert_close(found.sum(-1), torch.ones(N, HEADS, T).double())


class Multi(nn.Module):
    """`nn.MultiheadAttention`, and a head on token 0."""

    def __init__(self, batch_first: bool = True, told: dict[str, Tensor] | None = None, **settings: object) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=batch_first, **settings)  # type: ignore[arg-type]
        self.head, self.batch_first, self.told = nn.Linear(WIDTH, 4), batch_first, told or {}

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.batch_first else x.transpose(0, 1)
        x, _ = self.attention(x, x, x, **self.told)
        logits: Tensor = self.head(x[:, 0] if self.batch_first else x[0])
        return logits


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_maps_of_multi_head_attention_are_the_weights_that_it_can_return(batch_first: bool, bias: bool) -> None:
    module = seeded(lambda: Multi(batch_first, bias=bias))
    x, target = drawn(N, T, WIDTH), torch.tensor([0, 3, 1])
    maps, gradients = gate(module).attention(x, target)
    tokens = x if batch_first else x.transpose(0, 1)
    weights = module.attention(tokens, tokens, tokens, average_attn_weights=False)[1]  # type: ignore[operator]
    torch.testing.assert_close(maps[:, 0], weights.detach())
    value = x @ module.attention.in_proj_weight[2 * WIDTH :].T  # type: ignore[index,union-attr]
    value = (value + (module.attention.in_proj_bias[2 * WIDTH :] if bias else 0)).unflatten(2, (HEADS, -1))  # type: ignore[index,union-attr]
    ahead = (module.head.weight[target] @ module.attention.out_proj.weight).unflatten(1, (HEADS, -1))  # type: ignore[index,union-attr,operator]
    torch.testing.assert_close(gradients[:, 0, :, 0], torch.einsum("nhd,nthd->nht", ahead, value).detach())
    assert not gradients[:, 0, :, 1:].any()


def test_logits_stay_while_maps_are_watched() -> None:
    x = drawn(N, T, WIDTH)
    for module in (seeded(Fused), seeded(Multi), encoder()):
        with torch.no_grad():
            expected = module(x)
        with Attentions() as seen:
            torch.testing.assert_close(module(x), expected)
        assert len(seen.maps) == (1 if isinstance(module, Multi) else 2)


def encoder() -> nn.Module:
    """Return two of torch's encoder layers and a head on all tokens, which torch would compute in one fused step."""

    class Encoder(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self[1](self[0](x).mean(1))
            return logits

    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 12, batch_first=True)
    return seeded(lambda: Encoder(nn.TransformerEncoder(layer, 2), nn.Linear(WIDTH, 4)))


def test_maps_of_encoder_layers_are_the_weights_of_their_attention() -> None:
    module = encoder()
    x = drawn(N, T, WIDTH)
    maps, gradients = gate(module).attention(x, torch.zeros(N, dtype=torch.int64))
    for block, layer in enumerate(module[0].layers):  # type: ignore[index,union-attr]
        weights = layer.self_attn(x, x, x, average_attn_weights=False)[1]
        torch.testing.assert_close(maps[:, block], weights.detach())
        x = layer(x)
    assert gradients.any((0, 2, 3, 4)).all()


@pytest.mark.parametrize("fused", [True, False])
def test_maps_of_timm_are_what_is_dropped_out_unfused(fused: bool) -> None:
    shape = {"img_size": 8, "patch_size": 4, "embed_dim": 8, "depth": 2, "num_heads": 2, "num_classes": 4}
    module = seeded(lambda: timm.create_model("vit_tiny_patch16_224", **shape))
    x, target = drawn(N, 3, 8, 8), torch.tensor([0, 3, 1])
    kept: list[Tensor] = []
    for block in module.blocks:  # type: ignore[union-attr]
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _m, _i, output: kept.append(output))
    score = module(x).gather(1, target[:, None]).sum()
    expected = torch.stack(kept, 1).detach(), torch.stack(torch.autograd.grad(score, kept), 1)
    for block in module.blocks:  # type: ignore[union-attr]
        block.attn.fused_attn = fused
    found = gate(module).attention(x, target)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("size", [1, 2, 0])
def test_batches_change_nothing_and_every_pass_is_billed(size: int) -> None:
    x, target = drawn(N, T, WIDTH), torch.tensor([0, 3, 1])
    ask = gate(seeded(Fused), size)
    torch.testing.assert_close(ask.attention(x, target), gate(seeded(Fused)).attention(x, target))
    assert ask.meter.cost() == Cost(N, N)


def test_places_are_where_the_patches_of_tokens_are() -> None:
    tokens = drawn(N, T)
    assert gate(seeded(Fused)).places(tokens).equal(tokens[:, 1:].reshape(N, 1, T - 1, 1))


def test_a_softmax_of_another_shape_is_no_attention() -> None:
    with Attentions() as seen:
        drawn(N, T).softmax(1)
        torch.softmax(drawn(N, HEADS, T, T + 1), -1)
        nn.functional.softmax(drawn(N, T, T), -1)
    assert not seen.maps


@pytest.mark.parametrize("told", [{"is_causal": True}, {"enable_gqa": True}], ids=["causal", "grouped"])
def test_causal_and_grouped_attention_is_what_torch_computes(told: dict[str, bool]) -> None:
    q, k, v = drawn(3, N, HEADS, T, 4)
    if "enable_gqa" in told:
        k, v = k[:, :1], v[:, :1]
    with Attentions() as seen:
        answer = scaled_dot_product_attention(q, k, v, **told)
    torch.testing.assert_close(answer, scaled_dot_product_attention(q, k, v, **told))
    assert len(seen.maps) == 1
    torch.testing.assert_close(seen.maps[0].sum(-1), torch.ones_like(seen.maps[0][..., 0]))


class Separate(Multi):
    """Keys and values of another width, which have projections of their own."""

    def __init__(self) -> None:
        super().__init__(kdim=4, vdim=4)

    def forward(self, x: Tensor) -> Tensor:
        some = x[..., :4]
        logits: Tensor = self.head(self.attention(x, some, some)[0][:, 0])
        return logits


PECULIAR: dict[str, Callable[[], nn.Module]] = {
    "a mask": lambda: Multi(told={"attn_mask": torch.zeros(T, T, dtype=torch.bool)}),
    "a mask of keys": lambda: Multi(told={"key_padding_mask": torch.zeros(N, T, dtype=torch.bool)}),
    "extra keys": lambda: Multi(add_bias_kv=True),
    "a zero key": lambda: Multi(add_zero_attn=True),
    "separate projections": Separate,
}


@pytest.mark.parametrize("kind", PECULIAR)
def test_refuses_multi_head_attention_that_it_does_not_take_apart(kind: str) -> None:
    module = seeded(PECULIAR[kind])
    with pytest.raises(Refused, match="masks, extra keys or separate projections is not taken apart here"):
        gate(module).attention(drawn(N, T, WIDTH), torch.zeros(N, dtype=torch.int64))


class Windows(nn.Module):
    """Attention within pairs of tokens only."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        pairs = x[:, :4].reshape(-1, 1, 2, WIDTH)
        logits: Tensor = self.head(((pairs @ pairs.mT).softmax(-1) @ pairs).reshape(len(x), 4, WIDTH).mean(1))
        return logits


def test_refuses_networks_without_attention_of_all_tokens_to_all_others() -> None:
    x, target = drawn(N, T, WIDTH), torch.zeros(N, dtype=torch.int64)
    for module in (nn.Sequential(nn.Flatten(), nn.Linear(T * WIDTH, 4)), Windows()):
        with pytest.raises(Refused, match="the model has no attention of all tokens to all others"):
            gate(module.double()).attention(x, target)


def test_a_network_without_layers_has_no_attention_to_ask_for() -> None:
    with pytest.raises(Refused, match="needs a Layered model"):
        Gate(Network(seeded(Fused))).attention(drawn(N, T, WIDTH), torch.zeros(N, dtype=torch.int64))


def test_nothing_is_watched_any_more_after_a_failure() -> None:
    with pytest.raises(RuntimeError, match="size"), Attentions() as seen:
        scaled_dot_product_attention(*drawn(3, N, HEADS, T, 4)[:2], drawn(N, HEADS, T + 1, 4))
    before = len(seen.maps)
    drawn(N, HEADS, T, T).softmax(-1)
    assert len(seen.maps) == before
