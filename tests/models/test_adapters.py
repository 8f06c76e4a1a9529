from collections import OrderedDict
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC
from torch import nn
from torch.nn.functional import interpolate

from heatproof.benchmark import BlackBox, Gate, GlassBox, Network, Refused, WhiteBox
from heatproof.models._torchvision import timm
from heatproof.models.adapters import Pixels, adapt, pretrained

torch.set_num_threads(1)

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)

NETWORKS = {
    "resnet": ("resnet10t", {"stem_width": 8, "channels": (8, 16, 24, 32)}),
    "convnext": ("convnext_atto", {"dims": (8, 16, 24, 32), "depths": (1, 1, 2, 1)}),
    "vit": ("vit_tiny_patch16_224", {"img_size": 64, "patch_size": 8, "embed_dim": 48, "depth": 3}),
    "vit_avg": ("vit_tiny_patch16_224", {"img_size": 64, "embed_dim": 48, "depth": 2, "global_pool": "avg"}),
    "vit_wide": ("vit_tiny_patch16_224", {"img_size": (32, 64), "patch_size": 8, "embed_dim": 48, "depth": 2}),
    "deit": ("deit_tiny_distilled_patch16_224", {"img_size": 64, "embed_dim": 48, "depth": 2}),
    "swin": (
        "swin_tiny_patch4_window7_224",
        {"img_size": 64, "window_size": 2, "embed_dim": 24, "depths": (1, 1, 2, 1)},
    ),
    "mixer": ("mixer_s32_224", {"img_size": 128}),
}
LAST = {
    "resnet": ("layer4.0", (32, 6, 6)),
    "convnext": ("norm_pre", (32, 7, 7)),
    "vit": ("blocks.2.norm1", (48, 8, 8)),
    "vit_avg": ("norm", (48, 4, 4)),
    "vit_wide": ("blocks.1.norm1", (48, 4, 8)),
    "deit": ("blocks.1.norm1", (48, 4, 4)),
    "swin": ("norm", (192, 2, 2)),
    "mixer": ("norm", (512, 4, 4)),
}


@cache
def network(name):
    """A tiny timm network with every parameter drawn at random, also those that timm starts at zero."""
    architecture, settings = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model(architecture, pretrained=False, num_classes=3, **settings)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def images(count=2, size=(64, 64), seed=0):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def scores(x, target=1):
    return torch.full((len(x),), target)


def kept(module, layer, x):
    """The output of a layer and of the module for what the module expects, by hand."""
    outputs = []
    handle = module.get_submodule(layer).register_forward_hook(lambda *args: outputs.append(args[-1]))
    logits = module(x)
    handle.remove()
    return outputs[-1], logits


@pytest.mark.parametrize(
    ("name", "size", "statistics"),
    [
        ("resnet", (176, 176), IMAGENET),
        ("vit", (64, 64), HALF),
        ("vit_wide", (32, 64), HALF),
        ("swin", (64, 64), IMAGENET),
    ],
)
def test_a_timm_model_is_given_pixels_of_its_own_size_mean_and_std(name, size, statistics):
    module, x = network(name).eval(), images(size=(48, 48))
    mean, std = (np.array(value)[:, None, None] for value in statistics)
    resized = interpolate(x, size, mode="bilinear", antialias=size[0] < 48)
    expected = torch.as_tensor((resized.numpy() - mean) / std).float()
    given = adapt(module).preprocess(x)
    torch.testing.assert_close(given, expected)
    assert torch.equal(adapt(module).logits(x), module(given))


def test_pixels_interpolates_between_pixel_centres_and_is_differentiable():
    x = torch.tensor([[[[0.0, 1.0]]]]).requires_grad_()
    y = Pixels(size=(1, 4))(x)
    assert y.flatten().tolist() == [0.0, 0.25, 0.75, 1.0]
    (gradient,) = torch.autograd.grad((y * torch.tensor([1.0, 10.0, 100.0, 1000.0])).sum(), x)
    assert gradient.flatten().tolist() == [1 + 7.5 + 25, 2.5 + 75 + 1000]


def test_pixels_does_not_alias_when_it_makes_smaller():
    stripes = torch.tensor([1.0, 1.0, -1.0, -1.0]).roll(1).repeat(16).expand(1, 1, 64, 64)
    assert interpolate(stripes, (16, 16), mode="bilinear").abs().mean() > 0.9
    assert Pixels(size=(16, 16))(stripes).abs().mean() < 0.3


@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (1, 3), (2, 4, 3, 3)])
def test_pixels_refuses_other_channels_than_it_has_means_for(shape):
    with pytest.raises(ValueError, match=r"expected images \(N, 3, H, W\)"):
        Pixels(*HALF)(torch.zeros(shape))


def test_a_plain_module_is_given_what_comes_unless_told_otherwise():
    module, x = nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), images(size=(4, 4))
    assert adapt(module).preprocess(x) is x
    told = adapt(module, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)).preprocess(x)
    for channel, (mean, std) in enumerate([(0.1, 0.4), (0.2, 0.5), (0.3, 0.6)]):
        torch.testing.assert_close(told[:, channel], (x[:, channel] - mean) / std)
    assert torch.equal(adapt(module, preprocess=torch.neg).preprocess(x), -x)


def test_a_timm_model_can_be_told_otherwise():
    network_, x = adapt(network("resnet"), preprocess=Pixels(), example=images(1)), images()
    assert torch.equal(network_.preprocess(x), x)
    assert Gate(network_).tap(x, scores(x))[0].shape == (2, 32, 2, 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_layer_of_a_timm_network_and_its_grid(name):
    adapted = adapt(network(name))
    layer, shape = LAST[name]
    assert adapted.layers()[-1] == layer
    gate, x = Gate(adapted), images()
    activation, gradient = gate.tap(x, scores(x))
    assert activation.shape == gradient.shape == (2, *shape)
    assert gate.capability is GlassBox


@pytest.mark.parametrize("name", NETWORKS)
def test_tap_agrees_with_autograd_by_hand_at_every_listed_layer(name):
    module, x = network(name).eval(), images(1)
    adapted = adapt(module)
    gate = Gate(adapted, readout="logit")
    for layer in adapted.layers():
        output, logits = kept(module, layer, adapted.preprocess(x))
        (slope,) = torch.autograd.grad(logits[0, 1], output)
        activation, gradient = gate.tap(x, scores(x), layer)
        count, channels, height, width = activation.shape
        for value, found in ((output, activation), (slope, gradient)):
            for place in {(0, 0), (0, width - 1), (height - 1, 1), (height // 2, width // 3)}:
                by_hand = at_place(value, place, (height, width), channels)
                torch.testing.assert_close(found[:, :, place[0], place[1]], by_hand)
        assert (count, bool(gradient.any())) == (1, True)


def at_place(value, place, size, channels):
    """The channels (1, C) at a place, by plain indexing."""
    row, column = place
    if value.ndim == 3:
        return value[:, value.shape[1] - size[0] * size[1] + row * size[1] + column]
    return value[:, :, row, column] if value.shape[1] == channels else value[:, row, column]


@pytest.mark.parametrize("name", ["vit", "vit_avg", "vit_wide", "deit", "mixer", "swin"])
def test_every_patch_has_a_gradient_at_the_last_layer(name):
    x = images()
    _, gradient = Gate(adapt(network(name))).tap(x, scores(x))
    assert (gradient.abs().sum(1) > 0).all()


@pytest.mark.parametrize(("name", "alive"), [("vit", 0), ("deit", 0), ("vit_avg", 16)])
def test_behind_the_last_block_class_tokens_leave_the_patches_without_gradient(name, alive):
    module, x = network(name).eval(), images(1)
    last = f"blocks.{len(module.blocks) - 1}"
    output, logits = kept(module, last, adapt(module).preprocess(x))
    (slope,) = torch.autograd.grad(logits[0, 1], output)
    assert (slope[0, module.num_prefix_tokens :].abs().sum(1) > 0).sum() == alive
    assert (last in adapt(module).layers()) == (alive > 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_change_in_a_corner_of_the_image_is_strongest_in_that_corner_of_the_grid(name):
    module = network(name)
    adapted = adapt(module)
    x = images(1)
    for rows, columns in ((slice(0, 16), slice(48, 64)), (slice(48, 64), slice(0, 16))):
        changed = x.clone()
        changed[:, :, rows, columns] = 1 - changed[:, :, rows, columns]
        gate = Gate(adapted)
        for layer in adapted.layers()[:-1]:
            before, after = (gate.tap(image, scores(x), layer)[0] for image in (x, changed))
            change = (after - before).square().sum(1)[0]
            upper, left = change.sum(1).argmax() < change.shape[0] / 2, change.sum(0).argmax() < change.shape[1] / 2
            assert (bool(upper), bool(left)) == (rows.start == 0, columns.start == 0), layer


@pytest.mark.parametrize("name", ["resnet", "convnext", "swin", "vit_avg", "mixer"])
def test_where_places_are_pooled_at_the_end_the_last_layer_is_what_is_pooled(name):
    module, x = network(name).eval(), images()
    adapted = adapt(module)
    features = module.forward_features(adapted.preprocess(x)).detach()
    activation, _ = Gate(adapted).tap(x, scores(x))
    assert torch.equal(adapted.grid(features), activation)


def test_blocks_are_listed_from_the_input_to_the_output():
    assert adapt(network("vit")).layers() == ("patch_embed", "norm_pre", "blocks.0", "blocks.1", "blocks.2.norm1")
    assert adapt(network("swin")).layers() == ("patch_embed", *(f"layers.{i}" for i in range(4)), "norm")
    assert adapt(network("resnet")).layers()[-5:] == ("maxpool", "layer1.0", "layer2.0", "layer3.0", "layer4.0")


def test_a_wrapped_network_tells_its_tokens_all_the_same():
    wrapped = adapt(nn.Sequential(nn.Identity(), network("deit")), example=images(1))
    assert wrapped.layers()[-1] == "1.blocks.1.norm1"


class Known(nn.Module):
    """Places with known activations, between an in-place layer and a linear reading."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.act = nn.ReLU(inplace=True)
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Linear(8, 2, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([2.0, -3.0])[:, None, None, None])
            self.head.weight.copy_(torch.arange(16.0).reshape(2, 8))

    def forward(self, x):
        return self.head(self.pool(self.act(self.conv(x))).flatten(1))


def test_activation_and_gradient_of_a_module_that_can_be_done_by_hand():
    x = torch.arange(16.0).reshape(1, 1, 4, 4) - 8
    gate = Gate(adapt(Known(), example=x), readout="logit")
    assert gate.layers() == ("act", "pool")
    activation, gradient = gate.tap(x, torch.tensor([1]))
    assert torch.equal(activation[0, 0], torch.tensor([[0.0, 0.0], [2 * 2.5, 2 * 4.5]]))
    assert torch.equal(activation[0, 1], torch.tensor([[3 * 5.5, 3 * 3.5], [0.0, 0.0]]))
    assert torch.equal(gradient[0], torch.arange(8.0, 16.0).reshape(2, 2, 2))
    inner, slope = gate.tap(x, torch.tensor([1]), "act")
    assert torch.equal(inner, torch.cat([2 * x, -3 * x], 1).clamp(min=0))
    assert torch.equal(slope, gradient.repeat_interleave(2, 2).repeat_interleave(2, 3) / 4)


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16, torch.float64])
def test_a_network_in_another_precision_is_asked_in_its_own(precision: torch.dtype):
    torch.manual_seed(3)
    usual = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    x, target = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])
    score, gradient = Gate(adapt(usual, example=x)).score_and_gradient(x, target)
    other = usual.to(precision)
    again = Gate(adapt(other, example=x))
    assert {part.dtype for part in other.parameters()} == {precision}
    torch.testing.assert_close(again.score(x, target), score, rtol=0, atol=1e-2)
    assert again.gradient(x, target).dtype == torch.float32
    torch.testing.assert_close(again.gradient(x, target), gradient, rtol=0.1, atol=2e-3)


def test_layers_are_found_where_no_gradient_is_kept():
    with torch.no_grad():
        assert adapt(Known(), example=torch.zeros(1, 1, 4, 4)).layers() == ("act", "pool")


def test_without_an_example_a_module_has_gradients_but_no_layers():
    gate = Gate(adapt(Known()))
    assert gate.capability is WhiteBox
    with pytest.raises(Refused, match="needs a Layered model, this one is only WhiteBox"):
        gate.tap(torch.zeros(1, 1, 4, 4), torch.tensor([0]))


def test_a_module_of_columns_has_no_layers_even_with_an_example():
    assert adapt(nn.Sequential(nn.Linear(4, 9), nn.Linear(9, 2)), example=torch.zeros(1, 4)).layers() == ()


def test_an_activation_of_no_listed_layer_is_refused_with_the_shapes_that_are():
    with pytest.raises(Refused, match=r"shape \(N, 5, 48\) is no known grid.*\(65,\)"):
        adapt(network("vit")).grid(torch.zeros(1, 5, 48))


@pytest.mark.parametrize("name", ["resnet", "vit"])
def test_the_module_stays_as_it_was(name):
    module, x = network(name).train(), images()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.get_rng_state()
    gate = Gate(adapt(module))
    gate.tap(x, scores(x))
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(part.training and not part._forward_hooks for part in module.modules())
    assert all(p.grad is None and p.requires_grad and p.is_contiguous() for p in module.parameters())


def test_a_torchvision_network_is_taken_apart_by_its_blocks():
    from torchvision.models import resnet18

    module = resnet18(num_classes=3).eval()
    mean, std = IMAGENET
    adapted, x = adapt(module, mean=mean, std=std, example=images(1)), images()
    assert adapted.layers() == ("relu", "maxpool", *(f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)))
    activation, _ = Gate(adapted).tap(x, scores(x))
    torch.testing.assert_close(module.fc(activation.mean((2, 3))), adapted.logits(x))


def test_channels_last_changes_no_result():
    module, x = network("resnet").eval(), images()
    adapted = adapt(module, preprocess=Pixels(), example=x)
    assert adapted.preprocess(x).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(adapted.logits(x), module(x))
    assert adapt(network("vit")).preprocess(x).is_contiguous()


class Output(OrderedDict):
    """Like a Hugging Face ModelOutput: a mapping whose entries are attributes, too."""

    __getattr__ = OrderedDict.__getitem__


class Returning(nn.Module):
    def __init__(self, units, wrap):
        super().__init__()
        self.linear, self.wrap = nn.Linear(4, units), wrap

    def forward(self, x):
        return self.wrap(self.linear(x))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda z: z,
        lambda z: (z, "attention"),
        lambda z: {"hidden": z + 1, "logits": z},
        lambda z: {"out": z},
        lambda z: Output(loss=z.sum(), logits=z),
    ],
    ids=["tensor", "tuple", "dict", "torchvision dict", "ModelOutput"],
)
def test_whatever_a_module_returns_its_logits_are_found(wrap):
    module, x = Returning(3, wrap), torch.rand(2, 4)
    gate = Gate(adapt(module), readout="logit")
    assert torch.equal(gate.logits(x), module.linear(x))
    torch.testing.assert_close(gate.gradient(x, scores(x)), module.linear.weight[1].detach().expand(2, 4))


def test_one_output_unit_is_the_log_odds_of_class_one():
    module, x = Returning(1, lambda z: z), torch.rand(2, 4)
    probability = torch.sigmoid(module.linear(x))[:, 0]
    torch.testing.assert_close(Gate(adapt(module)).score(x, scores(x)).float(), probability.detach())


def test_a_scikit_learn_classifier_gives_its_probabilities_and_nothing_else():
    rows, classes = load_iris(return_X_y=True)
    classifier = LogisticRegression(max_iter=1000).fit(rows, np.array(["a", "b", "c"])[classes])
    x = torch.as_tensor(rows[::10]).float()
    gate = Gate(adapt(classifier))
    z = x.double().numpy() @ classifier.coef_.T + classifier.intercept_
    expected = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    np.testing.assert_allclose(gate.score(x, scores(x, 2)), expected[:, 2], rtol=1e-10)
    assert gate.logits(x).dtype == torch.float64
    assert gate.capability is BlackBox


def test_a_classifier_that_was_fitted_on_named_columns_is_given_their_names():
    frame, classes = load_iris(return_X_y=True, as_frame=True)
    classifier = LogisticRegression(max_iter=1000).fit(frame, classes)
    found = adapt(classifier).predict(torch.tensor(frame.to_numpy()))
    np.testing.assert_array_equal(found, classifier.predict_proba(pd.DataFrame(frame)))


@pytest.mark.parametrize("model", [LinearRegression(), SVC(), 3, None, [nn.Linear(1, 1)]])
def test_what_gives_no_class_probabilities_is_refused_in_one_line(model):
    with pytest.raises(TypeError, match=f"cannot adapt a {type(model).__name__}: expected a torch module") as caught:
        adapt(model)
    assert "\n" not in str(caught.value)


def test_several_outputs_at_once_are_refused():
    class Two:
        def predict_proba(self, rows):
            return [rows, rows]

    with pytest.raises(TypeError, match=r"Two\.predict_proba gave no \(N, K\) array"):
        adapt(Two()).predict(torch.zeros(2, 2))


def test_a_network_is_returned_as_it_is():
    ready = Network(nn.Linear(1, 2))
    assert adapt(ready) is ready


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": HALF[0]}, "mean has 3 values and std 0"),
        ({"preprocess": torch.neg, "std": HALF[1]}, "preprocess was given beside mean or std"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        adapt(nn.Linear(1, 2), **options)


def test_options_for_modules_are_refused_elsewhere():
    with pytest.raises(ValueError, match="are for torch modules; the model is a Network"):
        adapt(Network(nn.Linear(1, 2)), mean=HALF[0], std=HALF[1])


def test_an_evidential_head_comes_with_its_module_as_a_copy_that_is_evaluated():
    module, head = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), nn.Linear(5, 4)
    given = nn.Sequential(nn.Dropout(0.5), head)
    found, features = adapt(module, evidential=given).evidential, torch.rand(7, 2, 5)
    with torch.no_grad():
        expected = head(features)
        head.weight.zero_()
    assert found.module is module
    torch.testing.assert_close(found(features).float(), expected)
    assert given.training
    assert adapt(module).evidential is None
    with pytest.raises(ValueError, match="and evidential are for torch modules; the model is a Network"):
        adapt(Network(module), evidential=head)


@pytest.fixture
def empty_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("heatproof.models.adapters.try_to_load_from_cache", lambda *_: None)
    return tmp_path


def test_missing_pretrained_weights_are_one_line_with_the_file_and_its_place(empty_hub):
    place = empty_hub / "checkpoints" / "resnet18.a2_in1k.safetensors"
    with pytest.raises(ValueError, match=r"put model\.safetensors of timm/resnet18\.a2_in1k at ") as caught:
        adapt("resnet18.a2_in1k")
    assert (
        f"the weights of resnet18.a2_in1k are missing: put model.safetensors of timm/resnet18.a2_in1k at {place}"
        in str(caught.value)
    )


def test_a_checkpoint_that_is_not_there_is_named(empty_hub):
    with pytest.raises(ValueError, match=f"at {empty_hub}/here"):
        pretrained("resnet18", empty_hub / "here")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="timm has no model 'resnet1': did you mean resnet"):
        adapt("resnet1")


def test_weights_are_found_where_the_error_says_and_where_the_user_says(empty_hub):
    from safetensors.torch import save_file

    source = timm.create_model("test_resnet.r160_in1k", pretrained=False)
    (empty_hub / "checkpoints").mkdir()
    file = empty_hub / "checkpoints" / "test_resnet.r160_in1k.safetensors"
    save_file(source.state_dict(), file)
    elsewhere = file.rename(empty_hub / "mine.safetensors")
    for found in (pretrained("test_resnet", elsewhere), adapt((elsewhere.rename(file), "test_resnet")[1]).module):
        assert all(torch.equal(value, source.state_dict()[key]) for key, value in found.state_dict().items())
