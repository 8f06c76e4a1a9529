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


def save_weights(
    module: nn.Module, name: str, card: Mapping[str, object], folder: Path | None = None
) -> dict[str, object]:
    """Write a module's weights and their card; return the card with the hash of the file."""
    content = save({key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()})
    full = {**card, "sha256": hashlib.sha256(content).hexdigest()}
    place = folder or FOLDER
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.safetensors").write_bytes(content)
    return save_card(name, full, place)


def save_card(name: str, card: dict[str, object], folder: Path) -> dict[str, object]:
    """Write a card into a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return card


def card_of(name: str, folder: Path | None = None) -> Mapping[str, object]:
    """Return the card of the named weights; empty where there is none yet, so that they can still be trained."""
    try:
        card = json.loads(((folder or FOLDER) / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def digest_of(name: str, folder: Path | None = None) -> str:
    """Return the SHA-256 on the card of the named weights; empty where there is none."""
    return str(card_of(name, folder).get("sha256", ""))


def load_weights(module: ModuleT, name: str, folder: Path | None = None) -> ModuleT:
    """Load the named weights into a module of exactly their shape; another file than the card's is a ValueError."""
    file = (folder or FOLDER) / f"{name}.safetensors"
    again = f"make it again with `heatproof train {name}`" if folder is None else "start the run again in a new --out"
    advice = f"restore it, or {again}"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}): {advice}") from error
    found, expected = hashlib.sha256(content).hexdigest(), digest_of(name, folder)
    if found != expected:
        raise ValueError(f"{file} has SHA-256 {found}; expected {expected or f'one in {name}.json'}: {advice}")
    try:
        module.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{file} does not fit {type(module).__name__} ({reason}): {advice}") from error
    return module
