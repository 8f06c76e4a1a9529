"""The faithfulness metrics beyond their oracles: other libraries, costs, draws, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from math import ceil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from captum.metrics import infidelity
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import kendalltau, pearsonr, spearmanr
from torch import Tensor, nn

from heatproof.benchmark import Batch, Game, Gate, Method, Network, Refused, metrics, per_unit, rounding_of
from heatproof.benchmark.checks import Question, ask
from heatproof.benchmark.harness import Asked, score
from heatproof.metrics.faithfulness._correlation import kendall, pearson, spearman

Scored = Callable[..., dict[str, Tensor]]
GAME = ("subset_correlations", "infidelity_raw", "sensitivity_n", "unit_effects", "comprehensiveness")
rows = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=12)


class Recorder:
    """Ask a question of the same network, and remember every input."""

    def __init__(self, question: Question) -> None:
        self.seen: list[Tensor] = []
        self.module = question.gate.module
        self.question = replace(question, gate=Gate(Network(predict=self.predict)))

    def predict(self, x: Tensor) -> Tensor:
        self.seen.extend(x)
        return self.module(x).softmax(1).detach()

    def hidden(self, i: int) -> Tensor:
        """Return which units (M, U) of sample i were hidden, in the order of asking, without the whole input."""
        batch = self.question.batch
        x, baseline, units = (part[i] for part in (batch.x, batch.baseline, batch.units))
        own = [each for each in self.seen if ((each == x) | (each == baseline)).all()]
        gone = [[bool((each != x).flatten(1)[:, units == u].all()) for u in range(7)] for each in own]
        return torch.tensor([row for row in gone if any(row)])


def drops(question: Question, i: int, hidden: Tensor) -> list[float]:
    """Return the fall of the probability without each set of units, one input after the other."""
    batch, module = question.batch, question.gate.module

    def chance(x: Tensor) -> float:
        return module(x[None]).softmax(1)[0, batch.target[i]].item()

    falls = []
    for row in hidden:
        x = batch.x[i].clone()
        for u in row.nonzero()[:, 0].tolist():
            x.flatten(1)[:, batch.units[i] == u] = batch.baseline[i].flatten(1)[:, batch.units[i] == u]
        falls.append(chance(batch.x[i]) - chance(x))
    return falls


@given(rows)
def test_correlations_are_scipys(pairs: list[tuple[int, int]]) -> None:
    left, right = zip(*pairs, strict=True)
    assume(len(set(left)) > 1 and len(set(right)) > 1)
    ours = torch.tensor([left, right], dtype=torch.float64)
    for function, theirs in ((pearson, pearsonr), (spearman, spearmanr), (kendall, kendalltau)):
        found = function(ours[:1], ours[1:]).item()
        assert found == pytest.approx(float(theirs(left, right).statistic), abs=1e-12), function.__name__


@given(rows, st.sampled_from([1e-12, 1e-3, 7.0, 1e12]), st.floats(-1e-13, 1e-13))
def test_correlations_know_no_size_and_no_rounding(
    pairs: list[tuple[int, int]], factor: float, rounding: float
) -> None:
    ours = torch.tensor(pairs, dtype=torch.float64).T
    noise = 1 + rounding * torch.arange(ours.shape[1])
    for function in (pearson, spearman, kendall):
        plain, other = function(ours[:1], ours[1:]), function(factor * ours[:1] * noise, ours[1:])
        torch.testing.assert_close(plain, other, rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("function", [pearson, spearman, kendall])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e-12, 1e30])
def test_what_is_constant_correlates_with_nothing(function: Callable[..., Tensor], value: float) -> None:
    flat, other = torch.full((1, 7), value, dtype=torch.float64), torch.arange(7.0, dtype=torch.float64)[None]
    for noise in (0.0, 1e-13):
        rough = flat * (1 + noise * torch.arange(7))
        assert function(rough, other).isnan().all()
        assert function(other, rough).isnan().all()
    assert function(other, flat * (1 + 1e-8 * torch.arange(7)), rounding_of(torch.float32)).isnan().all()


@pytest.mark.parametrize(("function", "theirs"), [(kendall, kendalltau), (spearman, spearmanr)])
def test_effects_in_double_precision_are_told_apart_beside_a_large_one(
    function: Callable[..., Tensor], theirs: Callable[..., SimpleNamespace]
) -> None:
    """Of one effect of 1 and others of a millionth and less, the others have an order, too."""
    source = torch.Generator().manual_seed(104)
    relevance, effect = torch.rand(2, 1, 20, generator=source, dtype=torch.float64) * 1e-7
    relevance[:, 0], effect[:, 0] = 1.0, 1.0
    expected = float(theirs(relevance[0].numpy(), effect[0].numpy()).statistic)
    found = function(relevance, effect, rounding_of(torch.float64))
    assert found.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_game_knows_the_precision_of_its_model(dtype: torch.dtype) -> None:
    """Effects that differ by four roundings of the model's outputs are the same."""
    x = torch.rand(2, 4, generator=torch.Generator().manual_seed(105)).to(dtype)
    batch = Batch(("a", "b"), x, torch.zeros(2).long(), torch.arange(4).expand(2, -1), torch.zeros_like(x))
    game = Game(Gate(Network(nn.Linear(4, 3).to(dtype))), batch)
    assert game.rounding == max(8 * torch.finfo(dtype).eps, 2.0**-40)


def test_random_subsets_against_scipy(uneven: Question, maps: Tensor) -> None:
    recorder = Recorder(uneven)
    settings = {"subsets": 20, "size": 0.4}
    asked = Asked(metrics["subset_correlations"], settings)
    found = score(asked, recorder.question.gate, uneven.batch, maps, None)[0]
    relevance = per_unit(maps, uneven.batch.units)
    for i in range(8):
        hidden = recorder.hidden(i)
        assert hidden.shape == (20, 7)
        assert (hidden.sum(1) == 3).all()
        sums, falls = [float(relevance[i][row].sum()) for row in hidden], drops(uneven, i, hidden)
        expected = float(pearsonr(sums, falls).statistic), float(spearmanr(sums, falls).statistic)
        assert found["faithfulness_correlation"][i].item() == pytest.approx(expected[0], abs=1e-9)
        assert found["mu_fidelity"][i].item() == pytest.approx(expected[1], abs=1e-9)


def test_infidelity_against_captum_on_the_same_subsets(uneven: Question, maps: Tensor) -> None:
    """captum's `normalize` is the best scale of either sign; ours is never negative."""
    recorder, settings = Recorder(uneven), {"subsets": 20, "size": 0.4}
    gate, batch = recorder.question.gate, uneven.batch
    # Half of the maps the other way round, so that both signs of the best scale occur.
    maps = torch.where(torch.arange(8)[:, None] % 2 == 0, maps, -maps)
    ours = score(Asked(metrics["subset_correlations"], settings), gate, batch, maps, None)[0]["infidelity"]
    hidden = torch.stack([recorder.hidden(i) for i in range(8)])
    raw = Recorder(uneven)
    plain = score(Asked(metrics["infidelity_raw"], settings), raw.question.gate, batch, maps, None)[0]["infidelity_raw"]
    for found, chosen, normalize in (
        (ours, hidden, True),
        (plain, torch.stack([raw.hidden(i) for i in range(8)]), False),
    ):
        theirs, positive = captum_infidelity(uneven, maps, chosen, normalize)
        compared = positive if normalize else torch.ones(8, dtype=torch.bool)
        assert compared.sum() >= 3
        torch.testing.assert_close(found[compared], theirs[compared], rtol=1e-6, atol=1e-12)
        falls = torch.tensor([drops(uneven, i, chosen[i]) for i in range(8)], dtype=torch.float64)
        torch.testing.assert_close(found[~compared], falls.square().mean(1)[~compared], rtol=1e-6, atol=1e-12)


def captum_infidelity(question: Question, maps: Tensor, hidden: Tensor, normalize: bool) -> tuple[Tensor, Tensor]:
    """Return captum's infidelity, and whether its scale is positive."""
    batch, module = question.batch, question.gate.module
    of_units = batch.units[:, None].expand(-1, hidden.shape[1], -1)
    gone = hidden.gather(2, of_units).reshape(-1, 1, 5, 6).expand(-1, 3, -1, -1)
    x, baseline = (each.repeat_interleave(hidden.shape[1], 0) for each in (batch.x, batch.baseline))

    def perturb(_: Tensor) -> tuple[Tensor, Tensor]:
        return gone.double(), torch.where(gone, baseline, x)

    shaped = (maps / 3).reshape(8, 1, 5, 6).expand(-1, 3, -1, -1)
    theirs = infidelity(
        lambda x: module(x).softmax(1),
        perturb,
        batch.x,
        shaped,
        target=batch.target,
        n_perturb_samples=hidden.shape[1],
        normalize=normalize,
    )
    sums = (per_unit(maps, batch.units)[:, None] * hidden).sum(2)
    falls = torch.tensor([drops(question, i, hidden[i]) for i in range(8)], dtype=torch.float64)
    return theirs, (sums * falls).sum(1) > 0


def test_random_subsets_hold_every_unit_equally_often() -> None:
    seen: list[Tensor] = []

    def predict(x: Tensor) -> Tensor:
        seen.append(x)
        return torch.full((len(x), 2), 0.5)

    question = replace(ask(lambda x: x.sum(1), torch.ones(1, 20).double()), gate=Gate(Network(predict=predict)))
    asked = Asked(metrics["subset_correlations"], {"subsets": 3000, "size": 0.25})
    score(asked, question.gate, question.batch, torch.rand(1, 20).double(), None)
    often = (torch.cat(seen) == 0).double().sum(0)
    assert often.sum() == 3000 * 5
    assert ((often - 750).abs() <= 4 * (3000 * 0.25 * 0.75) ** 0.5).all()


def test_sensitivity_n_against_scipy_at_every_size(uneven: Question, maps: Tensor) -> None:
    recorder = Recorder(uneven)
    asked = Asked(metrics["sensitivity_n"], {"subsets": 12, "sizes": 4})
    found = score(asked, recorder.question.gate, uneven.batch, maps, None)[0]
    torch.testing.assert_close(found["hidden_share"][0], torch.tensor([1, 2, 4, 6]).double() / 7)
    relevance = per_unit(maps, uneven.batch.units)
    for i in range(8):
        hidden = recorder.hidden(i)
        for place, (size, count) in enumerate(((1, 7), (2, 12), (4, 12), (6, 7))):
            chosen = hidden[hidden.sum(1) == size]
            assert len(chosen) == count
            sums, falls = [float(relevance[i][row].sum()) for row in chosen], drops(uneven, i, chosen)
            expected = float(pearsonr(sums, falls).statistic)
            assert found["sensitivity_curve"][i, place].item() == pytest.approx(expected, abs=1e-9)
    torch.testing.assert_close(found["sensitivity_n"], found["sensitivity_curve"].mean(1))


def test_unit_effects_against_scipy(scored: Scored, uneven: Question, maps: Tensor) -> None:
    found = scored("unit_effects", uneven, maps)
    relevance = per_unit(maps, uneven.batch.units)
    for i in range(8):
        effect = np.array(drops(uneven, i, torch.eye(7, dtype=torch.bool)))
        own = relevance[i].numpy()
        expected = {
            "faithfulness_estimate": pearsonr(own, effect).statistic,
            "leave_one_out": kendalltau(own, effect).statistic,
            "monotonicity_correlation": spearmanr(abs(own), effect**2).statistic,
        }
        for name, value in expected.items():
            assert found[name][i].item() == pytest.approx(float(value), abs=1e-9), name


def test_comprehensiveness_against_plain_loops(scored: Scored, uneven: Question, maps: Tensor) -> None:
    found = scored("comprehensiveness", uneven, maps)
    relevance = per_unit(maps, uneven.batch.units)
    for i in range(8):
        order = relevance[i].argsort(descending=True).tolist()
        top = [[u in order[: ceil(7 * share / 100)] for u in range(7)] for share in (1, 5, 10, 20, 50)]
        lost, kept = drops(uneven, i, torch.tensor(top)), drops(uneven, i, ~torch.tensor(top))
        assert found["comprehensiveness"][i].item() == pytest.approx(sum(lost) / 5, abs=1e-9)
        assert found["sufficiency"][i].item() == pytest.approx(sum(kept) / 5, abs=1e-9)


@pytest.mark.parametrize("name", GAME)
@pytest.mark.parametrize("units", [2, 3, 5, 16])
def test_bills_are_the_declared_ones_for_any_number_of_units(name: str, units: int) -> None:
    question = ask(lambda x: x.square().sum(1), torch.rand(2, units).double() + 1)
    choices: list[dict[str, object]] = [{}]
    if "subsets" in metrics[name].settings:
        second = "sizes" if name == "sensitivity_n" else "size"
        choices = [
            {"subsets": n, second: s} for n, s in product((1, 5, 100), (1, 3) if second == "sizes" else (0.1, 0.6))
        ]
    for settings in choices:
        asked = Asked(metrics[name], settings)
        cost = score(asked, question.gate, question.batch, torch.rand(2, units).double(), None)[1]
        forward, backward = asked.part.passes_of(asked.settings, units) or (0, 0)
        assert (cost.forward, cost.backward) == (2 * forward, 2 * backward), settings


@pytest.mark.parametrize("name", GAME)
def test_one_unit_has_nothing_to_tell_apart(name: str) -> None:
    question = ask(lambda x: x.sum(1), torch.ones(2, 3).double(), units=torch.zeros(3, dtype=torch.int64))
    found = score(Asked(metrics[name], {}), question.gate, question.batch, torch.ones(2, 3).double(), None)[0]
    for key in ("faithfulness_correlation", "mu_fidelity", "sensitivity_n", "leave_one_out", "faithfulness_estimate"):
        assert key not in found or found[key].isnan().all()


def test_few_units_make_equal_cuts_that_are_asked_about_once(uneven: Question, maps: Tensor) -> None:
    """Of seven units 1, 5 and 10 % are one, 20 % two, 50 % four."""
    recorder = Recorder(uneven)
    cost = score(Asked(metrics["comprehensiveness"], {}), recorder.question.gate, uneven.batch, maps, None)[1]
    assert cost.forward == 8 * 7
    assert len({each.numpy().tobytes() for each in recorder.seen}) == 8 * 7


def test_another_imputer_and_readout_can_be_asked_for(scored: Scored, uneven: Question, maps: Tensor) -> None:
    for name in GAME:
        plain, other = scored(name, uneven, maps), scored(name, uneven, maps, imputer="mean", readout="logit")
        assert any(not plain[key].equal(other[key]) for key in metrics[name].directions)


@pytest.mark.parametrize("name", ["irof", "road", "information_curves"])
def test_rows_have_no_superpixels_neighbours_or_information(scored: Scored, name: str) -> None:
    question = ask(lambda x: x.sum(1), torch.rand(2, 6).double())
    with pytest.raises(Refused, match=r"row|pictures"):
        scored(name, question, torch.rand(2, 6).double())


def test_road_needs_two_units(scored: Scored) -> None:
    question = ask(lambda x: x.sum(1), torch.rand(2, 6).double(), units=torch.zeros(6, dtype=torch.int64))
    with pytest.raises(Refused, match="one unit only"):
        scored("road", question, torch.rand(2, 6).double(), imputer="baseline")


def test_road_keeps_its_curves_and_exact_shares(scored: Scored, uneven: Question, maps: Tensor) -> None:
    found = scored("road", uneven, maps)
    for end in ("morf", "lerf"):
        share = found[f"road_{end}_share"]
        assert share.shape == (8, 9)
        assert (share.diff(dim=1) >= 0).all()
        assert ((share > 0) & (share < 1)).all()
        torch.testing.assert_close(found[f"road_{end}"], found[f"road_{end}_curve"].mean(1))
    torch.testing.assert_close(found["road_gap"], found["road_lerf"] - found["road_morf"])


def test_road_shares_are_the_nearest_in_plain_loops(scored: Scored, uneven: Question, maps: Tensor) -> None:
    found = scored("road", uneven, maps, imputer="baseline")
    batch = uneven.batch
    for i in range(8):
        sizes = [int((batch.units[i] == u).sum()) for u in range(7)]
        density = [float(maps[i][batch.units[i] == u].mean()) for u in range(7)]
        for end, sign in (("morf", -1), ("lerf", 1)):
            order = sorted(range(7), key=lambda u: sign * density[u])
            covered = [sum(sizes[u] for u in order[:k]) for k in range(1, 7)]
            for place, percent in enumerate(range(10, 100, 10)):
                nearest = min(covered, key=lambda area: abs(area * 100 - percent * 30))
                assert found[f"road_{end}_share"][i, place].item() == pytest.approx(nearest / 30)


def test_random_orders_have_no_road_gap_on_average(scored: Scored) -> None:
    worth = torch.tensor([4.0, -1.0, 2.0, 0.5, 3.0], dtype=torch.float64).expand(600, -1)
    question = ask(lambda x: x.clamp(min=0).sum(1) ** 2, worth)
    gap = scored("road", question, torch.ones(600, 5).double(), imputer="baseline")["road_gap"]
    assert abs(gap.mean().item()) <= 3 * gap.std().item() / 600**0.5
    assert gap.std() > 0


def test_irof_is_the_samples_own_however_many_superpixels_its_mates_have(scored: Scored) -> None:
    source = torch.Generator().manual_seed(61)
    x = torch.rand(4, 3, 12, 12, generator=source, dtype=torch.float64)
    x[1] = x[1].mean((1, 2), keepdim=True)
    x[2, :, :6] = 1.0
    question = ask(lambda x: x.square().sum((1, 2, 3)) / 50, x)
    maps = torch.rand(4, 144, generator=source, dtype=torch.float64).round(decimals=1)
    together = scored("irof", question, maps)["irof"]
    for i in range(4):
        assert scored("irof", question.picked([i]), maps[i : i + 1])["irof"].item() == together[i].item()
    assert together.unique().numel() == 4


def test_drop_shades_every_pixel_by_its_own_relevance(scored: Scored, uneven: Question, maps: Tensor) -> None:
    found, batch, module = scored("average_drop", uneven, maps), uneven.batch, uneven.gate.module
    for i in range(8):
        x = batch.x[i].clone()
        most = max(float(maps[i].max()), 0.0)
        for e, (c, value) in product(range(30), enumerate([0, 1, 2])):
            share = max(0.0, float(maps[i, e])) / most
            black = batch.baseline[i].flatten(1)[c, e]
            x.flatten(1)[value, e] = black + share * (x.flatten(1)[value, e] - black)
        full, left = (module(each[None]).softmax(1)[0, batch.target[i]].item() for each in (batch.x[i], x))
        assert found["average_drop"][i].item() == pytest.approx(max(0.0, full - left) / full, abs=1e-9)
        assert found["average_increase"][i].item() == float(left > full)
        assert found["average_gain"][i].item() == pytest.approx(max(0.0, left - full) / (1 - full), abs=1e-9)


def test_adcc_explains_the_masked_input_for_the_same_target(uneven: Question, maps: Tensor) -> None:
    batch, asked = uneven.batch, []

    def watching(x: Tensor, target: Tensor, baseline: Tensor) -> Tensor:
        """The input itself."""
        asked.append((x, target, baseline))
        return x.sum(1).flatten(1)

    found = score(Asked(metrics["adcc"], {}), uneven.gate, batch, maps, Asked(Method(watching), {}))[0]
    ((x, target, baseline),) = asked
    assert target.equal(batch.target)
    assert baseline.equal(batch.baseline)
    bright = (maps.clamp(min=0) / maps.amax(1, keepdim=True)).reshape(8, 1, 5, 6)
    torch.testing.assert_close(x, batch.baseline + bright * (batch.x - batch.baseline))
    again = x.sum(1).flatten(1)
    for i in range(8):
        expected = (1 + float(pearsonr(maps[i].clamp(min=0).numpy(), again[i].numpy()).statistic)) / 2
        assert found["coherency"][i].item() == pytest.approx(expected, abs=1e-6)


def test_gaps_are_about_the_target_and_not_about_class_zero(scored: Scored) -> None:
    """OpenXAI reads class 0 whatever was explained."""
    x, pool = (
        torch.zeros(2, 4, dtype=torch.float64),
        torch.randn(9, 4, generator=torch.Generator().manual_seed(1)).double(),
    )
    question = ask(
        lambda x: torch.stack([x[:, 0] * 0, x[:, 1]], 1), x, target=torch.tensor([0, 1]), pool=pool, readout="logit"
    )
    found = scored("prediction_gap", question, torch.tensor([[0.0, 1.0, 0.0, 0.0]] * 2).double())
    assert found["pgi"][0] == 0
    assert found["pgi"][1] > 0
    assert found["pgu"].tolist() == [0.0, 0.0]


def test_gaps_against_plain_loops(scored: Scored, uneven: Question, maps: Tensor) -> None:
    """With the draws that the harness gives: whole units, all channels, one strength per entry of the pool."""
    pool = torch.rand(12, 3, 5, 6, generator=torch.Generator().manual_seed(62), dtype=torch.float64)
    recorder = Recorder(uneven)
    question = replace(recorder.question, batch=replace(uneven.batch, pool=pool))
    found = scored("prediction_gap", question, maps, draws=3)
    batch, module = uneven.batch, uneven.gate.module
    relevance = per_unit(maps, batch.units).abs()
    passes = torch.stack(recorder.seen).reshape(7, 8, 3, 5, 6)
    assert passes[0].equal(batch.x)
    chance = module(passes.flatten(0, 1)).softmax(1).reshape(7, 8, 3)
    for i in range(8):
        top = set(relevance[i].argsort(descending=True)[:2].tolist())
        inside = torch.tensor([int(u) in top for u in batch.units[i]])
        moved = (passes[1:, i] != batch.x[i]).flatten(2)
        assert moved[::2, :, inside].all()
        assert not moved[::2, :, ~inside].any()
        assert moved[1::2, :, ~inside].all()
        assert not moved[1::2, :, inside].any()
        gap = (chance[1:, i, batch.target[i]] - chance[0, i, batch.target[i]]).abs()
        assert found["pgi"][i].item() == pytest.approx(gap[::2].mean().item(), abs=1e-9)
        assert found["pgu"][i].item() == pytest.approx(gap[1::2].mean().item(), abs=1e-9)


def test_gaps_need_a_pool(scored: Scored, uneven: Question, maps: Tensor) -> None:
    with pytest.raises(Refused, match="pool"):
        scored("prediction_gap", replace(uneven, batch=replace(uneven.batch, pool=None)), maps)
