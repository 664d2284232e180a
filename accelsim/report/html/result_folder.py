"""What `accelsim run`, `compare` or `figure5` left in a folder, read back and checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from accelsim.counts import COUNT_NAMES
from accelsim.energy import GROUPS
from accelsim.errors import AccelsimError
from accelsim.files import read_text, readable_file
from accelsim.report.claims import Claim, evaluate_claims
from accelsim.results.folder_checksums import check_folder
from accelsim.results.normalize import normalized
from accelsim.results.result_rows import KEYS
from accelsim.schemes import family_of

if TYPE_CHECKING:
    import pandas as pd

RUN_KEYS = tuple(name for name in KEYS if name != "image_id")
"""Columns that name a row of the summary."""

LAYER_KEYS = ("layer_index", "layer", "layer_kind", "n", "d", "k")

COST_COLUMNS = ("latency_cycles", "latency_us", "energy_pj", "edp_pj_us", *(f"{each}_pj" for each in GROUPS))
SHARE_COLUMNS = (
    "mvu_busy", "mapping_efficiency", "brick_utilization", "front_busy", "selector_busy", "output_busy",
)  # fmt: skip
RELATIVE_COLUMNS = ("time_rel", "energy_rel", "edp_rel", *(f"{each}_rel" for each in GROUPS))

READ_FILES = ("results.json", "layers.parquet", "figure5.csv", "claims.json")
"""The files of a folder that are read."""

_NUMBERS = ("noise", *COST_COLUMNS, *SHARE_COLUMNS, *COUNT_NAMES)


class _Part(BaseModel):
    """What the page takes from ``results.json``, checked before anything relies on it."""

    # Other keys are shown as they are; another version of accelsim may have written more of them.
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Mvu(_Part):
    vpus: int
    bricks_per_vpu: int


class _Config(_Part):
    description: str | None = None
    clock_mhz: float
    cores: int
    mvu: _Mvu


class _Machine(_Part):
    sha256: str
    config: _Config


class _Technology(_Part):
    name: str
    sha256: str


class _Provenance(_Part):
    accelsim_version: str
    technology: _Technology
    machines: dict[str, _Machine]
    traces: dict[str, dict[str, Any]]
    given_vpus: dict[str, int] = {}
    left_out: list[str] = []
    uncertainty: dict[str, Any] = {}


class _Stored(_Part):
    summary: list[dict[str, str | int | float]]
    provenance: _Provenance


@dataclass(frozen=True)
class Folder:
    """One folder of results.

    summary: as `Results.summary`. layers: as `Results.layers`. provenance: as `Results.provenance`.
    relative: the summary relative to dense, with error bars if ``figure5`` wrote them; None without a dense run.
    claims: the paper's claims on it; none where the table does not allow them.
    """

    path: Path
    summary: pd.DataFrame
    layers: pd.DataFrame
    provenance: dict[str, Any]
    relative: pd.DataFrame | None
    claims: tuple[Claim, ...]


def read_folder(path: Path) -> Folder:
    """Read a folder. Raises AccelsimError if something is missing, damaged, or of another run than the rest."""
    import pandas as pd

    check_folder(path, READ_FILES)
    stored = _read_json(path / "results.json")
    _check_stored(path / "results.json", stored)
    summary = pd.DataFrame(stored["summary"])
    _check_columns(path / "results.json", summary, (*RUN_KEYS, "images", *_NUMBERS))
    layers = _read_layers(path / "layers.parquet")
    _check_same_run(path, summary, layers)
    provenance = stored["provenance"]
    for key, column in (("machines", "machine"), ("traces", "network")):
        missing = set(summary[column]) - set(provenance.get(key, {}))
        if missing:
            raise AccelsimError(f"{path / 'results.json'}: provenance: no {key} entry for {min(missing)}")
    relative = _read_figure5(path / "figure5.csv", summary)
    if relative is not None:
        return Folder(path, summary, layers, provenance, relative, _read_claims(path / "claims.json"))
    try:
        relative = normalized(summary)
    except AccelsimError:  # no dense run: costs stay absolute
        return Folder(path, summary, layers, provenance, None, ())
    try:
        claims = tuple(evaluate_claims(relative))
    except AccelsimError:  # several machines of one kind: no single comparison to judge
        claims = ()
    return Folder(path, summary, layers, provenance, relative, claims)


def _check_stored(path: Path, content: Any) -> None:
    """Raise AccelsimError unless the content of a ``results.json`` has what the page needs."""
    try:
        _Stored.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "it"
        raise AccelsimError(
            f"{path}: {field}: {first['msg']}; not what `accelsim run` writes, or of another version: run it again"
        ) from None


def _read_json(path: Path) -> Any:
    hint = "; give a folder that `accelsim run`, `compare` or `figure5` wrote"
    text = read_text(path, "file of results", hint=hint)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AccelsimError(f"{path}: not JSON: {error}") from None


def _read_layers(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    readable_file(path, "file of results", hint="; `accelsim run` writes it beside results.json")
    try:
        layers = pd.read_parquet(path, columns=list(dict.fromkeys((*KEYS, *LAYER_KEYS, *_NUMBERS))))
    except (OSError, ValueError, pa.ArrowException) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AccelsimError(f"{path}: cannot read: {first}") from None
    _check_columns(path, layers, (*KEYS, *LAYER_KEYS, *_NUMBERS))
    return layers


def _check_columns(path: Path, table: pd.DataFrame, names: Sequence[str]) -> None:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if not len(table):
        raise AccelsimError(f"{path}: holds no results")
    for name in names:
        if name not in table:
            raise AccelsimError(
                f"{path}: no column {name}; written by another version of accelsim? run it again"
            )
        if name in _NUMBERS and (not is_numeric_dtype(table[name]) or is_bool_dtype(table[name])):
            raise AccelsimError(f"{path}: column {name} is not all numbers")
        if table[name].isna().any():
            raise AccelsimError(f"{path}: column {name} has empty cells")
    for kind in dict.fromkeys(table["kind"]):
        try:
            family_of(kind)
        except AccelsimError as error:
            raise AccelsimError(f"{path}: {error}") from error


def _check_same_run(path: Path, summary: pd.DataFrame, layers: pd.DataFrame) -> None:
    """Files are replaced one by one: a run that was killed may leave those of two runs."""
    keys = list(RUN_KEYS)
    images = layers.groupby([*keys, "image_id"], sort=False)[["latency_cycles", "energy_pj"]].sum()
    means = images.groupby(keys, sort=False).mean().add_suffix("_of_layers")
    both = summary.set_index(keys)[["latency_cycles", "energy_pj"]].join(means, how="outer")
    for name in ("latency_cycles", "energy_pj"):
        difference = (both[name] - both[f"{name}_of_layers"]).abs() / both[name].abs().clip(lower=1e-300)
        if not (difference < 1e-9).all():
            raise AccelsimError(
                f"{path}: layers.parquet and results.json are of different runs; run it again"
            )


def _read_figure5(path: Path, summary: pd.DataFrame) -> pd.DataFrame | None:
    """The table of Figure 5 if there is one; it must be of the same run as the summary."""
    import pandas as pd

    if not path.exists():
        return None
    readable_file(path, "file of results")
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise AccelsimError(f"{path}: cannot read: {str(error).splitlines()[0]}") from None
    _check_columns(path, table, (*RUN_KEYS, "images", *_NUMBERS, *RELATIVE_COLUMNS))
    compared = ["network", "machine", "scheme", "images"]
    # The summary's numbers went through JSON with 15 digits.
    same = len(table) == len(summary) and (table[compared] == summary[compared]).all(axis=None)
    if not same or ((table["energy_pj"] / summary["energy_pj"] - 1).abs() > 1e-9).any():
        raise AccelsimError(
            f"{path}: of another run than results.json beside it; run figure5 again or remove it"
        )
    return table


def _read_claims(path: Path) -> tuple[Claim, ...]:
    if not path.exists():
        return ()
    try:
        return tuple(TypeAdapter(list[Claim]).validate_json(read_text(path, "file of results"), strict=True))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "it"
        raise AccelsimError(f"{path}: not what `accelsim figure5` writes: {field}: {first['msg']}") from None
