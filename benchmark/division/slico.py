"""SLICO."""

from skimage.segmentation import slic
from torch import Tensor

from ..registry import divider
from ._superpixels import demand_pictures, each


@divider(paper="10.1109/TPAMI.2012.120")
def slico(x: Tensor, *, pieces: int = 50) -> Tensor:
    """Superpixels whose compactness adapts to each (SLICO), about so many: the regions of SMDL-Attribution and LiMA."""
    demand_pictures(x, pieces)
    return each(x, lambda colours: slic(colours, n_segments=pieces, start_label=0, channel_axis=-1, slic_zero=True))
