"""SMDL and LiMA against their published procedures, in plain loops and one set at a time."""

from dataclasses import dataclass, replace
from math import acos, exp, log, pi

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Game, Gate, Method, Refused, grid_units, methods
from heatproof.benchmark.checks._questions import Question, ask, black_box, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.benchmark.network import Evidential
from heatproof.methods.subset import _map
from heatproof.methods.subset._map import unit_values
from heatproof.methods.subset._scores import Judge, Weights, angles
from heatproof.methods.subset._search import Ordered, bill, search

LIMA = Weights(20.0, 5.0, 0.05, 0.01)
LAST = torch.tensor([2])
ONES = Weights(1.0, 1.0, 1.0, 1.0)


def network() -> nn.Module:
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 6, 3, stride=2), nn.ReLU())
    head = nn.Linear(6 * 3 * 4, 4)
    with torch.no_grad():
        head.weight *= 6
    return nn.Sequential(body, nn.Flatten(), head).double()


HEAD = seeded(lambda: nn.Linear(6 * 3 * 4, 4)).double().requires_grad_(False)
HEAD.weight.mul_(9)


def headed(asked: Question, head: nn.Module = HEAD) -> Question:
    """Give a network an evidential head."""
    own = asked.gate.network
    network = replace(own, evidential=Evidential(asked.gate.module, head))
    return replace(asked, gate=Gate(network, asked.gate.readout))


def pictures(columns: int = 4, readout: str = "probability") -> Question:
    """Three 8x9 pictures, one with a black corner; units are rectangles of unequal size, two rows of them, and a rest.

    Its baseline is not black.
    """
    x = torch.rand(3, 3, 8, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    x[0, :, :4, :3] = 0
    rows, places = torch.arange(8) // 3, torch.arange(9) * columns // 9
    units = (rows[:, None] * columns + places).clamp(max=2 * columns)
    target = torch.tensor([1, 0, 3])
    return headed(ask(seeded(network), x, target=target, units=units.flatten(), readout=readout, baseline=0.2 + 0 * x))


def game(asked: Question) -> Game:
    return Game(asked.gate, asked.batch)


@dataclass
class Slow:
    """One sample, one set of units at a time."""

    asked: Question
    sample: int
    weights: Weights

    def __post_init__(self) -> None:
        batch = self.asked.batch
        self.x, self.empty = batch.x[self.sample], batch.baseline[self.sample]
        self.labels = batch.units[self.sample].reshape(self.x.shape[1:]).tolist()
        self.target, self.m = int(batch.target[self.sample]), int(batch.units.max()) + 1
        self.known: dict[frozenset[int], Tensor] = {}
        with torch.no_grad():
            alone = [self.module()[:-1](self.shown({i})[None])[0] for i in range(self.m)]
        cosines = [[float(torch.cosine_similarity(f, g, dim=0)) for g in alone] for f in alone]
        self.distance = [[acos(max(-1.0, min(1.0, c))) / pi for c in row] for row in cosines]

    def module(self) -> nn.Sequential:
        module = self.asked.gate.module
        assert isinstance(module, nn.Sequential)
        return module

    def shown(self, kept: set[int]) -> Tensor:
        x = self.empty.clone()
        for row, labels in enumerate(self.labels):
            for column, label in enumerate(labels):
                if label in kept:
                    x[:, row, column] = self.x[:, row, column]
        return x

    def logits(self, kept: set[int]) -> Tensor:
        key = frozenset(kept)
        if key not in self.known:
            with torch.no_grad():
                self.known[key] = self.module()(self.shown(kept)[None])[0]
        return self.known[key]

    def p(self, kept: set[int]) -> float:
        z = self.logits(kept).tolist()
        if self.asked.gate.readout == "logit":
            return float(z[self.target])
        return exp(z[self.target]) / sum(map(exp, z))

    def sure(self, kept: set[int]) -> float:
        z = self.logits(kept).tolist()
        if self.weights.evidence == "evidential":
            with torch.no_grad():
                features = self.module()[:-1](self.shown(kept)[None])[0]
            z = [float(row @ features + shift) for row, shift in zip(HEAD.weight, HEAD.bias, strict=True)]
        if self.weights.evidence != "entropy":
            return 1 - len(z) / sum(exp(min(10, max(-10, v))) + 1 for v in z)
        shares = [exp(v) / sum(map(exp, z)) for v in z]
        return 1 + sum(s * log(s) for s in shares) / log(len(z))

    def apart(self, chosen: set[int]) -> float:
        if len(chosen) == 1:
            return 0.0
        return sum(min(self.distance[i][j] for j in chosen if j != i) for i in chosen)

    def worth(self, kept: set[int], diverse: set[int]) -> float:
        w = self.weights
        everything = set(range(self.m))
        shown = w.consistency * self.p(kept) + w.collaboration * (1 - self.p(everything - kept))
        return shown + w.confidence * self.sure(kept) + w.effectiveness * self.apart(diverse)

    def greedy(self) -> list[int]:
        order: list[int] = []
        while len(order) < self.m:
            left = [r for r in range(self.m) if r not in order]
            order.append(max(left, key=lambda r: self.worth({*order, r}, {*order, r})))
        return order

    def bidirectional(self, pending: int) -> list[int]:
        front: list[int] = []
        back: list[int] = []
        for _ in range((self.m - pending) // 2 + pending):
            left = [r for r in range(self.m) if r not in front + back]
            if len(left) < 2:
                front += left
                break
            best = max(left, key=lambda r: self.worth({*front, r}, {*front, r}))
            if len(left) > pending:
                others = [r for r in left if r != best]
                doubtful = sorted(others, key=lambda r: self.worth({*front, r}, {*back, r}))[:pending]
                back.append(min(doubtful, key=lambda r: self.worth({*back, r}, {*back, r})))
            front.append(best)
        return front + back[::-1]

    def curves(self, order: list[int]) -> tuple[list[float], list[float]]:
        """The insertion curve, and one less the deletion curve, point by point."""
        sizes = range(self.m + 1)
        return [self.p(set(order[:t])) for t in sizes], [1 - self.p(set(order[t:])) for t in sizes]

    def map(self, order: list[int]) -> list[float]:
        """The papers' rule (tools/assigned_value.py), per pixel."""
        gained = [a + b for a, b in zip(*self.curves(order), strict=True)]
        value, values = 0.0, {}
        for t, unit in enumerate(order, 1):
            value -= abs(gained[t] - gained[t - 1])
            values[unit] = value
        low, high = min(values.values()), max(values.values())
        return [(values[label] - low) / (high - low) for row in self.labels for label in row]


def found(asked: Question, weights: Weights, pending: int, k: int = 0) -> Ordered:
    return search(Judge(game(asked), weights), pending, k)


WEIGHTS = [
    ONES,
    LIMA,
    Weights(0.01, 0.0, 0.0, 1.0),
    Weights(0.3, 1.0, 0.7, 0.0, "evidential_logits"),
    Weights(1.0, 1.0, 2.0, 3.0, "evidential"),
    Weights(0.3, 0.1, 2.0, 0.0, "evidential"),
]


@pytest.mark.parametrize("columns", [2, 5])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_greedy_is_the_published_procedure(weights: Weights, columns: int) -> None:
    asked = pictures(columns)
    ours = found(asked, weights, 2 * columns + 1)
    for i in range(3):
        assert ours.order[i].tolist() == Slow(asked, i, weights).greedy()


@pytest.mark.parametrize("readout", ["probability", "logit"])
@pytest.mark.parametrize("pending", [1, 3, 8, 20])
@pytest.mark.parametrize("weights", [LIMA, *WEIGHTS[4:]])
def test_both_ends_are_the_published_procedure(weights: Weights, pending: int, readout: str) -> None:
    for columns in (3, 5):
        asked = pictures(columns, readout)
        ours = found(asked, weights, pending)
        for i in range(3):
            slow = Slow(asked, i, weights)
            order = slow.bidirectional(pending)
            assert ours.order[i].tolist() == order
            for curve, expected in zip((ours.consistency, ours.collaboration), slow.curves(order), strict=True):
                assert curve[i].tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("name", "settings", "weights"), [("smdl", {}, ONES), ("lima", {"pending": 3}, LIMA)])
def test_the_map_follows_the_papers_rule(name: str, settings: dict[str, object], weights: Weights) -> None:
    """A picture with black pixels has one, too: its regions are what their labels say."""
    asked = pictures()
    maps, cost = explain(Asked(methods[name], settings), asked.gate, asked.batch)
    for i in range(3):
        slow = Slow(asked, i, weights)
        order = slow.greedy() if name == "smdl" else slow.bidirectional(3)
        assert maps[i].tolist() == pytest.approx(slow.map(order), abs=1e-6)
    assert cost.forward == 3 * (9 * 10 if name == "smdl" else closed_form(9, 3))


@pytest.mark.parametrize("pending", [3, 99])
def test_maps_fall_with_rank_and_curves_end_where_they_must(pending: int) -> None:
    asked = pictures()
    ours, whole = found(asked, LIMA, pending), game(asked)
    values = unit_values(ours).gather(1, ours.order)
    assert (values.diff(dim=1) <= 0).all()
    assert values[:, 0].tolist() == [1.0] * 3
    assert values[:, -1].tolist() == [0.0] * 3
    torch.testing.assert_close(ours.consistency[:, [0, -1]], torch.stack([whole.empty, whole.full], 1))
    torch.testing.assert_close(1 - ours.collaboration[:, [0, -1]], torch.stack([whole.full, whole.empty], 1))


@pytest.mark.parametrize("pending", [9, 100])
def test_as_many_pending_as_units_is_plain_greedy(pending: int) -> None:
    asked = pictures()
    same = {name: getattr(LIMA, name) for name in LIMA.__slots__}
    lima, _ = explain(Asked(methods["lima"], {"pending": pending}), asked.gate, asked.batch)
    smdl, _ = explain(Asked(methods["smdl"], same), asked.gate, asked.batch)
    assert lima.equal(smdl)


@pytest.mark.parametrize("pending", [1, 2, 5, 10, 30])
@pytest.mark.parametrize("count", [1, 2, 9, 10])
def test_additive_scores_are_sorted(pending: int, count: int) -> None:
    x = torch.randn(4, count, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    asked = ask(lambda x: x.sum(1), x)
    ours = found(asked, Weights(1.0, 1.0, 0.0, 0.0), pending)
    assert ours.order.equal(x.argsort(dim=1, descending=True))


def closed_form(m: int, pending: int) -> int:
    """Two passes for all units left in each step; from the second double step on, for the pending ones; both ends."""
    double = max(0, -((pending - m) // 2))
    if pending == 1 and m % 2 == 0:
        double -= 1
    rest = m - 2 * double
    tried = double * m - double * (double - 1) + rest * (rest + 1) // 2 - 1
    return 2 * tried + 2 * pending * max(0, double - 1) + 2


@pytest.mark.parametrize("pending", [1, 2, 3, 4, 8, 13])
@pytest.mark.parametrize("m", range(1, 14))
def test_bill_is_the_closed_form(m: int, pending: int) -> None:
    assert bill(m, pending) == closed_form(m, pending)
    assert bill(m, max(m, pending)) == m * (m + 1)
    x = torch.randn(2, m, generator=torch.Generator().manual_seed(m), dtype=torch.float64)
    asked = ask(seeded(lambda: nn.Linear(m, 3).double()), x)
    found(asked, LIMA, pending)
    assert asked.gate.meter.forward == 2 * closed_form(m, pending)


def test_only_the_first_regions_are_ordered_when_told() -> None:
    asked = pictures()
    whole = found(asked, ONES, 9)
    for k in range(1, 10):
        part = found(asked, ONES, 9, k)
        assert part.order[:, :k].equal(whole.order[:, :k])
        assert part.level.tolist() == [*range(1, k + 1), *[k + 1] * (9 - k)]
        last = unit_values(part).gather(1, part.order)[:, min(k, 8) :]
        assert (last == 0).all()
        before = asked.gate.meter.forward
        found(asked, ONES, 9, k)
        assert asked.gate.meter.forward - before == 3 * bill(9, 9, k) == 3 * (2 + 2 * sum(range(9, max(9 - k, 1), -1)))
    assert found(asked, ONES, 9, 40).order.equal(whole.order)


def test_from_both_ends_those_between_share_a_level() -> None:
    asked = pictures()
    whole = found(asked, LIMA, 3)
    part = found(asked, LIMA, 3, 5)
    assert part.level.tolist() == [1, 2, 3, 4, 4, 4, 4, 5, 6]
    for end in (slice(3), slice(7, 9)):
        assert part.order[:, end].equal(whole.order[:, end])
    torch.testing.assert_close(part.consistency, whole.consistency[:, [0, 1, 2, 3, 7, 8, 9]])
    torch.testing.assert_close(part.collaboration, whole.collaboration[:, [0, 1, 2, 3, 7, 8, 9]])


def test_saturated_probabilities_are_told_apart_by_their_odds() -> None:
    """All sets have a probability of exactly 1, and all the rest, too."""
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    asked = ask(lambda x: 60 + x.sum(1), x, readout="probability")
    for pending in (2, 8):
        ours = found(asked, Weights(1.0, 1.0, 1.0, 0.0), pending)
        assert (ours.consistency == 1).all()
        assert ours.order.equal(x.argsort(dim=1, descending=True))
        assert (unit_values(ours) == 0).all()


def test_what_nothing_tells_apart_comes_in_one_order_from_both_ends_wherever_the_sample_stands() -> None:
    x = torch.ones(3, 12, dtype=torch.float64)
    asked = ask(lambda x: x[:, :6].sum(1), x)
    orders = [found(asked, Weights(1.0, 1.0, 0.0, 0.0), pending).order for pending in (1, 4, 12)]
    ties = Judge(game(asked), ONES).ties
    for row, order in zip(ties.tolist(), orders[0].tolist(), strict=True):
        assert order == sorted(row, key=lambda unit: unit >= 6)
    assert all(order.equal(orders[0]) for order in orders)
    assert not orders[0][0].equal(orders[0][1])
    turned = replace(asked, batch=asked.batch.picked([2, 0]))
    assert found(turned, Weights(1.0, 1.0, 0.0, 0.0), 4).order.equal(orders[0][[2, 0]])


def test_one_region_takes_two_passes_and_has_nothing_to_tell() -> None:
    x = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    asked = ask(lambda x: x.flatten(1).sum(1), x, units=torch.zeros(1, 25, dtype=torch.int64))
    for name in ("smdl", "lima"):
        maps, cost = explain(Asked(methods[name], {}), asked.gate, asked.batch)
        assert (maps == 0).all()
        assert cost.forward == 4


def test_an_image_smaller_than_a_region_is_one_region() -> None:
    x = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert (grid_units(x, 30) == 0).all()


def test_what_belongs_to_no_region_has_no_value() -> None:
    asked = pictures()
    units = torch.where(asked.batch.units == 8, -1, asked.batch.units)
    bare = replace(asked, batch=replace(asked.batch, units=units))
    maps, cost = explain(Asked(methods["smdl"], {}), bare.gate, bare.batch)
    assert (maps[units < 0] == 0).all()
    assert cost.forward == 3 * 8 * 9


def test_samples_that_do_not_fit_together_are_searched_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pictures()
    together, _ = explain(Asked(methods["lima"], {}), asked.gate, asked.batch)
    monkeypatch.setattr(_map, "TOGETHER", 2 * 81)
    apart, _ = explain(Asked(methods["lima"], {}), asked.gate, asked.batch)
    assert apart.equal(together)


def test_more_units_than_fit_are_refused_with_what_they_would_need() -> None:
    asked = ask(lambda x: x.sum(1), torch.zeros(1, 5000, dtype=torch.float64))
    with pytest.raises(Refused, match=r"5000 units need 0\.2 GiB for each table of their pairs"):
        explain(Asked(methods["smdl"], {}), asked.gate, asked.batch)
    assert asked.gate.meter.forward == 0


def test_a_black_box_has_no_features_but_may_do_without() -> None:
    asked = black_box()
    for name in ("smdl", "lima"):
        with pytest.raises(Refused, match="effectiveness=0"):
            explain(Asked(methods[name], {}), asked.gate, asked.batch)
        maps, _ = explain(Asked(methods[name], {"effectiveness": 0.0}), asked.gate, asked.batch)
        assert maps.amax(1).tolist() == [1.0] * len(maps)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"evidence": "certain"}, "evidence 'certain' is unknown; choose one of entropy, evidential, evid"),
        ({"consistency": -1.0}, r"\(-1.0, 5.0, 0.05, 0.01\): give numbers from 0, not all 0"),
        (dict.fromkeys(("consistency", "collaboration", "confidence", "effectiveness"), 0.0), "not all 0"),
        ({"pending": 0}, "pending is 0 and k 0: give pending from 1"),
        ({"k": -2}, r"k -2: .* k from 0 \(all\)"),
    ],
)
def test_misuse_is_told(settings: dict[str, object], message: str) -> None:
    asked = pictures()
    with pytest.raises(ValueError, match=message):
        explain(Asked(methods["lima"], settings), asked.gate, asked.batch)


def test_angles_are_arc_cosines_and_exact_where_these_lose_their_digits() -> None:
    vectors = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    vectors[0, 0] = 0
    vectors[1, 1] = -3 * vectors[1, 0]
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    expected = (unit @ unit.transpose(1, 2)).clamp(-1, 1).acos() / pi
    ours = angles(vectors)
    torch.testing.assert_close(ours, expected, atol=1e-7, rtol=0)
    assert ours[1, 0, 1].item() == 1
    tiny = torch.tensor([[[1.0, 0.0], [1.0, 1e-10]]], dtype=torch.float64)
    assert angles(tiny)[0, 0, 1].item() == pytest.approx(1e-10 / pi, rel=1e-9)


@pytest.mark.parametrize("evidence", ["entropy", "evidential_logits"])
def test_values_are_the_four_scores_and_the_weighed_odds(evidence: str) -> None:
    """Large logits are cut at 10 where they are evidence."""
    x = torch.linspace(-3, 16, 15, dtype=torch.float64).reshape(1, 5, 3)
    asked = ask(lambda x: x.reshape(len(x), 5, 3).sum(1), x.reshape(1, 15), readout="probability", target=LAST)
    kept = torch.rand(1, 9, 15, generator=torch.Generator().manual_seed(1)) < 0.2
    values = Judge(game(asked), Weights(3.0, 2.0, 1.0, 0.0, evidence)).ask(kept)
    for m in range(9):
        z, rest = ((x[0].flatten() * mask).reshape(5, 3).sum(0).tolist() for mask in (kept[0, m], ~kept[0, m]))
        shares, others = ([exp(v) / sum(map(exp, logits)) for v in logits] for logits in (z, rest))
        assert values.consistency[0, m].item() == pytest.approx(shares[2], abs=1e-12)
        assert values.collaboration[0, m].item() == pytest.approx(1 - others[2], abs=1e-12)
        if evidence == "entropy":
            sure = 1 + sum(s * log(s) for s in shares) / log(3)
        else:
            sure = 1 - 3 / sum(exp(min(10, max(-10, v))) + 1 for v in z)
        assert values.confidence[0, m].item() == pytest.approx(sure, abs=1e-12)
        odds = [v[2] - log(exp(v[0]) + exp(v[1])) for v in (z, rest)]
        assert values.odds[0, m].item() == pytest.approx(3 * odds[0] - 2 * odds[1], abs=1e-9)


@pytest.mark.parametrize("weights", WEIGHTS[3:])
def test_confidence_is_read_of_the_head_or_of_the_logits_of_the_same_passes(weights: Weights) -> None:
    asked = pictures()
    kept = torch.rand(3, 12, 9, generator=torch.Generator().manual_seed(1)) < 0.4
    judge = Judge(game(asked), weights)
    for values, sets in ((judge.ask(kept), kept), (judge.alone, torch.eye(9, dtype=torch.bool).expand(3, -1, -1))):
        for i in range(3):
            slow = Slow(asked, i, weights)
            expected = [slow.sure(set(row.nonzero()[:, 0].tolist())) for row in sets[i]]
            assert values.confidence[i].tolist() == pytest.approx(expected, abs=1e-12)
    assert asked.gate.meter.forward == 3 * 2 * (12 + 9)


def test_the_head_decides_the_order_and_costs_no_pass() -> None:
    asked, settings = pictures(), {"consistency": 0.1, "collaboration": 0.1, "confidence": 2.0, "effectiveness": 0.0}
    for name, bills in (("smdl", 9 * 10), ("lima", closed_form(9, 8))):
        maps, costs = zip(
            *(
                explain(Asked(methods[name], {**settings, "evidence": evidence}), asked.gate, asked.batch)
                for evidence in ("entropy", "evidential_logits", "evidential")
            ),
            strict=True,
        )
        assert [cost.forward for cost in costs] == [3 * bills] * 3
        assert not maps[2].equal(maps[0])
        assert not maps[2].equal(maps[1])


@pytest.mark.parametrize("name", ["smdl", "lima"])
def test_a_model_without_a_head_is_told_what_to_choose_before_any_pass(name: str) -> None:
    asked = pictures()
    bare = replace(asked, gate=Gate(replace(asked.gate.network, evidential=None)))
    for gate in (bare.gate, asked.gate.randomized(1), black_box().gate):
        with pytest.raises(
            Refused, match=r"no evidential head: choose evidence=entropy, or train one .*evidential=head"
        ):
            explain(Asked(methods[name], {"evidence": "evidential"}), gate, asked.batch)
        assert gate.meter.forward == 0
    idle = {"evidence": "evidential", "confidence": 0.0}
    maps, _ = explain(Asked(methods[name], idle), bare.gate, asked.batch)
    same, _ = explain(Asked(methods[name], {"confidence": 0.0}), bare.gate, asked.batch)
    assert maps.equal(same)


def test_a_head_of_other_features_is_told() -> None:
    asked = headed(pictures(), nn.Linear(5, 4))
    with pytest.raises(ValueError, match=r"^the evidential head does not take the model's 72 features: mat1 and mat2"):
        explain(Asked(methods["smdl"], {"evidence": "evidential"}), asked.gate, asked.batch)


def test_defaults_are_the_papers() -> None:
    def weights(part: Method) -> list[object]:
        return [part.settings[name] for name in ("consistency", "collaboration", "confidence", "effectiveness")]

    assert weights(methods["smdl"]) == [1, 1, 1, 1]
    assert weights(methods["lima"]) == [20, 5, 0.05, 0.01]
    assert methods["lima"].settings["pending"] == 8
    for units in (1, 2, 25, 50):
        assert methods["smdl"].passes_of({}, units) == (units * (units + 1), 0)
        assert methods["lima"].passes_of({}, units) == (closed_form(units, 8), 0)
