"""Cases of maps and masks: T is true, F impossible, and a dot nothing that anybody asks about."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...benchmark import Truth
from ...benchmark.checks import Case, ask

Rows = Sequence[Sequence[float]]
FLAT = [[1e-12] * 4, [2.0] * 4, [-3.0] * 4, [1e12] * 4, [0.0] * 4]
"""Constant maps, of any size and sign."""
SHARES = ["TFFF", "TTFF", "FTTT", "T.TF", "FFFT"]
"""Masks that are true on 1/4, 1/2, 3/4, 2/3 and 1/4 of what is asked."""
NOTHING = ["FFFF", "....", "F..F"]
FALLING = [4.0, 3.0, 2.0, 1.0]
DRAWS = 40


def masked(masks: str | Sequence[str], maps: Rows, x: Tensor | None = None, /, **expected: Sequence[float]) -> Case:
    """Ask about maps, with one mask for all or one for each."""
    kinds = [masks] * len(maps) if isinstance(masks, str) else masks
    true, impossible = (torch.tensor([[letter == kind for letter in row] for row in kinds]) for kind in "TF")
    inputs = torch.zeros(true.shape) if x is None else x
    parts = torch.arange(true.shape[1]).expand(len(true), -1)
    question = ask(lambda x: x.flatten(1).sum(1), inputs, truth=Truth(parts, true, impossible))
    scores = {name: torch.tensor(values, dtype=torch.float64) for name, values in expected.items()}
    return Case(question, torch.tensor(maps, dtype=torch.float64), scores)


def drawn(name: str, seed: int, judged: Callable[[list[float], str], float]) -> Case:
    """Draw maps with many ties and masks of all kinds, and judge each by itself."""
    source = torch.Generator().manual_seed(seed)
    maps = torch.randint(-2, 3, (DRAWS, 6), generator=source).double().tolist()
    masks = ["".join("TF."[kind] for kind in row) for row in torch.randint(3, (DRAWS, 6), generator=source).tolist()]
    return masked(masks, maps, **{name: [judged(*each) for each in zip(maps, masks, strict=True)]})
