"""RISE."""

from torch import Tensor, einsum, eye, split
from torch.nn.functional import interpolate

from ...benchmark import BlackBox, Rng, element_count, method
from .._budget import demand
from ._masks import Hidden


@method(paper="arXiv:1806.07421", passes=lambda budget: (budget, 0))
def rise(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    rng: Rng,
    *,
    budget: int = 4000,
    cells: int = 7,
    share: float = 0.5,
) -> Tensor:
    """Random soft masks, each weighted with the target score behind it, averaged; of a table, random columns.

    Masks are grids of `cells` a side, enlarged and shifted at random, in which a `share` is kept. The defaults are the
    paper's, and of its budgets that for a VGG16 (4000; for a ResNet50 8000). Other samples of the same budget are other
    masks.
    """
    demand(budget, 1, "rise")
    if cells < 1 or not 0 < share <= 1:
        raise ValueError(f"cells is {cells} and share {share}: give cells from 1, and a share above 0 and up to 1")
    hidden, total = Hidden(model, x, target, baseline), x.new_zeros(1).double()
    sides = x.shape[2:] if x.ndim == 4 else ()
    grids = rng.uniform(budget, *([cells] * 2 if sides else [element_count(x)])) < share
    corners = rng.uniform(budget, 2)
    for grid, corner in zip(split(grids, hidden.room, 1), split(corners, hidden.room, 1), strict=True):
        masks = _enlarged(grid.double(), corner, sides) if sides else grid
        total = total + einsum("nm,nme->ne", hidden.scores(masks).double(), masks.double())
    return total / (budget * share)


def _enlarged(grid: Tensor, corner: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Return soft masks (N, M, E): each grid in cells of its own, cut out of where its random corner says."""
    rows, columns = (_along(side, grid.shape[2], corner[:, :, axis]) for axis, side in enumerate(sides))
    return (rows @ grid @ columns.transpose(2, 3)).flatten(2)


def _along(side: int, cells: int, start: Tensor) -> Tensor:
    """Return the bilinear weights (N, M, side, cells) of one axis, from a start that is a share of a cell."""
    cell = -(-side // cells)
    weights = interpolate(eye(cells, dtype=start.dtype)[None], size=(cells + 1) * cell, mode="linear")[0].T.double()
    places = (start * cell).long()[:, :, None] + start.new_ones(side).cumsum(0).long() - 1
    return weights[places]
