"""The first draft of a contributor's files."""

from keyword import iskeyword
from pathlib import Path

from .benchmark import methods
from .benchmark.entries import LONGEST

METHOD = '''"""{title}."""

from heatproof import Differentiable, method
from torch import Tensor


@method(passes=lambda: (1, 1))
def {name}(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """Say in one sentence what it computes."""
    return x * model.gradient(x, target)
'''
TEST = '''"""Put {name} through the contract of methods."""

from pathlib import Path

from heatproof import check_method, import_file

PART = import_file(Path(__file__).with_name("{name}.py"))


def test_contract() -> None:
    check_method(PART.{name})
'''


def write_method(name: str, folder: Path) -> tuple[Path, Path]:
    """Write a method's file and its test; a name that is taken, or files that are there, are refused."""
    if not name.isidentifier() or iskeyword(name) or not name.islower() or len(name) > LONGEST:
        raise ValueError(f"{name[:80]!r} is not a method's name: use lower case and underscores, as in my_explainer")
    if name in methods:
        raise ValueError(f"a method {name!r} exists already: choose another name")
    paths = folder / f"{name}.py", folder / f"test_{name}.py"
    for path in paths:
        if path.exists():
            raise ValueError(f"{path} exists already: nothing was written")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in zip(paths, (METHOD, TEST), strict=True):
        path.write_text(text.format(name=name, title=name.replace("_", " ").capitalize()), encoding="utf-8")
    return paths
