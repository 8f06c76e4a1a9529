"""Peers before any library comes in."""

from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor

from heatproof import peers
from heatproof.benchmark import UnknownName, metrics
from heatproof.peers import _adapter


@pytest.fixture
def made() -> Iterator[peers.Peer]:
    """A peer of a library that is always there."""

    @_adapter.peer(theirs="torch.sum", of="entropy", like="entropy", declared="lower", better="higher")
    def added(attribution: Tensor, *, times: int = 1) -> object:
        """The sum."""
        print("loud")  # noqa: T201 - as libraries are
        return [float(row.sum()) * times for row in attribution]

    yield _adapter._peers["torch"][-1]
    del _adapter._peers["torch"]


def test_a_peer_knows_what_it_is(made: peers.Peer) -> None:
    assert (made.library, made.name, made.version) == ("torch", "torch.added", version("torch"))
    assert (made.needs, dict(made.settings)) == (("attribution",), {"times": 1})
    assert made.same


def test_the_direction_that_the_library_declares_counts(made: peers.Peer) -> None:
    assert made.directions == {"entropy": "lower"}


def test_values_become_a_tensor_under_our_name(made: peers.Peer, capsys: pytest.CaptureFixture[str]) -> None:
    scores = made.function(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), times=2)
    assert scores["entropy"].tolist() == [6.0, 14.0]
    assert scores["entropy"].dtype == torch.float64
    assert capsys.readouterr().out == ""


def test_a_peer_without_a_metric_of_ours_is_like_none() -> None:
    @_adapter.peer(theirs="torch.mean", better="lower")
    def averaged(attribution: Tensor) -> object:
        """The mean."""
        return attribution.mean(1)

    made = _adapter._peers.pop("torch")[-1]
    assert (made.of, made.like, made.same, made.directions) == ("", "averaged", False, {"averaged": "lower"})


def test_an_unknown_library_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown peer 'quantum': known are captum, pytorch_grad_cam, quantus"):
        peers.find("quantum")


@pytest.mark.parametrize("library", peers.LIBRARIES)
def test_every_peer_is_like_a_score_of_ours_and_says_how_it_differs(library: str) -> None:
    """A peer with another definition needs a note; one that is like a score must name one that there is."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    found = peers.find(library)
    assert len({peer.name for peer in found}) == len(found) > 0
    for peer in found:
        assert peer.same or peer.note, peer.name
        assert not peer.of or peer.like in metrics[peer.of].directions, peer.name
        assert not peer.same or (peer.like in peer.descriptive) == (peer.like in metrics[peer.of].descriptive), (
            peer.name
        )
        assert peer.version
