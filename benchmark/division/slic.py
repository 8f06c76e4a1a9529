"""SLIC."""

from skimage.segmentation import slic as segments
from torch import Tensor

from ..registry import divider
from ._superpixels import demand_pictures, each


@divider(paper="10.1109/TPAMI.2012.120")
def slic(x: Tensor, *, pieces: int = 50) -> Tensor:
    """Superpixels (SLIC), about so many; smooth pictures have fewer."""
    demand_pictures(x, pieces)
    return each(x, lambda colours: segments(colours, n_segments=pieces, start_label=0, channel_axis=-1))
