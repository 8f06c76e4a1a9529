"""Networks as the sampling unit, against textbook formulas; the margin; the effective number of tasks."""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from heatproof.leaderboard.clusters import Clusters, clusters_of, incomplete
from heatproof.leaderboard.compare import compare
from heatproof.leaderboard.normalise import TaskScores
from heatproof.leaderboard.ranking import Dense, make_board
from heatproof.leaderboard.report.words import generalises, rests_on
from heatproof.leaderboard.statistics import (
    effective_number,
    mean_interval,
    reliability,
    separate,
    strata,
    task_weights,
)

Floats = npt.NDArray[np.float64]
METHODS = ("a", "b", "c", "d")
NETWORKS = {"resnet": ("r1", "r2", "r3"), "vit": ("v1", "v2", "v3", "v4")}
QUESTIONS = ("effect", "contrast")


def clustered(seed: int = 0, spread: float = 0.3) -> Dense:
    """Two questions about each of three networks of one architecture, and four of another."""
    rng = np.random.default_rng(seed)
    network = {f"{q}@{n}": n for names in NETWORKS.values() for n in names for q in QUESTIONS}
    own = {n: rng.normal(size=len(METHODS)) for names in NETWORKS.values() for n in names}
    rows = [own[n] + spread * rng.normal(size=len(METHODS)) for n in network.values()]
    scores = pd.DataFrame(rows, index=list(network), columns=list(METHODS))
    of = Clusters(network, {n: ("own_codes", kind) for kind, names in NETWORKS.items() for n in names})
    ones = pd.Series(1.0, index=list(METHODS))
    return Dense(scores, pd.Series("own_codes", index=scores.index), ones, 0 * ones, pd.DataFrame(), of)


def means_of(table: Dense, kind: str) -> Floats:
    """The mean over questions of each network of an architecture, by a loop: networks by methods."""
    rows = [[table.scores.loc[[f"{q}@{n}" for q in QUESTIONS], m].mean() for m in METHODS] for n in NETWORKS[kind]]
    return np.array(rows)


def test_the_interval_is_the_stratified_t_interval_over_networks() -> None:
    """Half the sum of two architectures' means, each with the variance of its own networks; questions are no sample."""
    table = clustered()
    board = make_board(table)
    resnet, vit = means_of(table, "resnet"), means_of(table, "vit")
    v = np.array([resnet.var(axis=0, ddof=1) / 3, vit.var(axis=0, ddof=1) / 4]) / 4
    expected = (resnet.mean(axis=0) + vit.mean(axis=0)) / 2
    df = (1 / 3 + 1 / 4) ** 2 / (1 / 9 / 2 + 1 / 16 / 3)
    rows = board.rows.loc[list(METHODS)]
    np.testing.assert_allclose(rows["score"], expected, rtol=1e-12)
    np.testing.assert_allclose(
        rows["high"] - rows["score"], stats.t.ppf(0.975, df) * np.sqrt(v.sum(axis=0)), rtol=1e-12
    )
    assert (board.unit, board.units, board.strata) == ("network", 7, ("resnet", "vit"))
    assert board.freedom == pytest.approx(df)
    assert rows["n_tasks"].tolist() == [14] * 4


def test_degrees_of_freedom_are_networks_less_architectures() -> None:
    names = [f"{kind}{number}" for kind in ("resnet", "vit") for number in range(4)]
    scores = pd.DataFrame(np.random.default_rng(1).normal(size=(8, 3)), [f"q@{n}" for n in names], list("abc"))
    of = Clusters({f"q@{n}": n for n in names}, {n: ("own_codes", n[:-1]) for n in names})
    ones = pd.Series(1.0, index=list("abc"))
    board = make_board(Dense(scores, pd.Series("f", index=scores.index), ones, ones, pd.DataFrame(), of))
    assert board.freedom == pytest.approx(6)
    resnet, vit = scores.to_numpy()[:4], scores.to_numpy()[4:]
    expected = stats.ttest_ind(resnet, -vit).confidence_interval(0.95)
    np.testing.assert_allclose(board.rows.loc[list("abc"), "low"], expected.low / 2, rtol=1e-12)


def test_more_questions_about_the_same_networks_narrow_no_interval() -> None:
    """Ten copies of a question are one: the interval would be three times too narrow if tasks were the unit."""
    table = clustered(spread=0.0)
    half = make_board(table).rows.eval("high - low")
    alone = table.scores.iloc[::2]
    same = Dense(alone, table.families, table.portability, table.imputed, table.left_out, table.clusters)
    pd.testing.assert_series_equal(half, make_board(same).rows.eval("high - low"))
    by_task = Dense(table.scores, table.families, table.portability, table.imputed, table.left_out)
    assert (make_board(by_task).rows.eval("high - low") < 0.8 * half).all()


def test_a_comparison_is_over_networks_too() -> None:
    table = clustered()
    rows = [
        {"task": t, "family": "own_codes", "method": m, "role": "entrant", "z": table.scores.loc[t, m]}
        for t in table.scores.index
        for m in METHODS
    ]
    samples = pd.DataFrame([{"task": r["task"], "method": r["method"], "sample": "s", "z": r["z"]} for r in rows])
    tasks = pd.DataFrame({"task": table.scores.index, "family": "own_codes", "admitted": True})
    scores = TaskScores(pd.DataFrame(rows), tasks, samples)
    board = make_board(table).rows["score"]
    found = compare(scores, "a", "b", clusters=table.clusters)
    assert found.overall.difference == pytest.approx(board["a"] - board["b"])
    assert (found.overall.n, found.unit, found.families["n"].tolist()) == (7, "network", [3, 4])
    assert found.families["family"].tolist() == ["resnet", "vit"]
    few = [task for task in table.scores.index if task.startswith("effect")]
    assert compare(scores, "a", "b", tasks=few, clusters=table.clusters).tasks["task"].tolist() == few


def test_no_difference_below_the_margin_is_claimed() -> None:
    """Certain differences of .09 and .11: only the larger one is a difference where .10 is the margin."""
    first = np.random.default_rng(2).normal(size=(8, 1))
    scores = np.hstack([first, first + 0.09, first + 0.11])
    families = ["resnet"] * 4 + ["vit"] * 4
    assert separate(scores, families, level=0.95, draws=99, seed=0).better.sum() == 3
    found = separate(scores, families, level=0.95, draws=99, seed=0, margin=0.1).better
    assert np.argwhere(found).tolist() == [[2, 0]]
    exact = separate(np.hstack([first, first + 0.1]), families, level=0.95, draws=99, seed=0, margin=0.1)
    assert exact.better.tolist() == [[False, False], [True, False]]


@pytest.mark.parametrize(("gap", "verdict"), [(0.09, "undecided"), (0.11, "better"), (0.005, "equivalent")])
def test_a_comparison_claims_no_difference_below_the_margin(gap: float, verdict: str) -> None:
    z = {"a": 0.5 + gap + 0.001 * np.arange(6.0), "b": np.full(6, 0.5)}
    rows = [{"task": f"t{t}", "method": m, "z": v, "sample": "s"} for m in z for t, v in enumerate(z[m])]
    table = pd.DataFrame(rows)
    tasks = pd.DataFrame({"task": [f"t{t}" for t in range(6)], "family": "f", "admitted": True})
    assert compare(TaskScores(table, tasks, table), "a", "b", margin=0.1).verdict == verdict


def test_tasks_that_depart_alike_are_worth_one() -> None:
    """Copies, and opposites, of one departure from the common order."""
    common, departure = np.arange(6.0), np.array([1.0, -1, 2, -2, 0, 0])
    signs = np.array([1, 1, -1, -1])[:, None]
    assert effective_number(common + signs * departure) == pytest.approx(1)
    assert effective_number(common + 5 * signs * departure + np.arange(4)[:, None]) == pytest.approx(1)


def test_two_kinds_of_departure_are_worth_two() -> None:
    """Each of two orthogonal departures twice, once each way: T^2 / sum of C^2 = 16 / 8."""
    one, two = np.array([1.0, -1, 0, 0]), np.array([0.0, 0, 1, -1])
    assert effective_number(np.array([one, -one, two, -two])) == pytest.approx(2)


@pytest.mark.parametrize("tasks", [3, 5, 10])
def test_independent_tasks_are_worth_all_but_one(tasks: int) -> None:
    """Residuals around the methods' means have the correlation -1/(T - 1): T^2 / (T + T/(T - 1)) = T - 1."""
    scores = np.random.default_rng(3).normal(size=(tasks, 200_000))
    assert effective_number(scores) == pytest.approx(tasks - 1, rel=0.01)
    equal = np.eye(tasks) - 1 / tasks
    assert effective_number(np.hstack([equal, -equal])) == pytest.approx(tasks - 1)


def test_the_effective_number_is_the_participation_ratio_of_eigenvalues() -> None:
    scores = np.random.default_rng(4).normal(size=(7, 9)) + np.random.default_rng(5).normal(size=9)
    rest = scores - scores.mean(axis=0)
    rest -= rest.mean(axis=1, keepdims=True)
    values = np.linalg.eigvalsh(np.corrcoef(rest))
    assert effective_number(scores) == pytest.approx(values.sum() ** 2 / (values**2).sum())


def test_the_effective_number_is_undefined_where_nothing_departs() -> None:
    assert math.isnan(effective_number(np.arange(12.0).reshape(3, 4)))
    assert math.isnan(effective_number(np.random.default_rng(6).normal(size=(5, 2))))
    assert math.isnan(effective_number(np.random.default_rng(7).normal(size=(1, 9))))


def card(*networks: str, architecture: str = "resnet") -> dict[str, object]:
    return {"family": "own_codes", "networks": list(networks), "architecture": architecture}


def test_tasks_that_have_no_network_of_their_own_are_refused() -> None:
    pair = {"model_contrast@r1_and_2": card("r1", "r2")}
    with pytest.raises(
        ValueError, match=r"about r1 and r2 at once, .*: make 'model_contrast' one of the suite's columns"
    ):
        clusters_of(pair, pair)
    bare = {"effect@r1": card("r1", architecture="")}
    with pytest.raises(ValueError, match="does not say of which architecture it is: @model"):
        clusters_of(bare, bare)


def test_networks_that_lack_a_question_are_named() -> None:
    cards = {"effect@r1": card("r1"), "contrast@r1": card("r1"), "effect@r2": card("r2"), "contrast@r2": card("r2")}
    assert incomplete(cards, cards, cards) == {}
    assert incomplete(cards, cards, [*cards][:3]) == {"r2": ("contrast",)}


def test_tables_are_networks_of_their_own_and_are_asked_other_questions() -> None:
    """Each is asked its own question; that networks of another family are asked more is no lack of theirs."""
    tables = {name: {**card(f"{name}_network", architecture=""), "family": "analytic"} for name in ("linear", "tent")}
    cards = {"effect@r1": card("r1"), "contrast@r1": card("r1"), "effect@r2": card("r2"), **tables}
    found = clusters_of(cards, cards)
    assert found.strata(["r1", "linear_network"]) == [("own_codes", "resnet"), ("analytic", "")]
    assert (found.stratum("effect@r1"), found.stratum("linear"), found.kind) == (
        "own_codes/resnet",
        "analytic",
        "group",
    )
    assert incomplete(cards, cards, cards) == {"r2": ("contrast",)}
    assert incomplete(tables, tables, ["linear"]) == {}
    alone = found.among(["effect@r1", "effect@r2"])
    assert (alone.stratum("effect@r1"), alone.kind) == ("resnet", "architecture")
    only = clusters_of(tables, tables)
    assert (only.stratum("tent"), only.kind) == ("analytic", "architecture")


def several_families(tables: int = 5) -> Dense:
    """Two ResNets, and two ViTs of which one is asked two questions, beside tables."""
    networks = {"effect@r1": "r1", "effect@r2": "r2", "effect@v1": "v1", "contrast@v1": "v1", "effect@v2": "v2"}
    network = {**networks, **{f"table_{n}": f"table_{n}_network" for n in range(tables)}}
    place = {n: ("own_codes", {"r": "resnet", "v": "vit"}.get(n[0], "")) for n in networks.values()}
    place |= {f"table_{n}_network": ("analytic", "") for n in range(tables)}
    rng = np.random.default_rng(8)
    scores = pd.DataFrame(rng.normal(size=(len(network), len(METHODS))), [*network], list(METHODS))
    ones = pd.Series(1.0, index=list(METHODS))
    families = pd.Series([place[network[task]][0] for task in scores.index], scores.index)
    return Dense(scores, families, ones, 0 * ones, pd.DataFrame(), Clusters(network, place))


def test_families_weigh_the_same_and_so_do_architectures_and_their_networks() -> None:
    """Half for two architectures, a quarter each, of two networks; half for five tables."""
    table = several_families()
    units = table.units
    resnet, vit, tables = units.iloc[:2].to_numpy(), units.iloc[2:4].to_numpy(), units.iloc[4:].to_numpy()
    np.testing.assert_array_equal(task_weights(table.strata), [1 / 8] * 4 + [1 / 10] * 5)
    expected = (resnet.mean(axis=0) + vit.mean(axis=0)) / 4 + tables.mean(axis=0) / 2
    variance = [resnet.var(axis=0, ddof=1) / 32, vit.var(axis=0, ddof=1) / 32, tables.var(axis=0, ddof=1) / 20]
    networks, scatter = (resnet.var(axis=0, ddof=1) + vit.var(axis=0, ddof=1)) / 2, tables.var(axis=0, ddof=1)
    own, freedom = (
        (n / 16 + t / 20) ** 2 / (2 * (n / 32) ** 2 + (t / 20) ** 2 / 4)
        for n, t in ((networks, scatter), (networks.mean(), scatter.mean()))
    )
    board = make_board(table)
    rows = board.rows.loc[list(METHODS)]
    np.testing.assert_allclose(rows["score"], expected, rtol=1e-12)
    assert board.freedom == pytest.approx(freedom)
    half = stats.t.ppf(0.975, own) * np.sqrt(sum(variance))
    np.testing.assert_allclose(rows["high"] - rows["score"], half, rtol=1e-12)
    assert (board.units, board.strata) == (9, ("analytic", "own_codes/resnet", "own_codes/vit"))
    assert table.clusters is not None
    pd.testing.assert_series_equal(table.clusters.balanced(table.scores), rows["score"], check_names=False)
    assert generalises(board) == (
        "Scores generalise over networks of 3 groups (analytic, own_codes/resnet, own_codes/vit; 9 networks, "
        f"{freedom:.3g} degrees of freedom): asked effect, contrast, table_0, table_1 and 3 more; families, "
        "architectures within one and questions are fixed, and weigh the same."
    )


def test_no_interval_depends_on_who_else_entered() -> None:
    table = several_families()
    scores = table.units.to_numpy()
    whole, alone = mean_interval(scores, table.strata), mean_interval(scores[:, 1:2], table.strata)
    np.testing.assert_array_equal([bound[1:2] for bound in whole], alone)
    still = mean_interval(np.ones((9, 1)), table.strata)
    np.testing.assert_allclose(still, 1)


def test_the_pairs_of_a_board_scatter_as_their_differences_do() -> None:
    """A gain that all methods share on a network changes neither their differences nor what is said of them."""
    table = several_families()
    common = 10 * np.random.default_rng(9).normal(size=(9, 1))
    scores = table.units.to_numpy()
    one, other = (separate(some, table.strata, level=0.95, draws=99, seed=0) for some in (scores, scores + common))
    assert one.critical == pytest.approx(other.critical)
    np.testing.assert_allclose(one.errors, other.errors)


def test_one_family_is_as_its_architectures_are() -> None:
    """To the bit: nothing changes for a suite of one family."""
    scores = np.random.default_rng(10).normal(size=(9, 5))
    flat = ["a"] * 4 + ["b"] * 3 + ["c"] + ["d"]
    nested = [("own", name) for name in flat]
    np.testing.assert_array_equal(task_weights(flat), task_weights(nested))
    np.testing.assert_array_equal(mean_interval(scores, flat), mean_interval(scores, nested))
    one, other = (separate(scores, names, level=0.95, draws=99, seed=0) for names in (flat, nested))
    assert one.critical == other.critical
    np.testing.assert_array_equal(one.errors, other.errors)
    assert reliability(scores, flat, splits=20) == reliability(scores, nested, splits=20)


def test_architectures_of_one_network_join_their_family() -> None:
    """Two that are alone join one another, and not the tables; a family of one table joins what is the smallest."""
    paths = [("own", "a"), ("own", "b"), *[("tables", "")] * 3]
    assert strata(paths).tolist() == [0, 0, 1, 1, 1]
    assert strata([("own", "a"), *[("own", "b")] * 4, *[("tables", "")] * 2]).tolist() == [0] * 5 + [1, 1]
    assert strata([*[("own", "a")] * 2, *[("own", "b")] * 3, ("tables", "")]).tolist() == [0, 0, 1, 1, 1, 0]
    np.testing.assert_array_equal(task_weights(paths), [1 / 4, 1 / 4, 1 / 6, 1 / 6, 1 / 6])


def test_a_board_says_what_it_generalises_over() -> None:
    board = make_board(clustered(), margin=0.1)
    assert generalises(board) == (
        "Scores generalise over networks of 2 architectures (resnet, vit; 7 networks, 4.45 degrees of freedom): asked "
        "effect, contrast; architectures and questions are fixed, and weigh the same."
    )
    assert rests_on(board).startswith("no difference below 0.10 is claimed; minimum detectable difference ")
    assert rests_on(board).endswith(" of 14")
    table = clustered()
    by_task = make_board(Dense(table.scores, table.families, table.portability, table.imputed, table.left_out))
    assert generalises(by_task) == (
        "Scores generalise over tasks of 1 family (own_codes; 14 tasks, 13 degrees of freedom): families are fixed, "
        "and weigh the same; tasks about one network count as independent."
    )
    assert "claimed" not in rests_on(by_task)
