"""Metrics of other libraries as metrics of ours, so that our checks can measure them."""

from ._adapter import LIBRARIES, Peer, find

__all__ = ["LIBRARIES", "Peer", "find"]
