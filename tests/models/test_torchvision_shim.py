"""timm can be imported whether or not torchvision's extension fits the installed torch."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from heatproof.benchmark import libraries
from heatproof.benchmark.libraries import UNDECLARED, imported
from heatproof.models import _torchvision

OPERATORS = """
import torch
library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def test_timm_arrives_working() -> None:
    assert _torchvision.timm.is_model("resnet18")
    assert hasattr(torch.ops.torchvision, "nms")


def attempts(monkeypatch: pytest.MonkeyPatch, *outcomes: object) -> list[str]:
    """Let imports come out so, one after the other, and record them and what is declared."""
    done, left = [], list(outcomes)

    def attempt(module: str) -> object:
        done.append(module)
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(libraries, "import_module", attempt)
    monkeypatch.setattr(libraries, "declare_operators", lambda: done.append("declared"))
    return done


def test_operators_are_declared_after_the_failure_that_they_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ModuleType("torchvision")
    done = attempts(monkeypatch, RuntimeError(UNDECLARED), here)
    assert imported("torchvision") is here
    assert done == ["torchvision", "declared", "torchvision"]


@pytest.mark.parametrize("error", [RuntimeError("compiled with different CUDA versions"), ImportError("no")], ids=repr)
def test_no_other_failure_is_mended(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    done = attempts(monkeypatch, error)
    with pytest.raises(type(error), match=str(error)):
        imported("torchvision")
    assert done == ["torchvision"]


def test_a_torchvision_that_loads_its_operators_is_left_alone(tmp_path: Path) -> None:
    """Whatever its compiled file is called: an operator that is declared twice ends the process."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(OPERATORS)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from heatproof.benchmark.libraries import load"
    subprocess.run([sys.executable, "-c", f"{code}; load('torchvision').library"], check=True)


def test_a_library_finds_torchvision_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    done = attempts(monkeypatch, RuntimeError(UNDECLARED), ModuleType("torchvision"), ModuleType("quantus"))
    assert libraries.load("quantus").__name__ == "quantus"
    assert done == ["torchvision", "declared", "torchvision", "quantus"]


@pytest.mark.slow
def test_a_fresh_interpreter_imports_it_without_a_warning() -> None:
    code = "from heatproof.models._torchvision import timm; import torchvision; timm.create_model('resnet10t')"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
