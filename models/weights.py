"""Embedded weights: safetensors in `weights/`, each beside a card that holds its SHA-256."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

FOLDER: Final = Path(__file__).parent / "weights"

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def save_weights(module: nn.Module, name: str, card: Mapping[str, object]) -> dict[str, object]:
    """Write a module's weights and their card; return the card with the hash of the file."""
    content = save({key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()})
    full = {**card, "sha256": hashlib.sha256(content).hexdigest()}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.safetensors").write_bytes(content)
    (FOLDER / f"{name}.json").write_text(json.dumps(full, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return full


def card_of(name: str) -> Mapping[str, object]:
    """Return the card of the named weights; empty where there is none yet, so that they can still be trained."""
    try:
        card = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def digest_of(name: str) -> str:
    """Return the SHA-256 on the card of the named weights; empty where there is none."""
    return str(card_of(name).get("sha256", ""))


def load_weights(module: ModuleT, name: str) -> ModuleT:
    """Load the named weights into a module of exactly their shape; another file than the card's is a ValueError."""
    file = FOLDER / f"{name}.safetensors"
    advice = f"restore it, or make it again with `heatproof train {name}`"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}): {advice}") from error
    found, expected = hashlib.sha256(content).hexdigest(), digest_of(name)
    if found != expected:
        raise ValueError(f"{file} has SHA-256 {found}; expected {expected or f'one in {name}.json'}: {advice}")
    try:
        module.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{file} does not fit {type(module).__name__} ({reason}): {advice}") from error
    return module
