"""ImageNet's validation pictures: imagenet/val/WNID/*.JPEG, or imagenet/WNID/*.JPEG."""

from pathlib import Path

from ...benchmark import Batch, Gate, Refused
from ._folder import Folder, Found, by_class, folders_in
from ._questions import question

NETWORKS = ("imagenet_resnet101", "imagenet_vit_base_patch16_224")


def read(root: Path) -> Found:
    """The classes are the folders, sorted; which pictures are for `tune` is drawn."""
    held = root / "val" if (root / "val").is_dir() else root
    if not (classes := folders_in(held)):
        raise Refused(f"{held} has no folders n01440764, …: sort the pictures into one folder for each class")
    return len(classes), by_class(held, classes)


IMAGENET = Folder("ImageNet", "imagenet", (), read)


@question(IMAGENET, NETWORKS, right=True)
def imagenet_correct(gate: Gate, batch: Batch) -> None:
    """Where does the network see the class, where it predicts it right? No truth is known: proxies only."""


@question(IMAGENET, NETWORKS, right=False)
def imagenet_mistakes(gate: Gate, batch: Batch) -> None:
    """Why is the network not sure of the true class, where it predicts another? No truth is known: proxies only."""
