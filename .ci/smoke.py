"""Run what all releases that are allowed must serve: adapters, a tiny suite, all formats of the report."""

import os
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from sklearn.linear_model import LogisticRegression

from heatproof import adapt, evaluate
from heatproof.models._torchvision import timm

SUITE = """
name = "tiny"
version = "1"
samples = 4
tasks = ["linear", "saturation", "part_shapley@creatures_resnet"]
methods = ["random", "oracle", "constant", "gradient", "leave_one_out", "integrated_gradients@captum"]
metrics = ["perturbation_curves", "effect_cosine", "effect_correlation"]
"""
FORMATS = ("html", "markdown", "latex", "csv", "json")


def adapters() -> None:
    """Score a map of a timm network's and of a classifier's input."""
    network = adapt(timm.create_model("resnet10t", num_classes=3).eval())
    x, target = torch.rand(4, 3, 64, 64), torch.zeros(4, dtype=torch.long)
    assert len(evaluate(network, x, target, {"mine": x}, metrics=["perturbation_curves"]))
    rows = torch.rand(40, 4)
    classifier = LogisticRegression().fit(rows.numpy(), (rows[:, 0] > 0.5).numpy())
    assert len(evaluate(classifier, rows[:4], target, {"mine": rows[:4]}, metrics=["perturbation_curves"]))


def command(*words: str) -> None:
    """Run the command line in a process of its own."""
    subprocess.run([sys.executable, "-c", "from heatproof.cli import main; main()", *words], check=True)


def main() -> None:
    """Fail at the first thing that does not work."""
    warnings.simplefilter("ignore")
    adapters()
    Path("tiny.toml").write_text(SUITE, encoding="utf-8")
    command("list", "methods", "--json")
    command("run", "tiny.toml")
    command("report", "runs/tiny", "--format", ",".join(FORMATS), "--out", "report")
    assert {file.suffix for file in Path("report").iterdir()} >= {".html", ".md", ".tex", ".csv", ".json"}
    print(f"works with torch {version('torch')}, numpy {version('numpy')}, pandas {version('pandas')}")  # noqa: T201


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        sys.path[0] = ""  # the package as installed, whatever folder this is
        os.chdir(folder)
        main()
