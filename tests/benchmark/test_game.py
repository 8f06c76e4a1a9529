"""Games against plain loops, and what a method may reach through one."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Batch, Game, Gate, Method, Metric, Network, Refused, UnknownName, imputers
from heatproof.benchmark.checks import Question, ask
from heatproof.benchmark.game import Memory
from heatproof.benchmark.harness import Asked, explain, score

WEIGHT = torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0], [3.0, -1.0, 0.5, 0.0, 2.0]], dtype=torch.float64)


def rows() -> Question:
    """Three units of one, two and two columns; the score is a weighted sum."""
    x = torch.randn(2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    units = torch.tensor([[0, 1, 1, 2, 2], [2, 2, 0, 1, 1]])
    baseline = torch.full_like(x, -1.0)
    return ask(lambda x: x @ WEIGHT.T, x, target=torch.tensor([0, 1]), units=units, baseline=baseline)


def every(players: int, samples: int) -> Tensor:
    return torch.tensor(list(product([False, True], repeat=players))).expand(samples, -1, -1)


def test_scores_are_those_of_the_inputs_with_the_baseline_in_hidden_units() -> None:
    question = rows()
    batch, game = question.batch, Game(question.gate, question.batch)
    kept = every(3, 2)
    found = game.scores(kept)
    for i in range(2):
        for m, choice in enumerate(kept[i].tolist()):
            left = [batch.x[i, e] if choice[batch.units[i, e]] else batch.baseline[i, e] for e in range(5)]
            expected = sum(float(WEIGHT[batch.target[i], e] * left[e]) for e in range(5))
            assert found[i, m].item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(game.full, found[:, -1])
    torch.testing.assert_close(game.empty, found[:, 0])


def test_every_coalition_is_billed_once_and_the_two_ends_when_they_are_asked_for() -> None:
    question = rows()
    game = Game(question.gate, question.batch)
    game.scores(every(3, 2))
    assert question.gate.meter.forward == 2 * 8
    for _ in range(2):
        _ = game.full, game.empty
    assert question.gate.meter.forward == 2 * 10


def test_another_readout_is_read_from_the_same_logits() -> None:
    question = rows()
    game = Game(question.gate, question.batch)
    logits = game.logits(every(3, 2))
    first = question.batch.target == 0
    gap = (logits[..., 0] - logits[..., 1]) * torch.where(first, 1, -1)[:, None]
    torch.testing.assert_close(game.read(logits, "margin"), gap)
    torch.testing.assert_close(Game(question.gate, question.batch, "probability").scores(every(3, 2)), gap.sigmoid())


def test_other_units_make_another_game() -> None:
    question = rows()
    one = Game(question.gate, question.batch).on(torch.zeros(2, 5, dtype=torch.int64))
    assert one.players == 1
    torch.testing.assert_close(one.scores(torch.tensor([[[True]], [[True]]]))[:, 0], one.full)


def test_what_belongs_to_no_unit_is_never_hidden() -> None:
    question = rows()
    units = torch.tensor([[0, 0, -1, -1, -1]] * 2)
    game = Game(question.gate, replace(question.batch, units=units))
    batch = question.batch
    x = torch.cat([batch.baseline[:, :2], batch.x[:, 2:]], 1)
    torch.testing.assert_close(game.empty, question.gate.score(x, batch.target))


@pytest.mark.parametrize("room", [1, 3, 1000])
def test_the_gates_batch_size_changes_nothing(room: int) -> None:
    question = rows()
    found = Game(question.sized(room).gate, question.batch).scores(every(3, 2))
    torch.testing.assert_close(found, Game(question.gate, question.batch).scores(every(3, 2)))


def test_random_imputers_draw_the_same_for_all_coalitions_of_a_sample() -> None:
    x = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    question = ask(lambda x: x.flatten(1).sum(1), x)
    batch = replace(question.batch, imputer="noise")
    game = Game(question.gate, batch)
    nothing = torch.zeros(3, 5, 16, dtype=torch.bool)
    found = game.scores(nothing)
    assert (found == found[:, :1]).all()
    assert found[:, 0].unique().numel() == 3
    alone = Game(question.gate, batch.picked([2])).scores(nothing[:1])
    torch.testing.assert_close(alone, found[2:])
    assert not torch.equal(Game(question.gate, batch, seed=1).scores(nothing), found)


def test_a_network_that_leaves_elements_out_itself_is_billed_like_any_other() -> None:
    def masked(x: Tensor, kept: Tensor) -> Tensor:
        left = (x.flatten(1) * kept).sum(1)
        return torch.stack([left, -left], 1)

    x = torch.rand(2, 1, 2, 2, dtype=torch.float64)
    question = ask(lambda x: x.flatten(1).sum(1), x)
    network = replace(question.gate.network, masked={"layer_masking": masked})
    gate = Gate(network, "logit")
    game = Game(gate, replace(question.batch, imputer="layer_masking"))
    kept = every(4, 2)
    torch.testing.assert_close(game.scores(kept), (x.flatten(1)[:, None] * kept).sum(2))
    assert gate.meter.forward == 2 * 16
    with pytest.raises(Refused, match="the model has no layer_masking, only nothing of the kind: choose another"):
        Game(question.gate, game.batch).scores(kept)


def test_unknown_words_are_refused_at_once() -> None:
    question = rows()
    with pytest.raises(UnknownName, match="unknown imputer 'blurr': did you mean blur"):
        Game(question.gate, replace(question.batch, imputer="blurr"))
    with pytest.raises(ValueError, match="readout 'logits' is unknown"):
        Game(question.gate, question.batch, "logits")


@pytest.mark.parametrize(
    ("imputer", "lacks"), [("marginal", "others to draw from"), ("redraw", "make its samples again")]
)
def test_what_a_dataset_does_not_have_is_a_refusal(imputer: str, lacks: str) -> None:
    question = rows()
    with pytest.raises(Refused, match=lacks):
        _ = Game(question.gate, replace(question.batch, imputer=imputer)).empty


def test_a_method_reaches_neither_truth_nor_network_through_its_game() -> None:
    seen: list[Game] = []

    def nosy(game: Game) -> Tensor:
        """Looks around."""
        seen.append(game)
        return game.full[:, None] * torch.ones(2, 5)

    question = rows()
    batch: Batch = replace(question.batch, redraw=lambda ids, kept: question.batch.x)
    explain(Asked(Method(nosy), {}), question.gate, batch)
    (game,) = seen
    assert game.batch.truth is None
    assert game.batch.redraw is None
    for name in ("gradient", "module", "network", "tap"):
        with pytest.raises(AttributeError, match="declares `model: BlackBox`"):
            getattr(game.gate, name)


def test_the_settings_of_a_game_reach_every_part_that_names_one() -> None:
    def emptied(game: Game) -> Tensor:
        """The score without anything."""
        return game.empty[:, None] * torch.ones(2, 5, dtype=torch.float64)

    question = rows()

    def found(**told: str) -> Tensor:
        return explain(Asked(Method(emptied), told), question.gate, question.batch)[0]

    assert set(Method(emptied).settings) == {"imputer", "readout", "regions", "layer"}
    torch.testing.assert_close(found(imputer="baseline"), found())
    assert not torch.equal(found(imputer="constant"), found())
    chance = found(readout="probability")
    assert ((chance >= 0) & (chance <= 1)).all()
    with pytest.raises(ValueError, match="no setting 'imputr': did you mean 'imputer'"):
        Asked(Method(emptied), {"imputr": "blur"})


def test_every_imputer_is_listed_with_a_line() -> None:
    assert {"baseline", "layer_masking", "token_dropping"} <= set(imputers)
    assert all(imputers[name].summary for name in imputers)


def test_networks_without_masks_have_none() -> None:
    assert Network(predict=lambda x: x).masked == {}


def test_what_was_asked_before_is_not_asked_again_and_billed_all_the_same() -> None:
    def all_but_one(game: Game, attribution: Tensor) -> Tensor:
        """The mean of what leaving one unit out leaves."""
        return game.scores(~torch.eye(3, dtype=torch.bool).expand(2, -1, -1)).mean(1) + 0 * attribution.sum(1)

    question, memory = rows(), Memory()
    made = question.gate.network.module
    assert made is not None
    calls: list[int] = []
    made.register_forward_hook(lambda module, given, answer: calls.append(len(answer)))
    found = [
        score(Asked(Metric(all_but_one), {}), question.gate, question.batch, maps, None, memory)
        for maps in torch.randn(3, 2, 5, dtype=torch.float64)
    ]
    assert sum(calls) == 2 * 3
    assert [cost.forward for _, cost in found] == [2 * 3] * 3
    assert all(scores["all_but_one"].equal(found[0][0]["all_but_one"]) for scores, _ in found)
    score(
        Asked(Metric(all_but_one), {"imputer": "constant"}),
        question.gate,
        question.batch,
        torch.ones(2, 5),
        None,
        memory,
    )
    assert sum(calls) == 2 * 2 * 3


def test_a_memory_forgets_what_is_oldest() -> None:
    memory, asked = Memory(2), []

    def answer(name: bytes) -> Tensor:
        asked.append(name)
        return torch.zeros(1, 1, 2)

    for name in (b"a", b"b", b"a", b"c", b"a", b"b"):
        memory.recall(name, lambda name=name: answer(name))  # type: ignore[misc]
    assert asked == [b"a", b"b", b"c", b"b"]
    assert memory.passes == 2
