"""Registries read functions, and refuse in one line what is not a declaration."""

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from heatproof.benchmark import (
    BlackBox,
    Differentiable,
    Method,
    Metric,
    Rng,
    UnknownName,
    method,
    methods,
    metric,
    models,
)
from heatproof.benchmark import entries as registry_module
from heatproof.benchmark.entries import Entry, Registry, import_file
from heatproof.benchmark.question import Model
from heatproof.benchmark.registry import METHOD_WORDS, METRIC_WORDS, TRUTH_WORDS, Divider, Imputer

pytestmark = pytest.mark.usefixtures("own_parts")


def whole(model: Differentiable, x: Tensor, target: Tensor, rng: Rng, *, steps: int = 8, noise: float = 0.5) -> Tensor:
    """The input as it is.

    And more.
    """
    return x


@pytest.mark.parametrize("word", ["../../evil", "<lambda>", "a b", "a-b", "", "a" * 101, "a\n"])
def test_the_name_of_a_part_is_no_path(word: str) -> None:
    def part(x: Tensor) -> Tensor:
        """A part."""
        return x

    part.__name__ = word
    for kind in (Method, Metric, Imputer, Divider, Model):
        with pytest.raises(ValueError, match=r"is no name of a part: use a Python name|cannot be written down"):
            kind(part)


def test_the_library_of_a_method_is_no_path() -> None:
    def part(x: Tensor) -> Tensor:
        """A part."""
        return x

    with pytest.raises(ValueError, match="`library` is the name that a package is imported by"):
        Method(part, library="../../evil")


def test_the_signature_is_the_declaration() -> None:
    part = Method(whole, passes=lambda steps, units: (steps * units, 1))
    assert part.name == "whole"
    assert part.summary == "The input as it is."
    assert part.needs == ("model", "x", "target", "rng")
    assert dict(part.settings) == {"layer": "", "steps": 8, "noise": 0.5}
    assert part.own == {"steps", "noise"}
    assert part.capability is Differentiable
    assert part.stochastic
    assert part.with_defaults({"steps": 3}) == {"layer": "", "steps": 3, "noise": 0.5}
    assert part.passes_of({"steps": 3}, 5) == (15, 1)
    assert part.passes_of({"layer": "act"}, 5) is None, "the places of a layer are not counted before it is seen"
    assert Method(whole, passes=lambda steps: (steps, 1)).passes_of({"layer": "act"}, 5) == (8 + 2, 1)
    assert Method(whole).passes_of({}, 5) is None


def test_a_variant_has_other_defaults_and_a_name_that_tells_them() -> None:
    def varied(x: Tensor, *, steps: int = 8, noise: float = 0.5, fast: bool = False, how: str = "a") -> Tensor:
        """The input times the steps."""
        return x * steps

    part = methods.add(Method(varied))
    variant = methods["varied[fast=true, noise=1e-2,steps=3]"]
    assert variant.name == "varied[steps=3,noise=0.01,fast=True]", "in the order of the signature"
    assert dict(variant.settings) == {"steps": 3, "noise": 0.01, "fast": True, "how": "a"}
    assert (variant.base, variant.summary, variant.function) == ("varied", part.summary, varied)
    assert methods[variant.name] == variant
    assert pickle.loads(pickle.dumps(variant)) == variant
    assert dict(variant.variant(steps=4).given) == {"steps": 4, "noise": 0.01, "fast": True}
    assert methods["varied[]"] == part


def test_what_a_library_computes_is_named_after_it_and_stands_beside_ours() -> None:
    def varied(x: Tensor, *, steps: int = 8) -> Tensor:
        """The input times the steps."""
        return x * steps

    def own() -> Callable[..., Tensor]:
        def varied(x: Tensor) -> Tensor:
            """The input as it is."""
            return x

        return varied

    ours = method()(own())
    assert method(library="elsewhere")(varied) is varied
    part = methods["varied@elsewhere"]
    assert (part.name, part.base, part.library, part.function) == (
        "varied@elsewhere",
        "varied@elsewhere",
        "elsewhere",
        varied,
    )
    assert (part.role, methods["varied"].function, methods["varied"].library) == ("entrant", ours, "")
    variant = methods["varied@elsewhere[steps=3]"]
    assert (variant.name, variant.base) == ("varied@elsewhere[steps=3]", "varied@elsewhere")
    assert pickle.loads(pickle.dumps(variant)) == variant
    with pytest.raises(UnknownName, match="did you mean varied@elsewhere"):
        _ = methods["varied@elsewere"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("varied[stpes=3]", ValueError, "varied has no setting 'stpes': did you mean 'steps'"),
        ("varied[steps=many]", ValueError, "varied: steps='many' is no int"),
        ("varied[fast=3]", ValueError, "varied: fast='3' is no bool"),
        ("vaired[steps=3]", UnknownName, "unknown method 'vaired': did you mean varied"),
    ],
)
def test_a_variant_that_cannot_be_is_refused_in_one_line(name: str, error: type[Exception], message: str) -> None:
    def varied(x: Tensor, *, steps: int = 8, fast: bool = False) -> Tensor:
        """The input as it is."""
        return x

    methods.add(Method(varied))
    with pytest.raises(error, match=message):
        _ = methods[name]


def test_what_is_no_part_has_no_variants() -> None:
    with pytest.raises(ValueError, match="creatures_vit has no settings: 'depth=3' cannot be given"):
        _ = models["creatures_vit[depth=3]"]


def test_a_part_that_asks_nothing_of_the_model_needs_no_capability() -> None:
    def still(x: Tensor) -> Tensor:
        """Nothing."""
        return x

    assert Method(still).capability is None
    assert not Method(still).stochastic


def misspelt(model: BlackBox, x: Tensor, tagret: Tensor) -> Tensor:
    """Doc."""
    return x


def strange(x: Tensor, zzzz: int) -> Tensor:
    """Doc."""
    return x


def no_default(x: Tensor, *, steps: int) -> Tensor:
    """Doc."""
    return x


def variadic(*x: Tensor) -> Tensor:
    """Doc."""
    return x[0]


def keywords(x: Tensor, **settings: int) -> Tensor:
    """Doc."""
    return x


def positional_only(x: Tensor, /) -> Tensor:
    """Doc."""
    return x


def undocumented(x: Tensor) -> Tensor:
    return x


def bare_model(model, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
    """Doc."""
    return x


def wrong_model(model: Tensor, x: Tensor) -> Tensor:
    """Doc."""
    return x


def cheat(x: Tensor, truth: Tensor) -> Tensor:
    """Doc."""
    return x


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (misspelt, r"misspelt: nothing is called 'tagret' \(did you mean 'target'\?\); a setting goes behind a `\*`"),
        (
            strange,
            r"strange: nothing is called 'zzzz' \(known: baseline, game, model, pool, rng, target, truth, units, x\)",
        ),
        (no_default, "no_default: the setting 'steps' has no default: give it one"),
        (variadic, r"variadic: \*x is not a declaration"),
        (keywords, r"keywords: \*settings is not a declaration"),
        (positional_only, "positional_only: .*x is not a declaration"),
        (undocumented, "undocumented has no docstring: say in its first line"),
        (bare_model, "bare_model: annotate `model` with what it needs, one of BlackBox, Differentiable, Layered"),
        (wrong_model, "wrong_model: annotate `model` with what it needs.*Tensor"),
        (cheat, "cheat: a method never sees the truth: drop the parameter 'truth'"),
    ],
)
def test_what_is_not_a_declaration_is_refused_in_one_line(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        method()(function)
    assert "\n" not in str(refusal.value)
    assert function.__name__ not in methods


@pytest.mark.parametrize("role", ["control", "canary"])
def test_only_shipped_methods_have_a_role(role: str) -> None:
    with pytest.raises(ValueError, match=f"whole: only shipped methods can have the role '{role}'"):
        Method(whole, role=role)  # type: ignore[arg-type]


def test_a_misspelt_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="whole has no setting 'step': did you mean 'steps'"):
        Method(whole).with_defaults({"step": 3})
    with pytest.raises(ValueError, match="whole has no setting 'zzz': its settings: layer, steps, noise"):
        Method(whole).with_defaults({"zzz": 3})


def test_metrics_know_their_directions() -> None:
    def two(attribution: Tensor) -> dict[str, Tensor]:
        """Doc."""
        return {}

    assert Metric(two, better="lower").directions == {"two": "lower"}
    both = Metric(two, better={"a": "lower", "b": "higher"}, reads={"b": "magnitude"}, descriptive=("a",))
    assert both.directions == {"a": "lower", "b": "higher"}
    assert [both.reads_of(name) for name in both.directions] == ["signed", "magnitude"]


@pytest.mark.parametrize("said", [{"descriptive": ("c",)}, {"reads": {"c": "magnitude"}}])
def test_what_is_said_of_a_score_that_there_is_not_is_refused(said: dict[str, Any]) -> None:
    def two(attribution: Tensor) -> dict[str, Tensor]:
        """Doc."""
        return {}

    with pytest.raises(ValueError, match="two has no score 'c': its scores are a, b"):
        Metric(two, better={"a": "lower", "b": "higher"}, **said)


def test_the_vocabulary_keeps_the_truth_from_methods() -> None:
    assert METRIC_WORDS > TRUTH_WORDS
    assert {"truth"} == METHOD_WORDS & TRUTH_WORDS


def made(name: str, source: str = "a") -> Entry:
    namespace: dict[str, Any] = {"__name__": f"module_{source}"}
    exec(compile(f"def {name}(x):\n    'Doc.'\n", f"/somewhere/{source}.py", "exec"), namespace)
    return Entry(namespace[name])


def shelf(*names: str) -> Registry[Entry]:
    registry: Registry[Entry] = Registry("thing", "methods")
    registry._loaded = True
    for name in names:
        registry.add(made(name))
    return registry


def test_a_name_that_another_function_holds_is_refused() -> None:
    registry = shelf("first")
    with pytest.raises(ValueError, match=r"thing 'first' is already defined in .*: choose another name"):
        registry.add(made("first", "b"))
    assert len(registry) == 1


def test_the_same_function_may_be_defined_again() -> None:
    registry = shelf("first")
    again = registry.add(made("first"))
    assert registry["first"] is again


def test_an_unknown_name_comes_with_the_nearest() -> None:
    registry = shelf("gradient", "integrated_gradients", "occlusion")
    with pytest.raises(UnknownName, match="unknown thing 'gradeint': did you mean gradient"):
        registry["gradeint"]
    with pytest.raises(UnknownName) as refusal:
        registry["zzz"]
    assert str(refusal.value) == "unknown thing 'zzz': known: gradient, integrated_gradients, occlusion"


def test_a_registry_is_a_sorted_collection() -> None:
    registry = shelf("b", "a")
    assert list(registry) == ["a", "b"]
    assert len(registry) == 2
    assert "a" in registry
    assert "c" not in registry


@dataclass
class Plug:
    """An installed plug-in's entry point."""

    name: str
    loads: Callable[[], object]
    value: str = "plug:in"

    def load(self) -> object:
        return self.loads()


def test_plug_ins_load_on_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def plugged(x: Tensor) -> Tensor:
        """From a plug-in."""
        return x

    def entry_points(group: str) -> list[Plug]:
        asked.append(group)
        return [Plug("plugged", lambda: registry.add(Method(plugged)))]

    registry: Registry[Method] = Registry("method", "methods")
    monkeypatch.setattr(registry_module, "entry_points", entry_points)
    assert not asked
    assert registry["plugged"].summary == "From a plug-in."
    assert list(registry).count("plugged") == 1
    assert asked == ["heatproof.methods"]


def test_entry_points_are_loaded_by_the_ordinary_machinery(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "my_plug_in.py").write_text(
        "from torch import Tensor\nfrom heatproof.benchmark import method\n\n@method()\n"
        "def from_my_plug_in(x: Tensor) -> Tensor:\n    'Doc.'\n    return x\n"
    )
    entry = EntryPoint("anything", "my_plug_in", "heatproof.methods")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry_module, "entry_points", lambda group: [entry] if group == entry.group else [])
    monkeypatch.setattr(methods, "_loaded", False)
    assert "from_my_plug_in" in methods
    monkeypatch.delitem(sys.modules, "my_plug_in")


def test_a_plug_in_that_does_not_load_is_named_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> object:
        raise ImportError("no module named 'left_pad'")

    registry: Registry[Method] = Registry("method", "methods")
    monkeypatch.setattr(registry_module, "entry_points", lambda group: [Plug("their_method", broken)])
    for _ in range(2):
        with pytest.raises((ValueError, ImportError), match="left_pad"):
            registry["anything"]


FILE = """
from __future__ import annotations
from dataclasses import dataclass
from torch import Tensor
from heatproof.benchmark import BlackBox, method

@dataclass
class Options:
    strength: float = 1.0

@method()
def from_a_file(model: BlackBox, x: Tensor, target: Tensor) -> Tensor:
    "From a file."
    return x
"""


def test_a_file_registers_what_it_defines(tmp_path: Path) -> None:
    path = tmp_path / "my_method.py"
    path.write_text(FILE.replace("from __future__ import annotations\n", ""))
    module = import_file(path)
    assert [part.name for part in methods.from_module(module)] == ["from_a_file"]
    assert methods["from_a_file"].capability is BlackBox
    import_file(path)


def test_a_file_may_postpone_its_annotations(tmp_path: Path) -> None:
    path = tmp_path / "postponed.py"
    path.write_text(FILE)
    import_file(path)
    assert methods["from_a_file"].capability is BlackBox


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("import left_pad", "ModuleNotFoundError: No module named 'left_pad'"),
        ("def (", "SyntaxError"),
        ("1 / 0", "Zero"),
    ],
)
def test_a_file_that_does_not_import_is_named(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"broken.py does not import: {reason}"):
        import_file(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist: give the path of a Python file, or the name"):
        import_file(tmp_path / "nothing.py")


def test_a_cell_of_a_notebook_may_be_run_again_after_an_edit() -> None:
    """A notebook gives every version of a cell a file name of its own, and calls its module __main__."""
    for version in ("ipykernel_1/111.py", "ipykernel_1/222.py"):
        source = "from torch import Tensor\nfrom heatproof.benchmark import method\n\n@method()\n"
        source += "def from_a_notebook(x: Tensor) -> Tensor:\n    'Doc.'\n    return x\n"
        exec(compile(source, f"/tmp/{version}", "exec"), {"__name__": "__main__"})


def test_the_decorators_give_the_function_back() -> None:
    def plain(attribution: Tensor) -> Tensor:
        """Doc."""
        return attribution.sum(1)

    assert metric(better="higher")(plain) is plain


def test_a_name_that_cannot_be_written_down_is_refused() -> None:
    def odd(x: Tensor) -> Tensor:
        """A method."""
        return x

    for name in ("a\0b", "a\ud800b", "a\nb"):
        odd.__name__ = name
        with pytest.raises(ValueError, match="has characters that cannot be written down: choose another"):
            Method(odd)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("first", "`first`: a sum; NaN where it is zero. NaN for a zero map."),
        ("second", "NaN for a zero map."),
    ],
)
def test_a_metric_says_when_a_score_is_undefined(score: str, expected: str) -> None:
    def told(attribution: Tensor) -> dict[str, Tensor]:
        """Two scores.

        - `first`: a sum; NaN where it is
          zero. `second`: a mean.

        NaN for a zero map.
        """
        return {"first": attribution.sum(1), "second": attribution.mean(1)}

    assert Metric(told, better={"first": "higher", "second": "lower"}).undefined(score) == expected
