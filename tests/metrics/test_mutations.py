"""The kit catches plausible mistakes: each is put in alone, and the checks of the metric must fail."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import heatproof

ROOT = Path(heatproof.__file__).parent
CHECK = """
import sys
from heatproof.benchmark.checks import check_metric
failed = [check for check in check_metric(sys.argv[1], raises=False) if not check.passed]
print(*(f"{check.name}: {check.reason}" for check in failed), sep="\\n")
sys.exit(3 if failed else 0)
"""


@dataclass(frozen=True)
class Mistake:
    """A plausible mistake, and a metric that it spoils."""

    name: str
    metric: str
    file: str
    right: str
    wrong: str


CURVES = "metrics/faithfulness/perturbation_curves.py"
MISTAKES = [
    Mistake(
        "no last point", "perturbation_curves", CURVES, "for step in range(count + 1)]", "for step in range(count)]"
    ),
    Mistake(
        "no first point",
        "perturbation_curves",
        CURVES,
        "for step in range(count + 1)]",
        "for step in range(1, count + 1)]",
    ),
    Mistake("one unit too many", "perturbation_curves", CURVES, "place < cut for", "place <= cut for"),
    Mistake(
        "reversed ranks",
        "perturbation_curves",
        "benchmark/ranking.py",
        "descending=True, stable",
        "descending=False, stable",
    ),
    Mistake(
        "ties by place",
        "perturbation_curves",
        "benchmark/ranking.py",
        "rng.permutation(relevance.shape[1])",
        "torch.arange(relevance.shape[1]).expand_as(relevance)",
    ),
    Mistake(
        "magnitudes",
        "perturbation_curves",
        CURVES,
        "per_unit(attribution, units) / size",
        "per_unit(attribution, units).abs() / size",
    ),
    Mistake(
        "relevance not per area",
        "perturbation_curves",
        CURVES,
        "density = per_unit(attribution, units) / size",
        "density = per_unit(attribution, units)",
    ),
    Mistake(
        "steps as abscissa",
        "perturbation_curves",
        CURVES,
        "fraction = (top * size[:, None]).sum(2) / size.sum(1, keepdim=True).double()",
        "fraction = top.double().mean(2)",
    ),
    Mistake(
        "mean for trapezoid",
        "perturbation_curves",
        "benchmark/curves.py",
        "torch.trapezoid(curve.double(), fraction.double(), dim=1)",
        "curve.double().mean(1)",
    ),
    Mistake(
        "unnormalised abscissa",
        "perturbation_curves",
        "benchmark/curves.py",
        "torch.trapezoid(curve.double(), fraction.double(), dim=1)",
        "torch.trapezoid(curve.double(), dim=1)",
    ),
    Mistake(
        "gain the wrong way round",
        "perturbation_curves",
        CURVES,
        'below["insertion"] - below["deletion"]',
        'below["deletion"] - below["insertion"]',
    ),
    Mistake(
        "the baseline perturbed by itself",
        "perturbation_curves",
        "benchmark/units.py",
        "torch.where(like_input(kept, x), x, baseline)",
        "torch.where(like_input(kept, x), baseline, baseline)",
    ),
    Mistake(
        "first batch only",
        "perturbation_curves",
        "benchmark/harness.py",
        "[part[name] for part in parts], portions",
        "[parts[0][name] for part in parts], portions",
    ),
    Mistake(
        "undefined as zero",
        "perturbation_curves",
        "benchmark/curves.py",
        "torch.where(gap == 0, torch.nan,",
        "torch.where(gap == 0, 0.0,",
    ),
    Mistake(
        "direction declared backwards", "perturbation_curves", CURVES, '"deletion": "lower"', '"deletion": "higher"'
    ),
    Mistake(
        "silent abs",
        "relevance_mass",
        "metrics/truth/relevance_mass.py",
        "attribution.clamp(min=0)",
        "attribution.abs()",
    ),
    Mistake(
        "signed total", "relevance_mass", "metrics/truth/relevance_mass.py", "attribution.clamp(min=0)", "attribution"
    ),
    Mistake(
        "an empty mask is a hit",
        "pointing_game",
        "metrics/truth/pointing_game.py",
        '.where(truth.any(1), float("nan"))',
        "",
    ),
    Mistake(
        "any tied maximum counts",
        "pointing_game",
        "metrics/truth/pointing_game.py",
        "(top & hit).sum(1) / top.sum(1).double()",
        "(top & hit).any(1) / top.any(1).double()",
    ),
    Mistake(
        "one rank too few",
        "relevance_rank",
        "metrics/truth/_top.py",
        "(most - 1).clamp(min=0)",
        "(most - 2).clamp(min=0)",
    ),
    Mistake(
        "ties all counted",
        "relevance_rank",
        "metrics/truth/_top.py",
        "places * (tied & truth).sum(1)",
        "count * (tied & truth).sum(1)",
    ),
    Mistake(
        "largest of the batch",
        "effective_complexity",
        "metrics/complexity/effective_complexity.py",
        "largest = magnitude.amax(1, keepdim=True)",
        "largest = magnitude.amax().expand(len(magnitude), 1)",
    ),
    Mistake(
        "logarithm of nothing",
        "entropy",
        "metrics/complexity/entropy.py",
        "torch.special.entr(share)",
        "-(share * share.log())",
    ),
    Mistake(
        "entropy grows with size",
        "entropy",
        "metrics/complexity/entropy.py",
        " / (log(count) if count > 1 else torch.nan)",
        "",
    ),
    Mistake(
        "Gini off by one",
        "sparseness",
        "metrics/complexity/sparseness.py",
        "torch.arange(1, count + 1",
        "torch.arange(count",
    ),
    Mistake(
        "raw correlation",
        "effect_correlation",
        "metrics/truth/effect_correlation.py",
        "ranks(per_unit(attribution, parts, effect.shape[1]))",
        "per_unit(attribution, parts, effect.shape[1])",
    ),
    Mistake(
        "ranks without ties",
        "effect_correlation",
        "benchmark/ranking.py",
        "(below + up_to + 1).double() / 2",
        "(below + 1).double()",
    ),
    Mistake(
        "nothing centred",
        "centred_cosine",
        "metrics/truth/_centred.py",
        "bounded - bounded.mean(1, keepdim=True)",
        "bounded",
    ),
    Mistake(
        "equal effects agree",
        "centred_cosine",
        "metrics/truth/_centred.py",
        ".masked_fill(constant, 0.0)",
        "",
    ),
    Mistake(
        "magnitudes before the sum",
        "centred_cosine",
        "metrics/truth/centred_cosine.py",
        "relevance = per_unit(attribution, grown",
        'relevance = per_unit(attribution.abs() if sign == "magnitude" else attribution, grown',
    ),
    Mistake(
        "a margin that two parts share",
        "centred_cosine",
        "metrics/truth/_grown.py",
        "near.sum(1) == 1, ",
        "near.any(1), ",
    ),
    Mistake(
        "a margin without its corners",
        "centred_cosine",
        "metrics/truth/_grown.py",
        "side = 2 * tolerance + 1",
        "side = 2 * tolerance - 1",
    ),
    Mistake(
        "Shapley values whatever is asked",
        "value_correlation",
        "metrics/truth/_concepts.py",
        "return values[concept]",
        'return values.get("shapley", values[concept])',
    ),
    Mistake(
        "unit lengths before the difference",
        "centred_contrast",
        "metrics/truth/centred_contrast.py",
        "differs = uncancelled(asked - other, asked.abs() + other.abs())",
        "differs = asked / asked.norm(dim=1, keepdim=True) - other / other.norm(dim=1, keepdim=True)",
    ),
    Mistake(
        "the target alone",
        "centred_contrast",
        "metrics/truth/centred_contrast.py",
        "effect - rival_effect, ",
        "effect, ",
    ),
    Mistake(
        "ties count whole",
        "localisation_auc",
        "metrics/truth/localisation_auc.py",
        "below(attribution, impossible) + below",
        "below(attribution, impossible, right=True) + below",
    ),
    Mistake(
        "equality of floats",
        "completeness",
        "metrics/axioms/completeness.py",
        "(attribution.sum(1) - change).abs() / change.abs()",
        "(attribution.sum(1) != change).double() / change.abs()",
    ),
    Mistake(
        "drops without a sign",
        "unit_effects",
        "metrics/faithfulness/unit_effects.py",
        "pearson(relevance, effect, ",
        "pearson(relevance, effect.abs(), ",
    ),
    Mistake(
        "a scale of either sign",
        "subset_correlations",
        "metrics/faithfulness/subset_correlations.py",
        ".nan_to_num(0.0).clamp(min=0.0)",
        ".nan_to_num(0.0)",
    ),
    Mistake(
        "the rationale is what is hidden",
        "comprehensiveness",
        "metrics/faithfulness/comprehensiveness.py",
        "~top, top], 1)",
        "top, ~top], 1)",
    ),
    Mistake(
        "the least relevant first",
        "road",
        "metrics/faithfulness/road.py",
        "for order in (first, first.flip(1))",
        "for order in (first.flip(1), first)",
    ),
    Mistake(
        "one share too many",
        "road",
        "metrics/faithfulness/road.py",
        "PERCENT = (10, 20, 30, 40, 50, 60, 70, 80, 90)",
        "PERCENT = (10, 20, 30, 40, 50, 60, 70, 80, 100)",
    ),
    Mistake(
        "mean for maximum",
        "stability",
        "metrics/robustness/stability.py",
        '"max_sensitivity": change.amax(1)',
        '"max_sensitivity": change.mean(1)',
    ),
    Mistake(
        "copies of another class counted",
        "stability",
        "metrics/robustness/stability.py",
        "same = prediction[:, 1:] == prediction[:, :1]",
        "same = prediction[:, 1:] == prediction[:, 1:]",
    ),
    Mistake(
        "the same class asked again",
        "random_logit",
        "metrics/randomisation/random_logit.py",
        "(target + 1 + rng",
        "(target + 0 + rng",
    ),
    Mistake(
        "nothing forgotten",
        "mprt",
        "benchmark/network.py",
        "module.get_parameter(name).copy_(values)",
        "module.get_parameter(name).add_(0 * values)",
    ),
]


def mutated(mistake: Mistake, folder: Path) -> Path:
    """Return a folder with the package and one mistake in it."""
    home, *_ = Path(mistake.file).parts
    package = folder / "heatproof"
    package.mkdir()
    for path in ROOT.iterdir():
        if path.name != home and (path.suffix == ".py" or (path / "__init__.py").is_file()):
            (package / path.name).symlink_to(path)
    shutil.copytree(ROOT / home, package / home, ignore=shutil.ignore_patterns("__pycache__"))
    file = package / mistake.file
    source = file.read_text(encoding="utf-8")
    assert source.count(mistake.right) == 1, f"{mistake.file} has changed: write this mistake anew"
    file.write_text(source.replace(mistake.right, mistake.wrong), encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.metric}: {mistake.name}")
def test_a_mistake_is_caught(mistake: Mistake, tmp_path: Path) -> None:
    path = {**os.environ, "PYTHONPATH": str(mutated(mistake, tmp_path)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHECK, mistake.metric]
    said = subprocess.run(command, env=path, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 3, f"{mistake.name} got through: {said.stdout or said.stderr}"
