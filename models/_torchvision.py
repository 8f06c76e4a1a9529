"""Makes torchvision importable where its compiled extension cannot be loaded.

timm imports torchvision, and `import torchvision` describes its operators to torch, which fails with "operator
torchvision::nms does not exist" when the extension that defines them was built for another torch (a CPU torch beside
the CUDA wheel of torchvision, which pip resolves to). Nothing here uses these operators: declaring them is enough.
Whoever needs timm imports it from here.
"""

import importlib.util
from pathlib import Path

import torch

__all__ = ["ConvStem", "HybridEmbed", "timm"]

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def extension_loads() -> bool:
    """Whether torchvision's compiled operators can be loaded into this torch."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return False
    try:
        for path in Path(package.origin).parent.glob("_C.*"):
            torch.ops.load_library(path)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")


def declare_missing() -> torch.library.Library | None:
    """Declare the operators that torchvision describes at import, unless its extension provides them."""
    if extension_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


# The declarations live as long as this object does.
DECLARED = declare_missing()

import timm  # noqa: E402 - only now
from timm.layers.hybrid_embed import HybridEmbed  # noqa: E402
from timm.models.vision_transformer_hybrid import ConvStem  # noqa: E402
