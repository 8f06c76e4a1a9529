"""From what a user has (a module, a timm model or its name, a scikit-learn classifier) to a network for the gate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import pandas as pd
import torch
from huggingface_hub import try_to_load_from_cache
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..benchmark import Network
from ..benchmark.network import Evidential
from .folding import foldable
from .inspection import Inspection, Size, told
from .masking import Preprocess, maskings

HUB_FILES: Final = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class Pixels:
    """Preprocessing of images (N, C, H, W) in [0, 1]: resized to `size` where they have another, then normalised."""

    mean: Sequence[float] = ()
    std: Sequence[float] = ()
    size: Size | None = None

    def __post_init__(self) -> None:
        """Refuse a mean without its standard deviation."""
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} values and std {len(self.std)}: give one of each per channel")

    def __call__(self, x: Tensor) -> Tensor:
        """Return what the module expects; differentiable."""
        x = self._resized(x)
        if not self.mean:
            return x
        if x.ndim != 4 or x.shape[1] != len(self.mean):
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected images (N, {len(self.mean)}, H, W), as mean and std have "
                f"{len(self.mean)} values"
            )
        return (x - _per_channel(x, self.mean)) / _per_channel(x, self.std)

    def _resized(self, x: Tensor) -> Tensor:
        if self.size is None or x.shape[-2:] == self.size:
            return x
        smaller = self.size[0] < x.shape[-2] or self.size[1] < x.shape[-1]
        return interpolate(x, self.size, mode="bilinear", antialias=smaller)


def _per_channel(x: Tensor, values: Sequence[float]) -> Tensor:
    return x.new_tensor(tuple(values))[:, None, None]


def adapt(
    model: object,
    *,
    preprocess: Preprocess | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    example: Tensor | None = None,
    evidential: nn.Module | None = None,
) -> Network:
    """Return the network behind the gate for anything that predicts classes.

    A module takes data space as it is, unless `mean` and `std`, or a whole differentiable `preprocess` (a torchvision
    weights' `transforms()`, say) is given; a timm model brings its own size, mean and std, and its name stands for
    `pretrained(name)`. `example` is an input in data space: its shape is what the layers of a module are looked for
    with, and without one a module has gradients but no layers (a timm model knows its input). `evidential` is a head
    that tells evidence logits (N, K) from what the module's last linear layer is given (`models.evidential` trains
    one). Of a scikit-learn classifier, target k is the k-th of its `classes_`.
    """
    if isinstance(model, str):
        model = pretrained(model)
    if isinstance(model, nn.Module):
        network = _inspected(model, _preprocess(model, preprocess, mean, std), example)
        return network if evidential is None else replace(network, evidential=Evidential(model, evidential))
    if any(option is not None for option in (preprocess, mean, std, example, evidential)):
        raise ValueError(
            f"preprocess, mean, std, example and evidential are for torch modules; the model is a {_kind(model)}"
        )
    if isinstance(model, Network):
        return model
    return Network(predict=_probabilities(model))


def _kind(model: object) -> str:
    return type(model).__name__


def _preprocess(
    module: nn.Module, preprocess: Preprocess | None, mean: Sequence[float] | None, std: Sequence[float] | None
) -> Preprocess:
    if preprocess is not None and (mean is not None or std is not None):
        raise ValueError("preprocess was given beside mean or std: give the one or the others")
    prepared = _as_parameters(preprocess or _pixels(module, mean, std), module)
    return _channels_last(prepared) if any(isinstance(part, nn.BatchNorm2d) for part in module.modules()) else prepared


def _pixels(module: nn.Module, mean: Sequence[float] | None, std: Sequence[float] | None) -> Pixels:
    """Return what was asked for, completed by a timm model's own configuration."""
    if not isinstance(getattr(module, "pretrained_cfg", None), dict):
        return Pixels(mean or (), std or ())
    config = _data_config(module)
    return Pixels(mean or config["mean"], std or config["std"], _input_shape(module)[1:])


def _data_config(module: nn.Module) -> dict[str, Any]:
    from ._torchvision import timm  # here, because it takes seconds and most networks do without

    config: dict[str, Any] = timm.data.resolve_model_data_config(module)  # type: ignore[attr-defined, no-untyped-call]
    return config


def _input_shape(module: nn.Module) -> tuple[int, int, int]:
    """Return the (C, H, W) that a timm model was built for; its patch embedding knows better than its configuration."""
    channels, height, width = _data_config(module)["input_size"]
    built = told(module, "img_size")
    return (channels, *built) if isinstance(built, tuple) and len(built) == 2 else (channels, height, width)


def _as_parameters(prepared: Preprocess, module: nn.Module) -> Preprocess:
    """Hand numbers over in the precision of the parameters, where all have one that is not the usual."""
    types = {part.dtype for part in module.parameters() if part.is_floating_point()}
    if len(types) != 1 or types == {torch.float32}:
        return prepared
    (precision,) = types

    def converted(x: Tensor) -> Tensor:
        y = prepared(x)
        return y.to(precision) if y.is_floating_point() else y

    return converted


def _channels_last(prepared: Preprocess) -> Preprocess:
    """Hand images over channels-last on a CPU: a tenth to two fifths faster where convolutions meet batch norms."""

    def faster(x: Tensor) -> Tensor:
        y = prepared(x)
        fits = y.ndim == 4 and y.device.type == "cpu"
        return y.contiguous(memory_format=torch.channels_last) if fits else y

    return faster


def _inspected(module: nn.Module, preprocess: Preprocess, example: Tensor | None) -> Network:
    network = Network(module, preprocess=preprocess, masked=maskings(module, preprocess), fast=foldable(module))
    if example is not None:
        shape = example.shape
    elif isinstance(getattr(module, "pretrained_cfg", None), dict):
        shape = torch.Size((1, *_input_shape(module)))
    else:
        return network
    inspection = Inspection(network, shape)
    return replace(network, layers=inspection.layers, grid=inspection.grid)


def _probabilities(classifier: object) -> Callable[[Tensor], Tensor]:
    """Return what gives a classifier's probabilities, float64 (N, K), for rows of raw columns."""
    ask = getattr(classifier, "predict_proba", None)
    if not callable(ask):
        raise TypeError(
            f"cannot adapt a {_kind(classifier)}: expected a torch module, a timm model's name, a Network or a fitted "
            "classifier with predict_proba; a regressor has no classes, and another classifier needs calibrating"
        )
    columns = getattr(classifier, "feature_names_in_", None)

    def predict(x: Tensor) -> Tensor:
        rows = x.detach().flatten(1).double().cpu().numpy()
        given = ask(rows if columns is None else pd.DataFrame(rows, columns=columns))
        if getattr(given, "ndim", 0) != 2:
            raise TypeError(f"{_kind(classifier)}.predict_proba gave no (N, K) array: adapt one output at a time")
        return torch.as_tensor(given, dtype=torch.float64, device=x.device)

    return predict


def pretrained(name: str, checkpoint: Path | str | None = None) -> nn.Module:
    """Return a timm model with its pretrained weights, from a file on this machine: nothing is downloaded.

    Looked for are `checkpoint`, then ARCHITECTURE.TAG.safetensors among torch hub's checkpoints, then what timm has
    downloaded before.
    """
    from ._torchvision import timm

    config = timm.models.get_pretrained_cfg(name)
    if config is None:
        close = get_close_matches(name.partition(".")[0], timm.list_models(), n=3)
        advice = f"did you mean {' or '.join(close)}?" if close else "timm.list_models() names them all"
        raise ValueError(f"timm has no model {name!r}: {advice}")
    full_name = f"{config.architecture}.{config.tag}" if config.tag else name
    place = Path(torch.hub.get_dir()) / "checkpoints" / f"{full_name}.safetensors"
    if checkpoint is None:
        file = place if place.is_file() else _downloaded(config.hf_hub_id, config.hf_hub_filename)
    else:
        file = Path(checkpoint) if Path(checkpoint).is_file() else None
    if file is None:
        wanted = f"{config.hf_hub_filename or HUB_FILES[0]} of {config.hf_hub_id or 'your own training'}"
        raise ValueError(
            f"the weights of {full_name} are missing: put {wanted} at {checkpoint or place}, "
            "or load them yourself and adapt the module"
        )
    return timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(file)})


def _downloaded(repository: str | None, filename: str | None) -> Path | None:
    """Return the file that an earlier download left in the cache."""
    if repository is None:
        return None
    names = (filename,) if filename else HUB_FILES
    found = (try_to_load_from_cache(repository, name) for name in names)
    return next((Path(path) for path in found if isinstance(path, str)), None)
