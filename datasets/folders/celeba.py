"""CelebA, faces of 10,177 people: celeba/img_align_celeba/ and its lists."""

from pathlib import Path

from ...benchmark import Batch, Gate
from ._folder import Folder, Found, by_lists, table
from ._questions import question

FACES, PEOPLE, PARTITION = "img_align_celeba", "identity_CelebA.txt", "list_eval_partition.txt"
NETWORKS = ("celeba_resnet101",)


def read(root: Path) -> Found:
    """The pictures for validation are `tune`, those for testing `test`; the classes are the people in all of them."""
    names = {name: name for name in table(root / PARTITION)}
    return by_lists(root / FACES, names, root / PEOPLE, root / PARTITION, {1: "tune", 2: "test"})


CELEBA = Folder("CelebA", "celeba", (FACES, PEOPLE, PARTITION), read)


@question(CELEBA, NETWORKS, right=True)
def celeba_correct(gate: Gate, batch: Batch) -> None:
    """Where does the network see who it is, where it predicts it right? No truth is known: proxies only."""


@question(CELEBA, NETWORKS, right=False)
def celeba_mistakes(gate: Gate, batch: Batch) -> None:
    """Why is the network not sure who it is, where it predicts another? No truth is known: proxies only."""
