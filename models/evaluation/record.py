"""What one attack did to one variant: which images each fresh draw of the noise still gets right, in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.files import read_text, replaced

Rights = list[tuple[bool, ...]]
"""For each image, in order, one truth value a draw."""


@dataclass
class Record:
    """The results so far. head: everything that decides them; rights: of the images from the first on.

    distances: mean L2 distance of attacked from clean, one a batch, with the number of images.
    """

    path: Path
    head: dict[str, Any]
    rights: Rights = field(default_factory=list)
    distances: list[tuple[float, int]] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, head: dict[str, Any]) -> Record:
        """What the file holds, or an empty record if there is none.

        Raises AccelsimError when the file is damaged, or of another network, attack or setting than `head`.
        """
        if not path.is_file():
            return cls(path, head)
        found = read_record(path)
        wanted, other = json.loads(json.dumps(head)), found.head
        if other != wanted:
            differs = sorted(key for key in {*wanted, *other} if other.get(key) != wanted.get(key))
            raise AccelsimError(f"{path}: of another {', '.join(differs)}; give another --out or remove it")
        return found

    @staticmethod
    def path_of(folder: Path, variant: str, attack: str) -> Path:
        """The file in `folder` of an attack on a variant, by their names."""
        return folder / f"{variant}--{attack}.json".replace("@", "-eps")

    def add(self, rights: Rights, distance: float) -> None:
        """Append a batch and save."""
        self.rights.extend(rights)
        self.distances.append((distance, len(rights)))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "head": self.head,
            "rights": ["".join("01"[draw] for draw in image) for image in self.rights],
            "distances": self.distances,
        }
        with replaced(self.path) as temporary:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")


def read_record(path: Path) -> Record:
    """A record as it is, of whatever. Raises AccelsimError when the file is missing or damaged."""
    text = read_text(path, "record")
    try:
        found = json.loads(text)
        rights = [tuple(draw == "1" for draw in image) for image in found["rights"]]
        distances = [(float(mean), int(count)) for mean, count in found["distances"]]
        return Record(path, dict(found["head"]), rights, distances)
    except (ValueError, KeyError, TypeError) as error:
        raise AccelsimError(f"{path}: not a record of an evaluation; remove it") from error
