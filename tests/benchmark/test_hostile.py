"""Methods that misbehave in fifty ways run beside honest ones, who lose nothing; each offender is named in a line."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from heatproof.api import suite
from heatproof.benchmark import methods
from heatproof.benchmark.plan import plan

HERE = Path(__file__).parent
HONEST = ["honest", "gradient", "integrated_gradients"]
METHODS = [word for name in ("honest.py", "gradient", "integrated_gradients") for word in ("--method", name)]
SECONDS, LONGEST = 3, 1000
ALLOWED = {"doubles_itself", "floods_the_output", "refuses_without_a_word", "writes_over_the_samples"}
"""They do what costs nobody anything, and are no failures."""
FILE = '''
from torch import Tensor
from heatproof.benchmark import Rng, method

@method()
def honest(x: Tensor, rng: Rng) -> Tensor:
    """The input, and a little noise."""
    return x + rng.normal(*x.shape[1:])
'''
SUITE = """name = "tiny"
version = "1"
samples = 3
tasks = ["cancer_columns@breast_cancer_mlp"]
methods = ["random", "oracle"]
metrics = ["effect_cosine", "perturbation_curves", "sparseness"]
"""


@pytest.mark.slow
def test_the_honest_lose_nothing_and_each_offender_is_named_in_a_line(
    command: Callable[..., SimpleNamespace], contents: Callable[..., dict[str, object]], tmp_path: Path
) -> None:
    (tmp_path / "honest.py").write_text(FILE)
    (tmp_path / "tiny.toml").write_text(SUITE)
    alone = command("run", "tiny.toml", *METHODS, "--out", "alone")
    assert (alone.status, alone.err.strip()) == (0, "")
    hostile = ["--method", str(HERE / "hostile_parts.py"), *METHODS]
    said = command("run", "tiny.toml", *hostile, "--out", "together", "--timeout", str(SECONDS), "--workers", "2")

    cells = plan(suite(str(tmp_path / "tiny.toml")), [methods[name] for name in HONEST])
    kinds = {cell.key for cell in cells}, {cell.explanation for cell in cells}
    kept = contents(tmp_path / "alone", *kinds)
    assert len(kept) > len(HONEST)
    assert contents(tmp_path / "together", *kinds).items() >= kept.items()

    file = sys.modules["heatproof_file_hostile_parts"]
    offenders = {method.name: method.summary for method in methods.from_module(file)}
    assert len(offenders) >= 50
    assert said.status == 1
    lines = [line for line in said.err.splitlines() if line.startswith("heatproof: ")]
    page = (tmp_path / "together" / "report" / "index.html").read_text(encoding="utf-8")
    for name, why in offenders.items():
        heard = [line for line in lines if line.startswith(f"heatproof: {name}: ")]
        assert len(heard) == (name not in ALLOWED), (name, heard)
        assert all(why in line and len(line) < LONGEST for line in heard), (why, heard)
        assert name in page
    assert len(lines) == len(offenders) - len(ALLOWED), lines
