"""``accelsim schema``."""

from __future__ import annotations

from pathlib import Path

import click

from accelsim.schemas import SCHEMAS, schema_text


@click.command()
@click.argument("kind", type=click.Choice(list(SCHEMAS)))
@click.option("--out", type=click.Path(dir_okay=False), help="A file to write. Default: print.")
def schema(kind: str, out: str | None) -> None:
    """Print the JSON Schema of a kind of YAML file, for editors that check and complete YAML and explain its fields.

    Name it in the first line of a file:  # yaml-language-server: $schema=machine.schema.json

    \b
    Example: accelsim schema machine --out machine.schema.json
    """
    from accelsim.files import check_output_file, replaced

    if out is None:
        click.echo(schema_text(kind), nl=False)
        return
    path = Path(out)
    check_output_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as temporary:
        temporary.write_text(schema_text(kind), encoding="utf-8")
    click.echo(f"written: {path}")
