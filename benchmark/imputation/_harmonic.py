"""Pictures whose hidden pixels are the weighted mean of their eight neighbours."""

from functools import lru_cache

import numpy as np
import torch
from scipy.sparse import csc_array, diags_array, kron
from scipy.sparse.linalg import splu
from torch import Tensor


def harmonic(x: Tensor, kept: Tensor) -> Tensor:
    """Return float64 pictures (N, C, H, W) whose pixels that are not `kept` (N, 1, H, W) solve the equations.

    For a hidden pixel p, Σ_q w_pq (y_p - y_q) = 0 over its neighbours in the picture. Each picture needs one that is
    kept.
    """
    return torch.stack([_solved(picture, mask[0]) for picture, mask in zip(x.double(), kept, strict=True)])


def _solved(picture: Tensor, kept: Tensor) -> Tensor:
    hidden = ~kept.flatten().numpy()
    values = picture.flatten(1).numpy().T.copy()
    equations = _equations(*kept.shape)[:, hidden][hidden]
    if hidden.any():
        known = np.where(hidden[:, None], 0, values)
        factors = splu(equations, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
        values[hidden] = factors.solve(-(_equations(*kept.shape) @ known)[hidden])
    return torch.from_numpy(values.T).reshape(picture.shape)


@lru_cache(maxsize=4)
def _equations(height: int, width: int) -> csc_array:
    """Return the matrix (H · W, H · W) of the sums: weights 1/6 beside, above and below, 1/12 on the diagonals."""
    rows, columns = (diags_array([1.0, 2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n)) for n in (height, width))
    around = kron(rows, columns, format="csc") / 12
    around = around - diags_array(around.diagonal())
    return csc_array(diags_array(around.sum(1)) - around)
