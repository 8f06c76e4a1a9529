"""CUB-200-2011, birds of 200 kinds: CUB_200_2011/images/ and its lists."""

from pathlib import Path

from ...benchmark import Batch, Gate
from ._folder import Folder, Found, by_lists, table
from ._questions import question

IMAGES, LABELS, TRAINING = "images.txt", "image_class_labels.txt", "train_test_split.txt"
NETWORKS = ("cub_resnet101",)


def read(root: Path) -> Found:
    """The pictures for training are `tune`, those for testing `test`."""
    return by_lists(root / "images", table(root / IMAGES), root / LABELS, root / TRAINING, {1: "tune", 0: "test"})


CUB = Folder("CUB-200-2011", "CUB_200_2011", ("images", IMAGES, LABELS, TRAINING), read)


@question(CUB, NETWORKS, right=True)
def cub_correct(gate: Gate, batch: Batch) -> None:
    """Where does the network see the kind of bird, where it predicts it right? No truth is known: proxies only."""


@question(CUB, NETWORKS, right=False)
def cub_mistakes(gate: Gate, batch: Batch) -> None:
    """Why is the network not sure of the kind of bird, where it predicts another? No truth is known: proxies only."""
