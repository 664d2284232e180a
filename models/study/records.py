"""Records: JSON files of what a study has measured so far, keyed by everything that decides the numbers.

A record has a head, the key, and a body. Opened with another head it is refused, so that a stopped study goes on where it
was and never mixes numbers of two settings. Every save replaces the file in one step.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.files import read_text, replaced
from accelsim.nn.attacks.catalogue import attack_named

Correct = list[tuple[bool, ...]]
"""Which fresh draws of the noise classify each image correctly: for each image, in order, one truth value per draw."""

FORMAT = 2
"""Format of attack records; goes up when the same settings would give other results, or are written in another way."""

Json = dict[str, Any]


def read_json(path: Path, what: str) -> Json:
    """Return the object in a JSON file; what: the kind of file, for the message.

    Raises:
        AccelsimError: The file cannot be read, or holds no object.
    """
    text = read_text(path, what.removeprefix("a "))
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError
    except ValueError:
        raise AccelsimError(f"{path}: not {what}; remove it") from None
    return found


def write_json(path: Path, document: Json) -> None:
    """Write an object as a JSON file in one step; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")


def check_head(path: Path, found: Json, wanted: Json) -> None:
    """Refuse a record of something else.

    Raises:
        AccelsimError: The heads differ; names the fields.
    """
    wanted = json.loads(json.dumps(wanted))
    if found != wanted:
        differs = sorted(key for key in {*wanted, *found} if found.get(key) != wanted.get(key))
        raise AccelsimError(f"{path}: of another {', '.join(differs)}; give another --out or remove it")


@dataclass
class AttackRecord:
    """What one attack did to one variant.

    Attributes:
        path: Its file.
        head: Everything that decides it.
        correct: Of the images from the first on.
        distances: Mean L2 distance of attacked from clean images, one per batch, with the number of images.
        ensemble: Which images the mean softmax of the draws classifies correctly; None in files of before it was kept.
        zero_gradients: For how many images the gradient is zero; None where that was not looked at.
    """

    path: Path
    head: Json
    correct: Correct = field(default_factory=list)
    distances: list[tuple[float, int]] = field(default_factory=list)
    ensemble: list[bool] | None = field(default_factory=list)
    zero_gradients: int | None = 0

    @classmethod
    def open(cls, path: Path, head: Json) -> AttackRecord:
        """Return what the file holds, or an empty record if there is none.

        Raises:
            AccelsimError: The file is damaged, or of another network, attack or setting than `head`.
        """
        if not path.is_file():
            return cls(path, head)
        found = cls.read(path)
        check_head(path, found.head, head)
        return found

    @classmethod
    def read(cls, path: Path) -> AttackRecord:
        """Return a record as it is, of whatever; one of an earlier format as the present one.

        Raises:
            AccelsimError: The file is missing or damaged.
        """
        found = read_json(path, "a record of an evaluation")
        try:
            correct = [tuple(draw == "1" for draw in image) for image in found["rights"]]
            distances = [(float(mean), int(count)) for mean, count in found["distances"]]
            ensemble = None if found.get("ensemble") is None else [each == "1" for each in found["ensemble"]]
            zero = None if found.get("zero_gradients") is None else int(found["zero_gradients"])
            if ensemble is not None and len(ensemble) != len(correct):
                raise ValueError
            head = _of_this_format(dict(found["head"]))
            return cls(path, head, correct, distances, ensemble, zero)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AccelsimError(f"{path}: not a record of an evaluation; remove it") from error

    @staticmethod
    def path_of(folder: Path, variant: str, attack: str) -> Path:
        """Return the file in `folder` of an attack on a variant, by their names."""
        return folder / f"{variant}--{attack}.json".replace("@", "-eps")

    @property
    def mean_l2(self) -> float:
        """Mean L2 distance of attacked from clean images."""
        return sum(mean * count for mean, count in self.distances) / sum(count for _, count in self.distances)

    def add(
        self,
        correct: Correct,
        distance: float,
        ensemble: list[bool] | None = None,
        zero_gradients: int | None = None,
    ) -> None:
        """Append a batch and save. What one batch lacks, the whole record does."""
        self.correct.extend(correct)
        self.ensemble = None if self.ensemble is None or ensemble is None else self.ensemble + ensemble
        unknown = self.zero_gradients is None or zero_gradients is None
        self.zero_gradients = None if unknown else (self.zero_gradients or 0) + (zero_gradients or 0)
        self.distances.append((distance, len(correct)))
        rights = ["".join("01"[draw] for draw in image) for image in self.correct]
        more: Json = {}
        if self.ensemble is not None:
            more["ensemble"] = "".join("01"[each] for each in self.ensemble)
        if self.zero_gradients is not None:
            more["zero_gradients"] = self.zero_gradients
        write_json(self.path, {"head": self.head, "rights": rights, "distances": self.distances, **more})


def _of_this_format(head: Json) -> Json:
    """Return a head of format 1 as format 2 has it: parameters in one level, by the names that the attacks' classes have.

    A parameter that format 1 did not know had its default.
    """
    if head.get("format") != 1:
        return head
    flat = dict(head["parameters"])
    flat |= flat.pop("budget", {})
    flat["treatment"] = "bpda" if flat.get("bpda") else "straight-through"
    known = attack_named(head["attack"]).parameters()
    parameters = {name: known[name] if name == "kind" else flat.get(name, known[name]) for name in known}
    return {**head, "format": FORMAT, "parameters": parameters}


Upgrade = Callable[[Json], Json]


@dataclass
class ValuesRecord:
    """Numbers by name, in groups: what one network comes to under several attacks.

    Attributes:
        path: Its file.
        head: Everything that decides it.
        groups: Group (`accuracy`, `cpu_s`) to numbers by name.
    """

    path: Path
    head: Json
    groups: dict[str, dict[str, float]]

    @classmethod
    def open(
        cls, path: Path, head: Json, groups: tuple[str, ...], as_written_now: Upgrade = lambda found: found
    ) -> ValuesRecord:
        """Return what the file holds, or an empty record if there is none.

        Args:
            path: The file: the head's fields, and an object per group.
            head: Everything that decides the numbers, as JSON.
            groups: Names of the groups; one that the file lacks is empty.
            as_written_now: An older file's object to that of a new one.

        Raises:
            AccelsimError: The file is damaged, or of another head.
        """
        if not path.is_file():
            return cls(path, head, {name: {} for name in groups})
        found = as_written_now(read_json(path, "a file of accuracies"))
        try:
            kept = {
                name: {str(key): float(value) for key, value in found.pop(name, {}).items()}
                for name in groups
            }
        except (ValueError, AttributeError, TypeError):
            raise AccelsimError(f"{path}: not a file of accuracies; remove it") from None
        check_head(path, found, head)
        return cls(path, head, kept)

    def save(self) -> None:
        """Write the file."""
        write_json(self.path, {**self.head, **self.groups})
