"""timm, which imports torchvision: whoever needs it imports it from here, for torchvision may have to be helped."""

from ..benchmark.libraries import imported

__all__ = ["ConvStem", "HybridEmbed", "timm"]

imported("torchvision")

import timm  # noqa: E402 - only now
from timm.layers.hybrid_embed import HybridEmbed  # noqa: E402
from timm.models.vision_transformer_hybrid import ConvStem  # noqa: E402
