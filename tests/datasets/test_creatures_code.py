"""The class code, by brute force over all words, parts and subsets."""

from itertools import combinations

import pytest
import torch

from heatproof.datasets.creatures import CLASSES, CODE, PARTS, VARIANTS, posterior

WORDS = [tuple(word) for word in CODE.tolist()]


def consistent(variants, visible):
    return [word for word in WORDS if all(word[part] == variants[part] for part in visible)]


def test_ten_different_words_over_five_parts():
    assert len(set(WORDS)) == len(WORDS) == CLASSES == 10
    assert {len(word) for word in WORDS} == {len(PARTS)} == {5}


def test_every_variant_of_every_part_is_shared_by_at_least_two_classes():
    for part in range(len(PARTS)):
        for variant in range(VARIANTS):
            assert sum(word[part] == variant for word in WORDS) >= 2


def test_every_class_has_its_two_nearest_in_two_different_parts():
    for word in WORDS:
        differing = [[part for part in range(5) if word[part] != other[part]] for other in WORDS if other != word]
        nearest = [parts[0] for parts in differing if len(parts) == 1]
        assert len(nearest) == len(set(nearest)) == 2


def test_each_part_is_the_decisive_one_for_four_classes():
    for part in range(len(PARTS)):
        others = [i for i in range(len(PARTS)) if i != part]
        assert sum(len(consistent(word, others)) == 2 for word in WORDS) == 4


@pytest.mark.parametrize("size", range(len(PARTS) + 1))
def test_the_posterior_is_uniform_over_the_consistent_classes(size):
    for visible in combinations(range(len(PARTS)), size):
        mask = torch.tensor([part in visible for part in range(len(PARTS))])
        found = posterior(CODE, mask.expand(CLASSES, -1))
        for row, word in zip(found.tolist(), WORDS, strict=True):
            possible = consistent(word, visible)
            expected = [(other in possible) / len(possible) for other in WORDS]
            assert row == pytest.approx(expected, rel=1e-6)


def test_impossible_parts_have_no_posterior():
    variants = torch.tensor([[0, 0, 0, 0, 0]])
    assert posterior(variants, torch.ones(1, 5, dtype=torch.bool)).isnan().all()
