"""The JSON Schemas of all kinds of YAML files, by kind; ``docs/schema/`` holds them for editors."""

from __future__ import annotations

import json
from collections.abc import Callable

from accelsim.config.json_schema import Schema, machine_schema, schema_of, technology_schema, titled
from accelsim.extras import missing_extra
from accelsim.sweep.sweep_schema import sweep_schema


def recipe_schema() -> Schema:
    """Of a recipe of ``python -m models.training.train``. Raises AccelsimError without PyTorch."""
    try:
        from models.training.training_recipe import Recipe
    except ImportError:
        raise missing_extra("schema recipe", "PyTorch", "train") from None
    return titled(schema_of(Recipe), "accelsim recipe", "models/recipes/ holds examples.")


def adversarial_recipe_schema() -> Schema:
    """Of a recipe of ``python -m models.training.adversarial``. Raises AccelsimError without PyTorch."""
    try:
        from models.training.adversarial.adversarial_recipe import AdversarialRecipe
    except ImportError:
        raise missing_extra("schema adversarial-recipe", "PyTorch", "train") from None
    said = "models/recipes/adversarial/ holds examples; docs/robustness.md says what they are for."
    return titled(schema_of(AdversarialRecipe), "accelsim adversarial recipe", said)


def robust_recipe_schema() -> Schema:
    """Of a plan of ``python -m models.robust``. Raises AccelsimError without PyTorch."""
    try:
        from models.robust.robust_plan import RobustPlan
    except ImportError:
        raise missing_extra("schema robust-recipe", "PyTorch", "train") from None
    said = "models/recipes/robust/ holds examples; docs/robustness.md says what they are for."
    return titled(schema_of(RobustPlan), "accelsim study of robustness", said)


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
