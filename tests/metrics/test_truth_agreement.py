"""Agreement of parts against SciPy, and what chance does with ties."""

import pytest
import torch
from scipy.stats import somersd
from torch import Tensor

from heatproof.benchmark import metrics, per_unit, spread, streams

EFFECT = torch.tensor([0.3, -0.2, 0.1, 0.5, -0.4], dtype=torch.float64)


def agreement(attribution: Tensor, effect: Tensor, parts: Tensor | None = None, **settings: int) -> dict[str, Tensor]:
    rng = streams([f"sample-{i}" for i in range(len(attribution))], 0, "part_agreement", 0)
    labels = torch.arange(attribution.shape[1]).expand(len(attribution), -1) if parts is None else parts
    found: dict[str, Tensor] = metrics["part_agreement"].function(attribution, effect, labels, rng, **settings)
    return found


@pytest.mark.parametrize("rounded", [False, True])
def test_pairwise_rank_agreement_is_somers_d(rounded: bool) -> None:
    """Somers' D takes the pairs of different effect, as many in order as in disorder for each that relevance ties."""
    source = torch.Generator().manual_seed(102)
    effect, maps = torch.randn(2, 30, 7, generator=source, dtype=torch.float64)
    if rounded:
        effect, maps = (2 * effect).round(), (2 * maps).round()
    found = agreement(maps, effect)["pairwise_rank_agreement"]
    for i in range(30):
        expected = somersd(effect[i].abs().numpy(), maps[i].abs().numpy()).statistic
        assert found[i].item() == pytest.approx((expected + 1) / 2, rel=1e-9)


def test_a_constant_map_agrees_by_chance() -> None:
    """Each of the three largest of five is among the first three with 3/5, in its place with 1/5; two are positive."""
    count = 3000
    found = agreement(torch.ones(count, 5, dtype=torch.float64), EFFECT.expand(count, -1))
    chance = {"feature_agreement": 3 / 5, "rank_agreement": 1 / 5, "sign_agreement": 2 / 5}
    chance |= {"signed_rank_agreement": 2 / 15}
    for name, expected in chance.items():
        error = float(found[name].std()) / count**0.5
        assert abs(float(found[name].mean()) - expected) <= 4 * error, name
    assert (found["pairwise_rank_agreement"] == 1 / 2).all()


def test_no_part_is_first_by_its_place() -> None:
    """Of a constant map, every part alone is found with 1/5, wherever it stands."""
    count = 2000
    for part in range(5):
        effect = torch.zeros(count, 5, dtype=torch.float64)
        effect[:, part] = 1.0
        hits = float(agreement(torch.ones(count, 5, dtype=torch.float64), effect)["feature_agreement"].mean())
        assert abs(hits - 1 / 5) <= 4 * (0.2 * 0.8 / count) ** 0.5


@pytest.mark.parametrize("k", [5, 6, 1000])
def test_k_is_at_most_the_number_of_parts(k: int) -> None:
    maps = torch.randn(20, 5, generator=torch.Generator().manual_seed(103), dtype=torch.float64)
    found, all_five = agreement(maps, EFFECT.expand(20, -1), k=k), agreement(maps, EFFECT.expand(20, -1), k=5)
    assert all(found[name].equal(all_five[name]) for name in found)
    assert (found["feature_agreement"] == 1).all()
    assert found["sign_agreement"].equal((maps.sign() == EFFECT.sign()).double().mean(1))


@pytest.mark.parametrize("k", [0, -1])
def test_k_is_at_least_one(k: int) -> None:
    with pytest.raises(ValueError, match=f"k is {k}; expected a number of parts, at least 1"):
        agreement(EFFECT[None], EFFECT[None], k=k)


def test_the_truth_agrees_when_it_is_spread() -> None:
    """Equal effects, spread over parts of 7, 2, 1 and 5 elements, are still equal."""
    size = torch.tensor([7, 2, 1, 5])
    parts = torch.arange(4).repeat_interleave(size)[None]
    effect = torch.tensor([[0.3, -0.3, 0.3, 0.1]], dtype=torch.float64)
    stored = spread(effect, parts)
    assert len(per_unit(stored, parts)[0, :3].abs().unique()) > 1, "rounding splits the tie, or this proves nothing"
    assert all(values.item() == 1.0 for values in agreement(stored, effect, parts).values())
