"""Check a recipe of any kind, by its keys: what `accelsim check` asks in a clone."""

from __future__ import annotations

from pathlib import Path

import yaml

from accelsim.config.source import MAX_FILE_BYTES
from accelsim.errors import AccelsimError
from accelsim.files import read_text
from models.robust.robust_plan import load_study
from models.training.adversarial.adversarial_recipe import load_adversarial_recipe
from models.training.training_recipe import load_recipe


def check_recipe(path: Path) -> str:
    """Return what kind of recipe a file is.

    Raises:
        AccelsimError: Naming the file and the first wrong field.
    """
    try:
        raw = yaml.safe_load(read_text(path, "recipe", max_bytes=MAX_FILE_BYTES))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise AccelsimError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    keys = raw if isinstance(raw, dict) else {}
    if "phases" in keys:
        load_recipe(path)
        return "training recipe"
    if "training" in keys:
        load_study(path)
        return "plan of a study"
    load_adversarial_recipe(path)
    return "adversarial training recipe"
