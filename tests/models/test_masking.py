from functools import cache
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional

from heatproof.benchmark import Gate, Refused, models, read_logits
from heatproof.models._masked_tensor import Masked, hide, padded
from heatproof.models._torchvision import timm
from heatproof.models.adapters import Pixels, adapt
from heatproof.models.masking import maskings, token_dropping

torch.set_num_threads(1)

HALF = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(module, seed=0):
    """The module with every parameter and running statistic drawn at random, so that nothing is zero or one."""
    with torch.no_grad():
        for value in (*module.parameters(), *module.buffers()):
            if value.is_floating_point():
                value.add_(0.15 * torch.randn(value.shape, generator=generator(seed)).to(value))
    return module.eval()


def images(count=2, size=(64, 64), seed=0):
    return torch.rand(count, 3, *size, generator=generator(seed))


def squares(count, size, side, seed=1):
    """Masks (N, H, W) of which every square of `side` pixels is kept or hidden as a whole."""
    chosen = torch.rand(count, size[0] // side, size[1] // side, generator=generator(seed)) < 0.5
    return chosen.repeat_interleave(side, 1).repeat_interleave(side, 2)


def masked_logits(module, x, kept, preprocess=nn.Identity()):  # noqa: B008 - it has no state
    (masking,) = maskings(module, preprocess).values()
    return read_logits(masking(x, kept.reshape(len(x), -1)))


# A layer masking by plain loops, of one sample: x[channel][row][column], shown[row][column].


def around(row, column, shape):
    near = product(range(row - 1, row + 2), range(column - 1, column + 2))
    return [(i, j) for i, j in near if 0 <= i < shape[0] and 0 <= j < shape[1]]


def filled(x, shown, rings):
    known = {place for place in product(*map(range, shown.shape)) if shown[place]}
    x = x * shown
    for _ in range(rings):
        ring = {}
        for place in set(product(*map(range, shown.shape))) - known:
            if near := [x[:, i, j] for i, j in around(*place, shown.shape) if (i, j) in known]:
                ring[place] = torch.stack(near).mean(0)
        for (row, column), value in ring.items():
            x[:, row, column] = value
        known |= set(ring)
    return x


def window(row, column, layer):
    """The places that an output place sees, and with which weight; places outside the picture included."""
    size, stride, padding, dilation = (
        value if isinstance(value, tuple) else (value, value)
        for value in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    for i, j in product(range(size[0]), range(size[1])):
        yield (
            (i, j),
            (row * stride[0] - padding[0] + i * dilation[0], column * stride[1] - padding[1] + j * dilation[1]),
        )


def inside(place, shape):
    return 0 <= place[0] < shape[0] and 0 <= place[1] < shape[1]


def by_loops(layer, x, shown):
    """A convolution or a maximum pooling of the shown places."""
    convolves = isinstance(layer, nn.Conv2d)
    shape = layer(x[None]).shape[1:]
    out, seen = torch.zeros(shape, dtype=x.dtype), torch.zeros(shape[1:], dtype=torch.bool)
    full = filled(x, shown, 20) if convolves else x
    for row, column in product(range(shape[1]), range(shape[2])):
        places = [(at, place) for at, place in window(row, column, layer) if inside(place, shown.shape)]
        visible = [place for _, place in places if shown[place]]
        if not visible:
            continue
        seen[row, column] = True
        if not convolves:
            out[:, row, column] = torch.stack([x[:, i, j] for i, j in visible]).amax(0)
            continue
        group = shape[0] // layer.groups
        for channel in range(shape[0]):
            first = channel // group * layer.weight.shape[1]
            inputs = range(first, first + layer.weight.shape[1])
            terms = [layer.weight[channel, k - first][at] * full[k][place] for at, place in places for k in inputs]
            out[channel, row, column] = sum(terms) + layer.bias[channel]
    return out, seen


class Toy(nn.Module):
    """Two convolutions, a pooling and a linear reading, with functional activations."""

    def __init__(self, first, pool, second):
        super().__init__()
        self.first, self.pool, self.second = first, pool, second
        self.head = nn.Linear(second.out_channels, 2)

    def forward(self, x):
        x = self.pool(torch.relu(self.first(x)))
        x = functional.elu(self.second(x), inplace=True)
        return self.head(x.mean((2, 3)))

    def by_loops(self, x, shown):
        x, shown = by_loops(self.first, x, shown)
        x, shown = by_loops(self.pool, torch.relu(x), shown)
        x, shown = by_loops(self.second, x, shown)
        places = [x[:, i, j] for i, j in product(*map(range, shown.shape)) if shown[i, j]]
        return self.head(torch.stack([functional.elu(value) for value in places]).mean(0))


TOYS = {
    "plain": ({"kernel_size": 3, "padding": 1}, {"kernel_size": 2}, {"kernel_size": 3, "padding": 1}),
    "strided": (
        {"kernel_size": 5, "stride": 2, "padding": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 1, "stride": 2},
    ),
    "dilated": (
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": 2, "stride": 1, "dilation": 2},
        {"kernel_size": 3, "padding": 3, "dilation": 3},
    ),
    "uneven": (
        {"kernel_size": (3, 1), "padding": (1, 0)},
        {"kernel_size": (1, 3), "stride": (1, 2), "padding": (0, 1)},
        {"kernel_size": (2, 3), "stride": (2, 1), "dilation": (1, 2), "groups": 2},
    ),
}


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("seed", [0, 1])
def test_layer_masking_is_what_plain_loops_make_of_the_shown_places(name, seed):
    first, pool, second = TOYS[name]
    toy = drawn(Toy(nn.Conv2d(3, 4, **first), nn.MaxPool2d(**pool), nn.Conv2d(4, 4, **second)).double(), seed)
    x, kept = images(2, (12, 12), seed).double() - 0.5, squares(2, (12, 12), 3, seed)
    kept[1] = False
    kept[1, 3, 8] = True
    expected = torch.stack([toy.by_loops(*sample) for sample in zip(x, kept, strict=True)])
    torch.testing.assert_close(masked_logits(toy, x, kept), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rings", [0, 1, 3])
def test_neighbours_fill_ring_by_ring(rings):
    x, shown = images(1, (9, 7))[0].double(), squares(1, (9, 9), 3)[0, :, :7]
    given = padded((x * shown)[None], shown[None, None], rings)[0]
    torch.testing.assert_close(given, filled(x, shown, rings), rtol=1e-12, atol=0)


def test_a_dilated_convolution_is_shown_where_its_kernel_saw_something():
    x = hide(torch.ones(1, 1, 9, 9), torch.eye(81).bool()[40].reshape(1, 1, 9, 9))
    shown = functional.conv2d(x, torch.ones(1, 1, 3, 3), padding=3, dilation=3).shown[0, 0]
    assert shown.nonzero().tolist() == [[i, j] for i in (1, 4, 7) for j in (1, 4, 7)]


# The networks at large.

CNNS = {
    "resnet10t": {"stem_width": 8, "channels": (8, 16, 24, 32)},
    "seresnet18": {"channels": (8, 16, 24, 32)},
    "resnetblur18": {"channels": (8, 16, 24, 32)},
    "tf_mobilenetv3_small_075": {},
    "convnext_atto": {"dims": (8, 16, 24, 32), "depths": (1, 1, 2, 1)},
}
TORCHVISION = ["resnet18", "densenet121", "googlenet", "shufflenet_v2_x0_5", "squeezenet1_1", "alexnet"]
VITS = {
    "vit": ("vit_tiny_patch16_224", {"patch_size": 8}),
    "vit_avg": ("vit_tiny_patch16_224", {"patch_size": 8, "global_pool": "avg"}),
    "vit_bare": ("vit_tiny_patch16_224", {"global_pool": "avg", "class_token": False}),
    "vit_map": ("vit_tiny_patch16_224", {"global_pool": "map"}),
    "vit_pre": ("vit_tiny_patch16_224", {"pre_norm": True, "reg_tokens": 2}),
    "vit_wide": ("vit_tiny_patch16_224", {"img_size": (32, 64), "patch_size": 8}),
    "deit": ("deit_tiny_distilled_patch16_224", {}),
}


@cache
def network(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if name in VITS:
            architecture, settings = VITS[name]
            settings = {"img_size": 64, "embed_dim": 48, "depth": 2, **settings}
        else:
            architecture, settings = name, CNNS[name]
        return drawn(timm.create_model(architecture, pretrained=False, num_classes=3, **settings))


@cache
def from_torchvision(name):
    import torchvision

    settings = {"init_weights": False} if name == "googlenet" else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return drawn(getattr(torchvision.models, name)(weights=None, num_classes=3, **settings))


def check_masking(network, x, kept):
    """Everything kept is the plain network, hidden pixels are never read, nothing kept is the same for all images."""
    (masking,) = network.masked.values()
    plain = network.logits(x)
    torch.testing.assert_close(
        masking(x, torch.ones_like(kept)), plain, rtol=1e-6, atol=1e-6 * float(plain.abs().max())
    )
    with_nan = torch.where(kept.reshape(len(x), 1, *x.shape[2:]), x, torch.nan)
    some = masking(with_nan, kept)
    assert torch.equal(some, masking(x, kept))
    assert (some - plain).abs().max() > 1e-3 * plain.abs().max()
    none = masking(x, torch.zeros_like(kept))
    assert torch.isfinite(none).all()
    assert torch.equal(none, masking(torch.rand(x.shape, generator=generator(5)), torch.zeros_like(kept)))
    alone = torch.cat([masking(x[i : i + 1], kept[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(alone, some, rtol=1e-5, atol=1e-5 * float(plain.abs().max()))


@torch.no_grad()
@pytest.mark.parametrize("name", [*CNNS, *VITS])
def test_a_timm_network_leaves_out_what_is_hidden(name):
    size = (32, 64) if name == "vit_wide" else (64, 64)
    x, kept = images(3, size), squares(3, size, 16).flatten(1)
    check_masking(adapt(network(name), preprocess=Pixels(*HALF), example=x), x, kept)


@torch.no_grad()
@pytest.mark.parametrize("name", TORCHVISION)
def test_a_torchvision_network_leaves_out_what_is_hidden(name):
    x, kept = images(2), squares(2, (64, 64), 16).flatten(1)
    check_masking(adapt(from_torchvision(name), preprocess=Pixels(), example=x), x, kept)


@torch.no_grad()
@pytest.mark.parametrize("name", ["creatures_resnet", "creatures_vit"])
def test_the_embedded_networks_leave_out_what_is_hidden(name):
    x, kept = images(3), squares(3, (64, 64), 8).flatten(1)
    check_masking(models[name].function(), x, kept)


@torch.no_grad()
@pytest.mark.parametrize("name", ["resnet10t", "vit"])
@pytest.mark.parametrize("size", [(48, 48), (96, 80)])
def test_a_resized_picture_is_hidden_where_its_pixels_are(name, size):
    x, kept = images(2, size), squares(2, size, 16).flatten(1)
    check_masking(adapt(network(name), preprocess=Pixels(*HALF, (64, 64)), example=x), x, kept)


def test_a_network_with_nothing_to_see_gives_what_its_classifier_gives_for_zeros():
    module = network("resnet10t")
    logits = masked_logits(module, images(), torch.zeros(2, 64, 64, dtype=torch.bool))
    assert torch.equal(logits, module.fc.bias.detach().expand(2, -1))


@torch.no_grad()
def test_the_gate_gives_the_same_in_batches_of_any_size():
    x, kept = images(5), squares(5, (64, 64), 8).flatten(1)
    for name, how in (("resnet10t", "layer_masking"), ("vit", "token_dropping")):
        adapted = adapt(network(name), preprocess=Pixels(), example=x)
        logits = [Gate(adapted, batch_size=size).masked(x, kept, how) for size in (1, 3, 5)]
        for other in logits[1:]:
            torch.testing.assert_close(other, logits[0], rtol=1e-5, atol=1e-5)
        assert Gate(adapted).masked(x[:0], kept[:0], how).shape == (0, 3)


# Where pixels go.


def given(preprocess, x, kept):
    """The input that a convolutional module is given, and where it is shown."""
    seen = []
    module = nn.Sequential(nn.Conv2d(x.shape[1], 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    masked_logits(module, x, kept, preprocess)
    with torch._C.DisableTorchFunctionSubclass():
        return seen[0].as_subclass(torch.Tensor), seen[0].shown


def test_a_border_is_the_weighted_mean_of_its_kept_pixels_and_hidden_from_half_on():
    x = torch.tensor([[[[1.0, 5.0, 7.0]]]])
    kept = torch.tensor([[True, False, True]])
    picture, shown = given(Pixels((1.0,), (2.0,), (1, 6)), x, kept)
    # Bilinear weights of the three pixels at the six places: 1 0 0, .75 .25 0, .25 .75 0, 0 .75 .25, 0 .25 .75, 0 0 1.
    assert shown.flatten().tolist() == [True, True, False, False, True, True]
    torch.testing.assert_close(picture.flatten(), torch.tensor([0.0, 0.0, 0.0, 0.0, 3.0, 3.0]))


def test_what_the_preprocessing_adds_around_the_picture_is_shown():
    _, shown = given(nn.ConstantPad2d(1, 0.0), torch.rand(1, 3, 2, 2), torch.tensor([[True, False, False, False]]))
    assert shown[0, 0].int().tolist() == [[1, 1, 1, 1], [1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]


@pytest.mark.parametrize("preprocess", [Pixels(), Pixels(*HALF), torch.neg, lambda x: x.flip(1)])
def test_normalising_hides_the_same_places(preprocess):
    x, kept = images(2, (8, 8)), squares(2, (8, 8), 2)
    picture, shown = given(preprocess, x, kept)
    assert torch.equal(shown[:, 0], kept)
    assert torch.equal(picture, torch.where(shown, preprocess(x), 0))


def test_cropping_hides_what_is_left():
    x, kept = images(2, (8, 8)), squares(2, (8, 8), 2)
    assert torch.equal(given(lambda x: x[..., 1:7, 2:5], x, kept)[1][:, 0], kept[:, 1:7, 2:5])


def test_only_pictures_can_be_masked():
    module = nn.Sequential(nn.Conv2d(3, 1, 3), nn.Flatten())
    with pytest.raises(Refused, match=r"only pictures \(N, C, H, W\).*\(2, 5\)"):
        masked_logits(module, torch.zeros(2, 5), torch.ones(2, 5, dtype=torch.bool))


# Tokens.


def without_dropped(module, x, tokens):
    """The logits of each picture from its kept tokens alone, through the parts of a timm transformer."""
    logits = []
    for image, keep in zip(x, tokens, strict=True):
        all_tokens = module._pos_embed(module.patch_embed(image[None]))
        prefix = torch.ones(module.num_prefix_tokens, dtype=torch.bool)
        left = all_tokens[:, torch.cat([prefix, keep])]
        logits.append(module.forward_head(module.norm(module.blocks(module.norm_pre(left)))))
    return torch.cat(logits)


@torch.no_grad()
@pytest.mark.parametrize("name", VITS)
def test_dropped_tokens_are_as_if_they_had_never_been(name):
    module = network(name)
    size, (rows, columns) = module.patch_embed.img_size, module.patch_embed.grid_size
    side = size[0] // rows
    x, kept = images(4, size), squares(4, size, side)
    tokens = kept[:, ::side, ::side].reshape(4, rows * columns)
    assert len(set(tokens.sum(1).tolist())) > 1
    torch.testing.assert_close(masked_logits(module, x, kept), without_dropped(module, x, tokens), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_patch_goes_when_half_of_it_is_hidden_and_then_none_of_its_pixels_counts():
    module, x = network("vit"), images(1)
    for hidden, dropped in ((32, True), (31, False)):
        kept = torch.ones(1, 64, 64, dtype=torch.bool)
        kept[0, 8:16, 16:24] = torch.arange(64).reshape(8, 8) >= hidden
        changed = x.clone()
        changed[:, :, 15, 20] += 1
        logits, other = masked_logits(module, x, kept), masked_logits(module, changed, kept)
        assert torch.equal(logits, other) == dropped
        if dropped:
            tokens = torch.arange(64)[None] != 10
            torch.testing.assert_close(logits, without_dropped(module, x, tokens), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_hidden_pixels_of_a_kept_patch_have_the_mean_colour_of_what_is_seen():
    module, x = network("vit"), images(1)
    kept = torch.ones(1, 64, 64, dtype=torch.bool)
    kept[0, :16] = False
    kept[0, 30, 40:44] = False
    coloured = torch.where(kept[:, None], x, x[0][:, kept[0]].mean(1)[None, :, None, None])
    tokens = (torch.arange(64) >= 16)[None]
    expected = without_dropped(module, coloured, tokens)
    torch.testing.assert_close(masked_logits(module, x, kept), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_without_any_patch_a_class_token_is_alone():
    module, x = network("deit"), images()
    none = torch.zeros(2, 64, 64, dtype=torch.bool)
    expected = without_dropped(module, x, torch.zeros(2, 16, dtype=torch.bool))
    torch.testing.assert_close(masked_logits(module, x, none), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("name", ["vit_avg", "vit_bare", "vit_map"])
def test_without_any_patch_a_network_that_pools_them_sees_an_empty_picture(name):
    module, x = network(name), images()
    none = torch.zeros(2, 64, 64, dtype=torch.bool)
    torch.testing.assert_close(masked_logits(module, x, none), module(torch.zeros_like(x)), rtol=1e-5, atol=1e-5)


def test_a_wrapped_transformer_drops_tokens_all_the_same():
    module, x, kept = network("vit"), images(), squares(2, (64, 64), 8)
    assert torch.equal(masked_logits(nn.Sequential(nn.Identity(), module), x, kept), masked_logits(module, x, kept))


def test_tokens_that_are_not_the_grid_of_the_patches_are_refused():
    module = timm.create_model("vit_tiny_patch16_224", img_size=64, embed_dim=48, depth=1, dynamic_img_size=True).eval()
    with pytest.raises(Refused, match=r"tokens of shape \(1, 5, 48\), expected 16 of patches"):
        masked_logits(module, images(1, (32, 32)), torch.ones(1, 32, 32, dtype=torch.bool))


def test_a_network_without_tokens_has_none_to_drop():
    with pytest.raises(Refused, match="Linear is no vision transformer whose tokens could be dropped"):
        token_dropping(images(), torch.ones(2, 4096, dtype=torch.bool), module=nn.Linear(1, 1), preprocess=Pixels())


# What a module can, and that it stays as it was.


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: network("resnet10t"), ["layer_masking"]),
        (lambda: from_torchvision("alexnet"), ["layer_masking"]),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten()), ["layer_masking"]),
        (lambda: network("vit"), ["token_dropping"]),
        (lambda: timm.create_model("mixer_s32_224", img_size=64), []),
        (lambda: timm.create_model("swin_tiny_patch4_window7_224", img_size=64, depths=(1, 1), window_size=2), []),
        (lambda: timm.create_model("vit_small_patch16_rope_224", img_size=64, depth=1, embed_dim=48, num_heads=3), []),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.MultiheadAttention(8, 1)), []),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), []),
        (lambda: models["creatures_vit"].function().module, ["token_dropping"]),
    ],
)
def test_which_networks_can_leave_out_what(make, names):
    assert list(maskings(make(), Pixels())) == names


def state_of(module):
    parts = list(module.modules())
    return [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in parts], [
        part.training for part in parts
    ]


@pytest.mark.parametrize("name", ["resnet10t", "vit"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_module_stays_as_it_was_also_after_a_failure(name, fails):
    module, x, kept = network(name), images(), squares(2, (64, 64), 16)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state, random, picture = state_of(module), torch.get_rng_state(), x.clone()
    if fails:
        last = next(part for part in reversed(list(module.modules())) if isinstance(part, nn.Linear))
        handle = last.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("too hot")))
        with pytest.raises(RuntimeError, match="too hot"):
            masked_logits(module, x, kept)
        handle.remove()
    else:
        assert not masked_logits(module, x, kept).requires_grad
    assert state_of(module) == state
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(x, picture)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


# The rules, one by one.

SHOWN = squares(2, (6, 6), 2, seed=3)[:, None]


def some(seed=0, channels=4):
    return torch.randn(2, channels, 6, 6, generator=generator(seed)).double()


def plain(x):
    with torch._C.DisableTorchFunctionSubclass():
        return x.as_subclass(torch.Tensor)


def places(x, mask=SHOWN):
    """For each sample, the channels at its shown places, (C, places)."""
    return [values[:, keep[0]] for values, keep in zip(x, mask, strict=True)]


POINTWISE = {
    "silu in place": lambda x: functional.silu(x, inplace=True),
    "sigmoid": torch.sigmoid,
    "method": lambda x: x.sigmoid_(),
    "scalars": lambda x: 1 - x / 2 + 3,
    "pole": lambda x: 1 / x,
    "logarithm": lambda x: x.abs().log(),
    "power": lambda x: x.abs() ** -0.5,
    "hardswish by hand": lambda x: x * functional.relu6(x + 3.0) / 6.0,
    "per channel": lambda x: x * torch.arange(4.0).reshape(4, 1, 1) + 1,
    "batch norm": lambda x: functional.batch_norm(x, torch.ones(4).double(), torch.full((4,), 2.0).double()),
    "no dropout": lambda x: functional.dropout(x, training=False),
    "layer norm": lambda x: functional.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2),
    "linear": lambda x: functional.linear(x.permute(0, 2, 3, 1), torch.ones(3, 4).double()).permute(0, 3, 1, 2),
    "shuffle": lambda x: x.view(2, 2, 2, 6, 6).transpose(1, 2).contiguous().view(2, 4, 6, 6),
    "split": lambda x: torch.cat([x.chunk(2, 1)[1], x[:, :1]], 1),
    "tokens": lambda x: functional.layer_norm(x.flatten(2).transpose(1, 2), (4,)).transpose(1, 2).unflatten(2, (6, 6)),
    "precision": lambda x: x.float().contiguous().to(x),
}


@pytest.mark.parametrize("name", POINTWISE)
def test_what_works_place_by_place_does_so_where_shown(name):
    function, x = POINTWISE[name], some()
    masked = function(hide(x, SHOWN))
    assert torch.equal(masked.shown, SHOWN)
    assert torch.equal(plain(masked), torch.where(SHOWN, function(x.clone()), 0))


def test_whoever_holds_a_tensor_sees_what_was_done_to_it_in_place():
    masked = held = hide(some(), SHOWN)
    masked += hide(some(1), ~SHOWN | (torch.arange(6) > 2))
    masked = functional.hardtanh(masked, inplace=True)
    assert held is masked
    assert torch.equal(held.shown, SHOWN & (torch.arange(6) > 2))
    assert torch.equal(plain(held), torch.where(held.shown, (some() + some(1)).clamp(-1, 1), 0))


@pytest.mark.parametrize("join", [torch.add, torch.mul, lambda a, b: torch.cat([a, b], 1)])
def test_branches_are_shown_where_both_are(join):
    other = squares(2, (6, 6), 3, seed=8)[:, None]
    joined = join(hide(some(), SHOWN), hide(some(1), other))
    assert torch.equal(joined.shown, SHOWN & other)
    assert torch.equal(plain(joined), torch.where(SHOWN & other, join(some(), some(1)), 0))


AVERAGES = {
    "mean": lambda x: x.mean((2, 3)),
    "mean of a module": lambda x: nn.AdaptiveAvgPool2d(1)(x).flatten(1),
    "function": lambda x: functional.avg_pool2d(x, x.shape[-2:])[..., 0, 0],
    "channels last": lambda x: x.permute(0, 2, 3, 1).mean((1, 2)),
}


@pytest.mark.parametrize("name", AVERAGES)
def test_an_average_is_over_shown_places(name):
    averaged = AVERAGES[name](hide(some(), SHOWN))
    torch.testing.assert_close(averaged, torch.stack([value.mean(1) for value in places(some())]))
    assert type(averaged) is torch.Tensor
    assert torch.equal(AVERAGES[name](hide(some(), torch.ones_like(SHOWN))), AVERAGES[name](some()))


def test_a_maximum_is_over_shown_places_even_where_all_is_negative():
    x = -some().abs()
    for maximum in (lambda x: x.amax((2, 3)), lambda x: nn.AdaptiveMaxPool2d(1)(x).flatten(1)):
        assert torch.equal(maximum(hide(x, SHOWN)), torch.stack([value.amax(1) for value in places(x)]))


@pytest.mark.parametrize("counts", [True, False])
def test_a_local_average_keeps_the_empty_border_but_leaves_hidden_places_out(counts):
    pool = nn.AvgPool2d(3, 2, 1, count_include_pad=counts)
    x = some()
    pooled = pool(hide(x, SHOWN))
    for sample, row, column in product(range(2), range(3), range(3)):
        near = around(2 * row, 2 * column, (6, 6))
        seen = [x[sample, :, i, j] for i, j in near if SHOWN[sample, 0, i, j]]
        assert bool(pooled.shown[sample, 0, row, column]) == bool(seen)
        share = len(near) / 9 if counts else 1
        expected = torch.stack(seen).mean(0) * share if seen else torch.zeros(4).double()
        torch.testing.assert_close(plain(pooled)[sample, :, row, column], expected)


def test_an_empty_border_is_shown_as_the_places_beside_it_are():
    x = hide(some(), SHOWN)
    outside = functional.pad(x, (1, 1, 1, 1), value=2.0)
    assert torch.equal(outside.shown[:, 0, 1:-1, 0], SHOWN[:, 0, :, 0])
    assert torch.equal(outside.shown[:, 0, -1, 1:-1], SHOWN[:, 0, -1])
    assert torch.equal(plain(outside)[:, 0, 1:-1, 0], 2.0 * SHOWN[:, 0, :, 0])
    assert torch.equal(plain(outside)[..., 1:-1, 1:-1], plain(x))
    more = functional.pad(x, (0, 0, 0, 0, 1, 1))
    assert (more.shape, more.shown.shape) == ((2, 6, 6, 6), SHOWN.shape)


def test_a_convolution_of_channels_that_were_places_reads_those_that_are_shown_whole():
    weight = torch.randn(3, 16, 3, 3, generator=generator()).double()
    kept = SHOWN.roll(1, 3)
    whole = functional.pixel_unshuffle(kept, 2).all(1, keepdim=True)
    folded = functional.pixel_unshuffle(some(), 2)
    assert 0 < whole.sum() < functional.pixel_unshuffle(kept, 2).any(1).sum()
    found = functional.conv2d(functional.pixel_unshuffle(hide(some(), kept), 2), weight)
    expected = functional.conv2d(hide(folded, whole), weight)
    assert torch.equal(found.shown, expected.shown)
    assert torch.equal(plain(found), plain(expected))


def test_behind_flatten_hidden_places_are_zero():
    flat = hide(some(), SHOWN).flatten(1)
    assert type(flat) is torch.Tensor
    assert torch.equal(flat, torch.where(SHOWN, some(), 0).flatten(1))


def test_what_is_only_brought_to_the_form_of_a_masked_tensor_is_left_alone():
    masked, weight = hide(some(), SHOWN), nn.Parameter(torch.ones(4, 1, 1).double())
    assert weight.to(masked) is weight
    assert torch.equal(weight, torch.ones(4, 1, 1))
    assert weight.detach().type_as(masked).expand_as(masked).shape == masked.shape
    assert torch.equal((masked * weight.detach().expand_as(masked)).shown, SHOWN)


def test_a_masked_tensor_tells_its_form():
    masked = hide(some(), SHOWN)
    assert (masked.shape, masked.size(1), masked.ndim, len(masked)) == ((2, 4, 6, 6), 4, 4, 2)
    assert (masked.dtype, masked.device.type, masked.is_contiguous()) == (torch.float64, "cpu", True)
    assert isinstance(masked, Masked)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (lambda x: x.softmax(1), "torch.Tensor.softmax"),
        (lambda x: functional.interpolate(x, scale_factor=2), "torch.nn.functional.interpolate"),
        (lambda x: functional.group_norm(x, 2), "torch.nn.functional.group_norm"),
        (lambda x: functional.layer_norm(x, (6, 6)), "torch.nn.functional.layer_norm"),
        (lambda x: functional.linear(x, torch.ones(2, 6).double()), "torch.nn.functional.linear"),
        (lambda x: torch.cat([x, x], 2), "torch.cat"),
        (lambda x: x @ x, "torch.Tensor.matmul"),
        (lambda x: x.mT, "torch.Tensor.mT.__get__"),
        (lambda x: bool(x[0, 0, 0, 0] > 0) or x.sum(), "torch.Tensor.sum"),
        (lambda x: functional.max_pool2d(x, 2, return_indices=True), "max_pool2d_with_indices"),
    ],
)
def test_an_operation_without_a_rule_is_refused_by_its_name(operation, name):
    with pytest.raises(Refused, match=f"no rule for .*{name}.*: choose another imputer") as caught:
        operation(hide(some(), SHOWN))
    assert "\n" not in str(caught.value)


def test_a_network_with_such_an_operation_is_refused():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.Flatten(), nn.LazyLinear(2))
    module(images())
    with pytest.raises(Refused, match=r"no rule for torch\.nn\.functional\.instance_norm"):
        masked_logits(module, images(), squares(2, (64, 64), 8))


class Reusing(nn.Module):
    """One convolution twice, a residual sum in place, and an activation that overwrites its input."""

    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x):
        shortcut = self.conv(x)
        x = self.conv(self.act(shortcut))
        x += shortcut
        return {"logits": self.act(x).mean((2, 3)), "hidden": x}


@torch.no_grad()
def test_modules_may_be_used_twice_and_work_in_place():
    module = drawn(Reusing().double())
    x, kept = images(1, (9, 9)).double() - 0.5, squares(1, (9, 9), 3)
    first, shown = by_loops(module.conv, x[0], kept[0])
    first = first.relu()
    second, more = by_loops(module.conv, first, shown)
    total = (first + second).relu()
    assert more.sum() > shown.sum() > kept.sum()
    torch.testing.assert_close(masked_logits(module, x, kept)[0], total[:, shown].mean(1), rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_a_convolutional_stem_does_not_see_the_pixels_of_dropped_patches():
    module, x = models["creatures_vit"].function().module.eval(), images(1)
    kept = torch.ones(1, 64, 64, dtype=torch.bool)
    kept[0, 8:16, 16:21] = False
    changed = x.clone()
    changed[:, :, 8:16, 21:24] = 0
    assert torch.equal(masked_logits(module, x, kept), masked_logits(module, changed, kept))
    assert not torch.equal(masked_logits(module, x, kept), masked_logits(module, changed, torch.ones_like(kept)))
