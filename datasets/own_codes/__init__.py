"""Free scenes, which carry no class, and networks that label them each by a code of its own."""

from .codes import draw_code, draw_codes, game_of, truth_of
from .scenes import free_scenes
from .training import draw_own_code, own_code_agreement, own_code_batch

__all__ = [
    "draw_code",
    "draw_codes",
    "draw_own_code",
    "free_scenes",
    "game_of",
    "own_code_agreement",
    "own_code_batch",
    "truth_of",
]
