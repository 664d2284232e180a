"""The page: what is shown, rendered into one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from accelsim.energy import GROUPS
from accelsim.errors import AccelsimError
from accelsim.file_kinds import kind_of
from accelsim.files import check_output_file, replaced
from accelsim.pictures import GROUP_COLOURS, group_title, network_title
from accelsim.report.chart import ChartTables
from accelsim.report.claims import Claim
from accelsim.report.html import page_columns as columns
from accelsim.report.html.machine_prices import Prices, prices
from accelsim.report.html.page_provenance import Section, database_sections, folder_sections, page_section
from accelsim.report.html.page_tables import chart_contents, layers_table, points_table, runs_table
from accelsim.report.html.result_folder import Folder, read_folder
from accelsim.schemes import families
from accelsim.search.pareto import DEFAULT_OBJECTIVES, PER, Per, checked_objectives
from accelsim.store import Store
from accelsim.store.flat_table import selected, table

SUFFIXES = (".html", ".htm")

_HERE = Path(__file__).resolve().parent
CHARTS = _HERE / "vendor/echarts-6.1.0/echarts.min.js"
SCRIPTS = (
    "data", "dom", "format", "theme", "chart", "panels", "stacks", "pareto", "table", "detail", "main",
)  # fmt: skip
"""Files of ``static/``, in this order: each uses those before it."""


@dataclass
class _Shown:
    """What is on the page. data: for the scripts. template: for the template."""

    data: dict[str, Any] = field(default_factory=dict)
    template: dict[str, Any] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)


def write_report(
    results: Sequence[str | Path],
    html: str | Path,
    *,
    title: str | None = None,
    technology: str | None = None,
    sweep: str | None = None,
    where: str | None = None,
    objectives: Sequence[str] = DEFAULT_OBJECTIVES,
    per: str = PER[0],
) -> Path:
    """Write a page about a folder of results, a results database, or one of each.

    technology: what the folder's results were simulated with, if it is not a bundled one. sweep, where, objectives, per: as
    in `accelsim pareto`, for the database. The file is written in one step; an existing one is replaced.
    Raises AccelsimError for anything in the input that is at fault, before anything is written.
    """
    place = Path(html)
    if place.suffix not in SUFFIXES:
        raise AccelsimError(f"{html}: allowed are files that end in {' or '.join(SUFFIXES)}")
    check_output_file(place)
    if per not in PER:
        raise AccelsimError(f"per: {per!r}; allowed: {', '.join(PER)}")
    folder, database = _sort(results)
    if database is None and (sweep is not None or where is not None):
        raise AccelsimError("report: --sweep and --where are about a results database, and none is given")
    shown = _Shown(data=_common() | {"charts": []}, template={"folder": None, "database": None})
    if folder is not None:
        _add_folder(shown, read_folder(folder), technology)
    if database is not None:
        _add_database(shown, database, {"sweep": sweep, "where": where}, objectives, per)
    named = ", ".join(each.resolve().name for each in (folder, database) if each is not None)
    text = _render(shown, title if title is not None else named)
    place.parent.mkdir(parents=True, exist_ok=True)
    with replaced(place) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return place


def _sort(results: Sequence[str | Path]) -> tuple[Path | None, Path | None]:
    """The folder and the database among the arguments."""
    folders, databases = [], []
    for each in map(Path, results):
        if each.is_dir():
            folders.append(each)
        elif not os.path.exists(each):  # noqa: PTH110 - Path raises where a name is too long
            raise AccelsimError(
                f"{each}: no such folder of results or results database; "
                f"accelsim figure5, compare or run --out {each} makes a folder"
            )
        elif kind_of(each) == "results":
            databases.append(each)
        else:
            raise AccelsimError(
                f"{each}: no folder that `accelsim run` wrote (give the folder, not a file of it) "
                "and no results database"
            )
    if not results or len(folders) > 1 or len(databases) > 1:
        raise AccelsimError("report: give one folder of results, one results database, or one of each")
    return folders[0] if folders else None, databases[0] if databases else None


def _common() -> dict[str, Any]:
    """What the scripts need whatever is shown."""
    return columns.for_page() | {
        "groups": [
            {"key": group, "title": group_title(group), "colour": GROUP_COLOURS[group]} for group in GROUPS
        ],
        "kinds": {
            family.kind: {"title": family.title, "colour": family.colour, "symbol": family.symbol}
            for family in families()
        },
    }


def _add_folder(shown: _Shown, folder: Folder, technology: str | None) -> None:
    priced = prices(folder.provenance, technology)
    drawn = chart_contents(ChartTables(folder.summary, folder.layers, folder.relative))
    shown.data |= {
        "networks": {name: network_title(name) for name in dict.fromkeys(folder.summary["network"])},
        "charts": drawn,
        "runs": runs_table(folder, priced.areas_mm2),
        "layers": layers_table(folder),
        "terms": priced.terms,
    }
    shown.template["folder"] = {
        "charts": drawn,
        "relative": folder.relative is not None,
        "claims": _claims(folder.claims),
        "machines": _machines(folder, priced),
        "left_out": folder.provenance.get("left_out", []),
        "no_items": priced.missing,
        "runs": len(folder.summary),
    }
    shown.sections += folder_sections(folder)


def _claims(claims: tuple[Claim, ...]) -> list[dict[str, Any]]:
    """Return the verdicts as text for the template."""
    return [
        {
            "name": claim.name,
            "network": ", ".join(network_title(each) for each in claim.network.split(", ")),
            "text": claim.text,
            "verdict": claim.verdict,
            "evidence": claim.evidence.split("; "),
            "draws": "" if claim.under_draws is None else str(claim.under_draws),
        }
        for claim in claims
    ]


def _machines(folder: Folder, priced: Prices) -> list[dict[str, Any]]:
    given = folder.provenance.get("given_vpus", {})
    found = []
    for name, entry in folder.provenance["machines"].items():
        config = entry["config"]
        found.append(
            {
                "name": name,
                "description": config.get("description", ""),
                "cores": config["cores"],
                "vpus": config["mvu"]["vpus"],
                "given_vpus": given.get(name, config["mvu"]["vpus"]),
                "bricks": config["mvu"]["bricks_per_vpu"],
                "clock_mhz": config["clock_mhz"],
                "area_mm2": priced.areas_mm2.get(name),
            }
        )
    return found


def _add_database(
    shown: _Shown, path: Path, chosen: Mapping[str, str | None], objectives: Sequence[str], per: str
) -> None:
    names = checked_objectives(objectives)
    with Store.open_to_read(path) as store:
        rows = selected(table(store, chosen["sweep"]), chosen["where"])
        wanted = [chosen["sweep"]] if chosen["sweep"] else [each["name"] for each in store.sweeps()]
        sweeps = {name: text for name, text in store.sweep_files().items() if name in wanted}
    points = points_table(rows, names, cast("Per", per), str(path))
    shown.data |= {"points": points}
    shown.data["networks"] = shown.data.get("networks", {}) | {
        name: network_title(name) for name in dict.fromkeys(row["network"] for row in rows)
    }
    failed = [row for row in rows if row["state"] == "failed"]
    shown.template["database"] = {
        "points": len(points["rows"]),
        "per": per,
        "failed": len(failed),
        "errors": list(dict.fromkeys(row["error"] for row in failed))[:20],
        "objectives": [columns.COLUMNS[name].title for name in names],
    }
    shown.sections += database_sections(path, rows, sweeps, chosen)


def _render(shown: _Shown, title: str) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    charts = CHARTS.read_text(encoding="utf-8")
    parts = [(_HERE / f"static/{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    return environment.get_template("report.html.j2").render(
        title=title,
        style=(_HERE / "static/report.css").read_text(encoding="utf-8"),
        charts=charts,
        script=script,
        script_hashes=[_csp_hash(charts), _csp_hash(script)],
        data=_in_script(shown.data),
        sections=[page_section(), *shown.sections],
        **shown.template,
    )


def _csp_hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _in_script(data: Any) -> str:
    """JSON that can stand between <script> tags: no text in it can end the script or begin a comment."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
