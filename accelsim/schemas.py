"""The JSON Schemas of all kinds of YAML files, by kind; ``docs/schema/`` holds them for editors."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module

from pydantic import BaseModel

from accelsim.bundled import require_clone
from accelsim.config.json_schema import Schema, machine_schema, schema_of, technology_schema, titled
from accelsim.extras import missing_extra
from accelsim.sweep.sweep_schema import sweep_schema


def recipe_schema() -> Schema:
    """Of a recipe of ``python -m models.training.train``. Raises AccelsimError without PyTorch or a clone."""
    recipe = _recipe("recipe", "models.training.training_recipe", "Recipe")
    return titled(schema_of(recipe), "accelsim recipe", "models/recipes/ holds examples.")


def adversarial_recipe_schema() -> Schema:
    """Of a recipe of ``python -m models.training.adversarial``. Raises AccelsimError without PyTorch or a clone."""
    module = "models.training.adversarial.adversarial_recipe"
    recipe = _recipe("adversarial-recipe", module, "AdversarialRecipe")
    said = "models/recipes/adversarial/ holds examples; docs/robustness.md says what they are for."
    return titled(schema_of(recipe), "accelsim adversarial recipe", said)


def robust_recipe_schema() -> Schema:
    """Of a plan of ``python -m models.robust``. Raises AccelsimError without PyTorch or a clone."""
    recipe = _recipe("robust-recipe", "models.robust.robust_plan", "RobustPlan")
    said = "models/recipes/robust/ holds examples; docs/robustness.md says what they are for."
    return titled(schema_of(recipe), "accelsim study of robustness", said)


def _recipe(kind: str, module: str, name: str) -> type[BaseModel]:
    """Return the class of a clone's recipes, which is imported only now: no installed package has it."""
    require_clone(f"schema {kind}", "the recipes of models/")
    try:
        recipe: type[BaseModel] = getattr(import_module(module), name)
    except ImportError:
        raise missing_extra(f"schema {kind}", "PyTorch", "train") from None
    return recipe


SCHEMAS: dict[str, Callable[[], Schema]] = {
    "machine": machine_schema,
    "technology": technology_schema,
    "sweep": sweep_schema,
    "recipe": recipe_schema,
    "adversarial-recipe": adversarial_recipe_schema,
    "robust-recipe": robust_recipe_schema,
}
"""By the kind of file."""


def schema_text(kind: str) -> str:
    """The schema of a kind of file as JSON text, as ``docs/schema/`` has it."""
    return json.dumps(SCHEMAS[kind](), indent=2, ensure_ascii=False) + "\n"
