"""The shipped networks with a code of their own: what their cards say, and that no two share a code."""

from itertools import combinations

import pytest
import torch

from heatproof.benchmark import models
from heatproof.datasets.own_codes import training as data
from heatproof.datasets.own_codes.codes import ALIKE, CLASSES, alikeness
from heatproof.models import weights
from heatproof.models.own_code_pairs import PAIRS
from heatproof.models.own_codes import OWN_CODES, kind_of, loaded, shortcomings
from heatproof.models.weights import card_of, digest_of


@pytest.mark.parametrize("name", OWN_CODES)
def test_a_shipped_network_has_passed_its_gate(name: str) -> None:
    card = card_of(name)
    assert shortcomings(card) == []
    assert not models[name].objection
    assert card["parameters"] == sum(parameter.numel() for parameter in loaded(name).parameters())
    kind, number = kind_of(name)
    recipe = kind.recipe(number)
    assert card["recipe"] == {field: getattr(recipe, field) for field in recipe.__slots__}
    assert (weights.FOLDER / f"{name}.safetensors").stat().st_size < 2**21


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_holds_its_networks_and_is_known_by_their_weights(name: str) -> None:
    assert [card["sha256"] for card in models[name].beside] == [digest_of(each) for each in PAIRS[name]]
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    both = models[name].function().logits(x)
    for place, each in enumerate(PAIRS[name]):
        alone = models[each].function().logits(x)
        found = both[:, place * CLASSES : (place + 1) * CLASSES]
        torch.testing.assert_close(found.sigmoid(), alone.double().softmax(1), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_no_two_shipped_networks_say_the_same_of_the_same_scenes() -> None:
    """The acceptance rule of codes, and three standard errors of the mean over the scenes."""
    truths = [data.asked_truth(loaded(name))[1] for name in OWN_CODES]
    limit = ALIKE + 3 * 0.5 / data.FEW**0.5
    assert all(abs(alikeness(one, other)) < limit for one, other in combinations(truths, 2))
