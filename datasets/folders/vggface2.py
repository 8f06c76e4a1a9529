"""VGGFace2, faces: vggface2/test/IDENTITY/*.jpg, and vggface2/train/ where the network's classes are those of it."""

from pathlib import Path

from ...benchmark import Batch, Gate, Refused
from ._folder import Folder, Found, by_class, folders_in
from ._questions import question

NETWORKS = ("vggface2_resnet101",)


def read(root: Path) -> Found:
    """The classes are the people of train/, sorted, or those of test/; which pictures are for `tune` is drawn.

    The official test/ has other people than train/: a network that was trained on the latter needs pictures of them.
    """
    shown = folders_in(root / "test")
    classes = folders_in(root / "train") if (root / "train").is_dir() else shown
    if not set(shown) & set(classes):
        raise Refused(
            f"nobody in {root / 'test'} is in {root / 'train'}: put pictures of the same people that the network was "
            "not trained on into test/, or take train/ away where the classes are the people of test/"
        )
    return len(classes), by_class(root / "test", classes)


VGGFACE2 = Folder("VGGFace2", "vggface2", ("test",), read)


@question(VGGFACE2, NETWORKS, right=True)
def vggface2_correct(gate: Gate, batch: Batch) -> None:
    """Where does the network see who it is, where it predicts it right? No truth is known: proxies only."""


@question(VGGFACE2, NETWORKS, right=False)
def vggface2_mistakes(gate: Gate, batch: Batch) -> None:
    """Why is the network not sure who it is, where it predicts another? No truth is known: proxies only."""
