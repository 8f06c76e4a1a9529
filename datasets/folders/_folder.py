"""Folders of pictures as their makers lay them out: what is there, under which id, of which class and split.

Nothing is read before it is asked for, no picture is decoded to be listed, and a folder is listed once in a process as
long as what lies in it has the same names and times; what lies deeper is taken to stay.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from ...benchmark import Refused, seed_of
from ...benchmark.identity import digest

VARIABLE: Final = "HEATPROOF_DATA"
PICTURES: Final = frozenset({".jpeg", ".jpg", ".png"})
TUNE_SHARE: Final = 0.2
"""The share of a folder without official splits that is kept for `tune`."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that has not been opened."""

    id: str
    """Its path in its dataset, which never changes."""
    label: int
    split: str
    file: Path


@dataclass(frozen=True, eq=False)
class Listing:
    """All pictures of a folder, and how many classes there are."""

    title: str
    pictures: tuple[Picture, ...]
    classes: int

    @cached_property
    def state(self) -> str:
        """The hash of names, sizes, classes and splits."""
        known = sorted((p.id, p.label, p.split, p.file.stat().st_size) for p in self.pictures)
        return digest(self.classes, known)

    @cached_property
    def orders(self) -> Mapping[str, tuple[Picture, ...]]:
        """The pictures of each split in a random order that is always the same."""
        shuffled = sorted(self.pictures, key=lambda picture: seed_of("order", picture.id))
        return {split: tuple(p for p in shuffled if p.split == split) for split in ("tune", "test")}


Found = tuple[int, Iterable[Picture]]
"""The number of classes, and the pictures."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A dataset as a folder: its title, its official name, the places in it that must be there, and how it is read."""

    title: str
    name: str
    places: tuple[str, ...]
    read: Callable[[Path], Found]

    def listing(self) -> Listing:
        """Return what is there; Refused, with what was looked for, where, and what to do."""
        root = self._root()
        found = _listed(self, root, tuple(sorted((each.name, each.stat().st_mtime_ns) for each in os.scandir(root))))
        if isinstance(found, str):
            raise Refused(found)
        return found

    def state(self) -> str:
        """Return the hash of what is there."""
        return self.listing().state

    def _root(self) -> Path:
        data = os.environ.get(VARIABLE, "")
        if not data:
            raise Refused(f"{self.title} is not at hand: set {VARIABLE} to the folder that holds {self.name}/")
        root = Path(data) / self.name
        for place in (root, *(root / place for place in self.places)):
            if not place.exists():
                raise Refused(
                    f"{self.title} is not at hand: {place} is not there; put {self.name}/, as its makers hand it out, "
                    f"into the folder that {VARIABLE} names"
                )
        return root


@lru_cache(maxsize=8)
def _listed(folder: Folder, root: Path, _now: tuple[tuple[str, int], ...]) -> Listing | str:
    """List a folder; what is wrong with it is kept, too."""
    try:
        classes, pictures = folder.read(root)
        listing = Listing(folder.title, tuple(pictures), classes)
        _ = listing.state
    except Refused as reason:
        return f"{folder.title}: {reason}"
    except OSError as error:
        return f"{folder.title}: {error.filename} cannot be read ({error.strerror}): put it there, or mend its list"
    return listing if listing.pictures else f"{folder.title}: {root} has no pictures: put them there"


def by_class(root: Path, classes: Iterable[str]) -> Iterator[Picture]:
    """Yield the pictures in the folders of classes; the id of each says whether it is of `tune` or `test`."""
    for label, name in enumerate(classes):
        for file in sorted((root / name).iterdir()) if (root / name).is_dir() else ():
            if file.suffix.lower() in PICTURES:
                own = f"{name}/{file.name}"
                yield Picture(own, label, "tune" if seed_of("split", own) % 100 < 100 * TUNE_SHARE else "test", file)


def folders_in(root: Path) -> tuple[str, ...]:
    """Return the names of the folders in a folder, sorted: the classes in their usual order."""
    return tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")))


def by_lists(root: Path, names: Mapping[str, str], labels: Path, parts: Path, splits: Mapping[int, str]) -> Found:
    """Return the pictures in `root` by lists: paths by key, classes counted from 1, splits by the numbers of parts.

    A part that stands for no split is left out.
    """
    of_class, of_part = _numbers(labels), _numbers(parts)
    for file, known in ((labels, of_class), (parts, of_part)):
        if lacking := next((key for key in names if key not in known), ""):
            raise Refused(f"{file} has no line for {lacking!r}: put it there as its makers wrote it")
    if min(of_class.values(), default=1) < 1:
        raise Refused(f"{labels} has a class below 1: put it there as its makers wrote it")
    chosen = ((key, path, splits[of_part[key]]) for key, path in names.items() if of_part[key] in splits)
    pictures = (Picture(path, of_class[key] - 1, split, root / path) for key, path, split in chosen)
    return max(of_class.values(), default=0), pictures


def table(file: Path) -> dict[str, str]:
    """Read a list of two columns; another line is Refused with its number."""
    rows = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if len(words) == 2:
            rows[words[0]] = words[1]
        elif words:
            raise Refused(f"line {number} of {file} is {line!r}: expected two words, as its makers wrote it")
    return rows


def _numbers(file: Path) -> dict[str, int]:
    """Read a list of names and whole numbers."""
    try:
        return {name: int(word) for name, word in table(file).items()}
    except ValueError as error:
        raise Refused(f"{file} has another second column than whole numbers ({error})") from None
