"""The agreement of a run's methods, from its stored maps to what the command line prints."""

import itertools
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, Rng, Truth, UnknownName, method, methods, metric, metrics, tasks
from heatproof.benchmark import task as register
from heatproof.benchmark.results import Results
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import Suite
from heatproof.cli import main
from heatproof.leaderboard._krippendorff import krippendorff_alpha
from heatproof.leaderboard.agreement import MEASURES, Agreement, agreement

UNITS = torch.tensor([0, 0, 0, 1, 1, 2, 3, 4, 5])
N = 7
TASKS = ("agree_first", "agree_second", "agree_other")
METHODS = ("oracle", "agree_constant", "agree_same", "agree_opposite", "agree_rounded", "agree_noise", "agree_partly")
ENTRANTS = METHODS[1:]


def network() -> Network:
    """A linear layer that does not matter here."""
    return Network(nn.Linear(len(UNITS), 2))


def samples_of(name: str) -> Batch:
    x = torch.randn(N, len(UNITS), generator=torch.Generator().manual_seed(sum(map(ord, name))))
    units = UNITS.expand(N, -1)
    return Batch(tuple(f"{name}-{n}" for n in range(N)), x, torch.zeros(N).long(), units, torch.zeros_like(x))


def shared_samples(model: Gate, split: str, size: int) -> Batch:
    return samples_of(f"shared {split}")[:size]


def other_samples(model: Gate, split: str, size: int) -> Batch:
    return samples_of(f"other {split}")[:size]


def agree_first(model: Gate, batch: Batch) -> Truth:
    """The effects of the first units."""
    return Truth(batch.units, effect=torch.arange(6.0).expand(len(batch), -1).double())


def agree_second(model: Gate, batch: Batch) -> Truth:
    """The opposite."""
    return Truth(batch.units, effect=-torch.arange(6.0).expand(len(batch), -1).double())


def agree_other(model: Gate, batch: Batch) -> Truth:
    """The effects of the first units on other samples."""
    return agree_first(model, batch)


def agree_constant(x: Tensor) -> Tensor:
    """The same everywhere."""
    return torch.ones_like(x)


def agree_same(x: Tensor) -> Tensor:
    """The input."""
    return x


def agree_opposite(x: Tensor) -> Tensor:
    """The input, turned round."""
    return -x


def agree_rounded(x: Tensor) -> Tensor:
    """The input without its decimals."""
    return x.round()


def agree_noise(x: Tensor, rng: Rng) -> Tensor:
    """Noise."""
    return rng.normal(x.shape[1])


def agree_partly(x: Tensor) -> Tensor:
    """The square of the input, constant on the first three samples."""
    return x**2 * (x[:, :1] != samples_of("shared test").x[:3, 0]).all(1, keepdim=True)


def agree_score(attribution: Tensor) -> Tensor:
    """A score that does not matter here."""
    return attribution.sum(1)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """A run of six methods and the oracle on two tasks with the same samples and one with others."""
    asked = {"on": network, "family": "agree", "truth_type": "analytic", "headline": "agree_score", "knows": {"effect"}}
    for function in (agree_first, agree_second):
        register(samples=shared_samples, **asked)(function)
    register(samples=other_samples, **asked)(agree_other)
    for name in ENTRANTS:
        method()(globals()[name])
    metric(better="higher", scale_free=False)(agree_score)
    suite = Suite(name="agree", version="1", samples=N, tasks=TASKS, methods=METHODS, metrics=("agree_score",))
    yield run(suite, tmp_path_factory.mktemp("agreement"))
    for registry, names in ((tasks, TASKS), (methods, ENTRANTS), (metrics, ("agree_score",))):
        for name in names:
            del registry._parts[name]


@pytest.fixture(scope="module")
def kendall(results: Results) -> Agreement:
    return agreement(results)


def densities(results: Results, task: str, name: str) -> list[list[float]]:
    """The mean relevance of each unit's elements, in plain loops."""
    stored = results.maps(task, name)
    assert stored is not None
    return [[float(np.mean([row[e] for e in range(9) if UNITS[e] == u])) for u in range(6)] for row in stored.values]


def row_of(found: Agreement, task: str, a: str, b: str) -> dict[str, float]:
    pairs = found.pairs.set_index(["task", "a", "b"])
    return dict(pairs.loc[(task, *((a, b) if (task, a, b) in pairs.index else (b, a)))])


def test_tasks_on_the_same_samples_are_shown_once(kendall: Agreement) -> None:
    assert kendall.tasks == {"agree_first": ("agree_first", "agree_second"), "agree_other": ("agree_other",)}
    assert set(kendall.pairs["task"]) == set(kendall.alpha["task"]) == {"agree_first", "agree_other"}
    # The oracle has maps of its own for each task.
    assert list(kendall.left_out["method"]) == ["oracle"]
    assert "differ" in kendall.left_out["reason"][0]
    assert list(kendall.matrix("agree_first").index) == list(ENTRANTS)
    assert list(kendall.matrix("agree_other").index) == list(METHODS)


def test_a_named_task_has_its_own_oracle(results: Results) -> None:
    first, second = (agreement(results, task).matrix(task) for task in ("agree_first", "agree_second"))
    assert first.loc["oracle", "agree_same"] == pytest.approx(-second.loc["oracle", "agree_same"])
    assert first.loc["agree_noise", "agree_same"] == second.loc["agree_noise", "agree_same"]


def test_means_and_intervals_are_those_of_scipy(results: Results, kendall: Agreement) -> None:
    """Tau-b of the mean relevance of each unit: units have 3, 2, 1, 1, 1 and 1 elements."""
    for task, names in (("agree_first", ENTRANTS), ("agree_other", METHODS)):
        for a, b in itertools.combinations(names, 2):
            maps = (densities(results, task, name) for name in (a, b))
            taus = np.array([stats.kendalltau(*pair).statistic for pair in zip(*maps, strict=True)])
            taus, row = taus[~np.isnan(taus)], row_of(kendall, task, a, b)
            assert row["n"] == len(taus) == (0 if "agree_constant" in (a, b) else row["n"])
            if len(taus):
                interval = stats.ttest_1samp(taus, 0).confidence_interval(0.95) if np.ptp(taus) else (taus[0], taus[0])
                assert (row["agreement"], row["low"], row["high"]) == pytest.approx((taus.mean(), *interval), abs=1e-9)
            else:
                assert all(math.isnan(row[word]) for word in ("agreement", "low", "high", "chance", "p"))


def test_undefined_samples_are_not_counted(kendall: Agreement) -> None:
    assert row_of(kendall, "agree_first", "agree_same", "agree_partly")["n"] == N - 3
    assert row_of(kendall, "agree_other", "agree_same", "agree_partly")["n"] == N
    assert row_of(kendall, "agree_first", "agree_constant", "agree_same")["n"] == 0


def test_what_is_certain_is_certain(results: Results) -> None:
    for measure, opposite in (("kendall", -1), ("spearman", -1), ("overlap", 1), ("sign_agreement", 0)):
        found = agreement(results, measure=measure)
        row = row_of(found, "agree_first", "agree_same", "agree_opposite")
        assert (row["agreement"], row["low"], row["high"]) == pytest.approx((opposite,) * 3, abs=1e-9), measure
        assert row_of(found, "agree_first", "agree_same", "agree_same")["agreement"] == pytest.approx(1), measure


def l1(a: list[float], b: list[float]) -> float:
    return sum(abs(first - second) for first, second in zip(a, b, strict=True))


def cosine(a: list[float], b: list[float]) -> float:
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("plain", [l1, cosine])
def test_distances_are_of_the_maps_as_they_are(results: Results, plain: Callable[..., float]) -> None:
    """Relevance per area, not in parts of its largest: the input and its rounding have scales of their own."""
    found = agreement(results, "agree_other", plain.__name__)
    for a, b in itertools.combinations_with_replacement([name for name in METHODS if name != "agree_constant"], 2):
        values = [plain(*pair) for pair in zip(*(densities(results, "agree_other", m) for m in (a, b)), strict=True)]
        row = row_of(found, "agree_other", a, b)
        assert (row["agreement"], row["n"]) == (pytest.approx(np.mean(values), rel=1e-6, abs=1e-6), N), (a, b)
    same = row_of(found, "agree_other", "agree_same", "agree_same")
    assert (same["agreement"], same["p"] < 0.05) == (pytest.approx(0 if plain is l1 else 1), True)
    # Every unit of a map is as likely to meet every one of the other.
    maps = [np.array(densities(results, "agree_other", name)) for name in ("agree_same", "agree_noise")]
    if plain is l1:
        chance = np.abs(maps[0][:, :, None] - maps[1][:, None]).sum((1, 2)).mean() / 6
        assert row_of(found, "agree_other", "agree_same", "agree_noise")["chance"] == pytest.approx(chance, rel=1e-6)


def test_chance_is_stated_and_the_p_is_of_relabelled_units(results: Results, kendall: Agreement) -> None:
    certain = row_of(kendall, "agree_first", "agree_same", "agree_opposite")
    noise = row_of(kendall, "agree_other", "agree_same", "agree_noise")
    assert (certain["chance"], certain["p"]) == (0, pytest.approx(1 / 1000))
    assert noise["p"] > 0.05
    overlap = row_of(agreement(results, measure="overlap", k=3), "agree_other", "agree_same", "agree_noise")
    assert overlap["chance"] == pytest.approx(3 / 6)


def test_the_matrix_is_symmetric_in_every_column(kendall: Agreement) -> None:
    for column in ("agreement", "low", "high", "chance", "p", "n"):
        table = kendall.matrix("agree_other", column).to_numpy(float)
        assert np.array_equal(table, table.T, equal_nan=True)
        assert table.shape == (7, 7)


def test_alpha_is_of_the_entrants_with_undefined_maps_missing(results: Results, kendall: Agreement) -> None:
    """Interval alpha of M standardised maps of U units: 1 - (1 - mean correlation) (M U - 1) / (M U)."""
    names = [name for name in ENTRANTS if name != "agree_constant"]
    samples = [np.array(maps) for maps in zip(*(densities(results, "agree_other", m) for m in names), strict=True)]
    upper, count = np.triu_indices(len(names), 1), samples[0].size
    expected = {
        "interval": [1 - (1 - np.corrcoef(maps)[upper].mean()) * (count - 1) / count for maps in samples],
        "ordinal": [krippendorff_alpha(stats.rankdata(maps, axis=1)[None], "ordinal")[0] for maps in samples],
    }
    for level, alphas in expected.items():
        row = kendall.alpha.set_index(["task", "level"]).loc[("agree_other", level)]
        wanted = (np.mean(alphas), *stats.ttest_1samp(alphas, 0).confidence_interval(0.95))
        assert (row["alpha"], row["low"], row["high"]) == pytest.approx(wanted, rel=1e-5)
        assert (row["n"], row["methods"]) == (N, len(ENTRANTS))


def test_it_is_the_same_every_time_and_the_seed_matters_to_p_alone(results: Results, kendall: Agreement) -> None:
    again, other = agreement(results), agreement(results, seed=1)
    assert again.pairs.equals(kendall.pairs)
    assert again.alpha.equals(kendall.alpha)
    assert other.pairs.drop(columns="p").equals(kendall.pairs.drop(columns="p"))
    assert not other.pairs["p"].equals(kendall.pairs["p"])


def test_no_pair_depends_on_who_else_entered(results: Results, kendall: Agreement) -> None:
    kept = {name: card for name, card in results.manifest["methods"].items() if name in ("agree_noise", "agree_same")}
    alone = agreement(Results(results.folder, {**results.manifest, "methods": kept}))
    for task in kendall.tasks:
        for column in ("agreement", "low", "high", "p"):
            here, there = (row_of(found, task, "agree_noise", "agree_same")[column] for found in (alone, kendall))
            assert here == pytest.approx(there, abs=1e-12)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"task": "agree_frist"}, UnknownName, "no task 'agree_frist': did you mean agree_first"),
        ({"task": "zzz"}, UnknownName, "choose among agree_first, agree_second, agree_other"),
        ({"measure": "spearmann"}, UnknownName, "unknown measure 'spearmann': did you mean spearman?"),
        ({"measure": "overlap", "k": 7}, ValueError, "agree_first: k is 7, but a sample has 6 units"),
        ({"measure": "sign_agreement", "k": 0}, ValueError, "k is 0"),
        ({"draws": 0}, ValueError, "draws is 0"),
    ],
)
def test_bad_input_is_one_line(
    results: Results, settings: dict[str, str | int], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        agreement(results, **settings)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def without_maps(results: Results, folder: Path, names: tuple[str, ...]) -> Results:
    """A copy of a run that has lost the maps of some methods."""
    copytree(results.folder, folder)
    for _, name, _, _, _, key, _ in results.manifest["cells"]:
        if name in names:
            Results.read(folder).store.path(key).unlink(missing_ok=True)
    return Results.read(folder)


def test_methods_without_maps_are_left_out_with_a_reason(results: Results, tmp_path: Path) -> None:
    found = agreement(without_maps(results, tmp_path / "run", ("agree_same",)))
    assert "agree_same" not in set(found.pairs["a"]) | set(found.pairs["b"])
    reasons = found.left_out.set_index("method")["reason"]
    assert reasons["agree_same"].str.contains("no maps of it are stored").all()


def test_fewer_than_two_methods_is_one_line(results: Results, tmp_path: Path) -> None:
    alone = without_maps(results, tmp_path / "run", METHODS[:-1])
    with pytest.raises(ValueError, match=r"two methods or more, but .* has maps of 1 at most: run the whole suite"):
        agreement(alone)
    with pytest.raises(ValueError, match="maps of 1 at most on agree_other"):
        agreement(alone, "agree_other")


def test_samples_that_have_changed_are_refused(results: Results) -> None:
    cards = results.manifest["tasks"]
    changed = {**cards, "agree_other": {**cards["agree_other"], "preview": "something else"}}
    with pytest.raises(ValueError, match=r"other samples of agree_other, .* run it again"):
        agreement(Results(results.folder, {**results.manifest, "tasks": changed}), "agree_other")


def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["heatproof", "agreement", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capfd.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def test_the_command_prints_what_was_found(
    results: Results, kendall: Agreement, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = command(monkeypatch, capfd, str(results.folder))
    assert (status, err) == (0, "")
    assert "agree_first (and 1 more on these samples): kendall\n" in out
    assert "on 4 to 7 samples; by chance 0.00\n" in out
    assert re.search(r"^4 agree_rounded +– +±\S+ +±\S+ +1.00", out, re.MULTILINE)
    assert "left out: oracle on agree_first: its maps differ" in out
    status, out, _ = command(monkeypatch, capfd, str(results.folder), "--json")
    data = json.loads(out)
    assert data["measure"] == {"name": "kendall", "k": None, "persistence": 0.9}
    assert data["tasks"]["agree_first"] == ["agree_first", "agree_second"]
    assert len(data["pairs"]) == len(kendall.pairs)
    for told, (_, row) in zip(data["pairs"], kendall.pairs.iterrows(), strict=True):
        assert told["agreement"] == (None if math.isnan(row["agreement"]) else row["agreement"])
        assert (told["a"], told["b"], told["n"]) == (row["a"], row["b"], row["n"])


@pytest.mark.parametrize("measure", MEASURES)
def test_the_command_lists_the_pairs_of_one_task(
    measure: str, results: Results, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = str(results.folder), "--task", "agree_other", "--measure", measure, "--k", "2"
    status, out, err = command(monkeypatch, capfd, *words)
    assert (status, err) == (0, "")
    row = row_of(agreement(results, "agree_other", measure, k=2), "agree_other", "agree_noise", "agree_same")
    numbers = rf"{row['agreement']:.2f} +\[{row['low']:z.2f}, {row['high']:z.2f}\] +{row['chance']:z.2f}"
    assert re.search(rf"agree_(noise|same), agree_(same|noise) +{numbers} +{row['p']:.3g} +7", out)
    assert "-0.00" not in out
    assert ("on it: 0, for it is a distance" in out) == (measure == "l1")
    listed = re.findall(r"^agree_\w+, agree_\w+ +(-?[\d.]+) ", out, re.MULTILINE)
    assert len(listed) > 3
    # The closest pairs come first.
    assert listed == sorted(listed, key=float, reverse=measure != "l1")


def test_the_command_says_in_one_line_what_is_wrong(
    results: Results, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    status, _, err = command(monkeypatch, capfd, str(results.folder), "--measure", "kendal")
    assert status != 0
    assert err.strip().count("\n") == 0
    assert "did you mean kendall?" in err
