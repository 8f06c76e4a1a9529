"""timm can be imported whether or not torchvision's extension fits the installed torch."""

import subprocess
import sys

import pytest
import torch

from heatproof.benchmark import libraries
from heatproof.models import _torchvision


def test_timm_arrives_working():
    assert _torchvision.timm.is_model("resnet18")
    assert hasattr(torch.ops.torchvision, "nms")


def test_operators_are_declared_exactly_where_the_extension_is_missing():
    assert (libraries.torchvision_operators() is None) == libraries.extension_loads()


@pytest.mark.parametrize("loads", [True, False])
def test_a_healthy_torchvision_is_left_alone(monkeypatch, loads):
    monkeypatch.setattr(libraries, "extension_loads", lambda: loads)
    monkeypatch.setattr(libraries, "SCHEMAS", ("only_a_test(Tensor x) -> Tensor",))
    library = libraries.torchvision_operators.__wrapped__()
    assert (library is None) == loads
    assert hasattr(torch.ops.torchvision, "only_a_test") != loads


@pytest.mark.slow
def test_a_fresh_interpreter_imports_it_without_a_warning():
    code = "from heatproof.models._torchvision import timm; import torchvision; timm.create_model('resnet10t')"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
