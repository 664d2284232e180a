"""The loss curve of a run as log.csv, and what is told while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from accelsim.files import appended, replaced
from models.training.adversarial.adversarial_recipe import AdversarialRecipe

Say = Callable[[str], None]

HEADER = "step,epoch,lr,loss,robust_percent,images_per_second\n"


class Curve:
    """Appends a line every `recipe.log_every` steps. All but the speed follow from the recipe and the step.

    Lines beyond `step`, where the run is taken up, are dropped: they will be written again, the same.
    """

    def __init__(
        self, path: Path, recipe: AdversarialRecipe, total: int, per_epoch: int, step: int, say: Say
    ) -> None:
        self._path, self._recipe, self._total, self._per_epoch, self._say = (
            path,
            recipe,
            total,
            per_epoch,
            say,
        )
        self._first = self._last = step
        self._begun = self._last_at = time.monotonic()
        _trim(path, step)

    def add(self, step: int, loss: float, right: float) -> None:
        """After a step, the `step`-th: its loss, and per cent of its attacked images that were right."""
        recipe = self._recipe
        if step % recipe.log_every and step != self._total:
            return
        now = time.monotonic()
        speed = (step - self._last) * recipe.batch_size / max(now - self._last_at, 1e-9)
        epoch, lr = (step - 1) / self._per_epoch, recipe.lr_at(step - 1, self._per_epoch)
        with appended(self._path) as file:
            file.write(f"{step},{epoch:.4f},{lr:.6g},{loss:.6f},{right:.3f},{speed:.1f}\n")
        left = (now - self._begun) / (step - self._first) * (self._total - step)
        self._say(
            f"epoch {epoch:.2f}/{recipe.epochs} step {step}/{self._total} loss {loss:.4f} robust {right:.1f} % "
            f"{speed:.0f} images/s, {_duration(left)} to go"
        )
        self._last, self._last_at = step, now


def _trim(path: Path, step: int) -> None:
    """Keep the lines up to `step`; makes the file if there is none. What a kill cut short, or is no line, is dropped."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[1:] if path.is_file() else []
    whole = [line for line in lines if line.endswith("\n") and line.partition(",")[0].isdecimal()]
    kept = [line for line in whole if int(line.partition(",")[0]) <= step]
    with replaced(path) as temporary:
        temporary.write_text("".join([HEADER, *kept]), encoding="utf-8")


def _duration(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
