"""What MkDocs calls while it builds the site: the pages made from the code are added, links out of docs/ are led to pages.

The documents link to each other as files of the repository, so that they work where the repository is read. The few
that lie outside ``docs/`` become pages of the site under the same path.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # MkDocs loads this file by its path
    sys.path.insert(0, str(ROOT))

from mkdocs.exceptions import PluginError  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402

from docs.hooks import cli, modules  # noqa: E402
from docs.hooks import schema_pages as schemas  # noqa: E402
from docs.hooks import site_check as check  # noqa: E402

OUTSIDE = ("benchmarks/README.md", "models/README.md", "traces/README.md")
"""Documents that lie beside the code they are about."""

PLACEHOLDERS = {
    "<!-- generated: commands -->": cli.markdown,
    "<!-- generated: public names -->": modules.public_names,
    "<!-- generated: schemas -->": schemas.markdown,
}
"""What stands in a page, and who writes what the reader of the site sees there."""

_LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)


def notebooks() -> list[str]:
    """Their paths: the site has them as files, to take along."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("*.ipynb"))


def on_config(config: Any) -> Any:
    """Anchors as code hosts make them, so that one link fits both; the modules' pages in the navigation."""
    config["mdx_configs"].setdefault("toc", {})["slugify"] = slugify(case="lower")
    (reference,) = (entry["Reference"] for entry in config["nav"] if "Reference" in entry)
    reference.append({"Every module": [{Path(path).stem: path} for path in modules.pages()]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """The pages that no file of docs/ holds."""
    for path in OUTSIDE:
        files.append(File.generated(config, path, content=(ROOT / path).read_text(encoding="utf-8")))
    for notebook in notebooks():
        files.append(File.generated(config, notebook, abs_src_path=str(ROOT / notebook)))
    for path, content in modules.pages().items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fills placeholders, and leads links to where the site has what the repository has there."""
    for placeholder, write in PLACEHOLDERS.items():
        if placeholder in markdown:
            markdown = markdown.replace(placeholder, write())
    parts = _FENCE.split(markdown)
    for number in range(0, len(parts), 2):
        parts[number] = _LINK.sub(lambda link: _on_site(link, page.file.src_uri), parts[number])
    return "".join(parts)


def on_post_build(config: Any) -> None:
    """Fails the build, with one line for each fault, if the site is not whole or not all its own."""
    faults = check.faults(Path(config["site_dir"]))
    if faults:
        raise PluginError("\n".join(faults))


def _on_site(link: re.Match[str], source: str) -> str:
    """The link as the site needs it: pages are where the repository has them, less the folder docs/.

    Raises PluginError if it leads to nothing in the repository, or to a file that the site does not show.
    """
    opening, target, anchor, closing = link.groups(default="")
    if "://" in target or target.startswith("mailto:"):
        return link[0]
    here = posixpath.dirname(source)
    inside = "" if source in OUTSIDE else "docs"
    path = posixpath.normpath(posixpath.join(inside, here, target))
    if not (ROOT / path).exists():
        raise PluginError(f"{source}: links to {target}, which is not in the repository")
    page = path.removeprefix("docs/")
    if path.startswith("docs/") or path in (*OUTSIDE, *notebooks()):
        return f"{opening}{posixpath.relpath(page, here or '.')}{anchor}{closing}"
    raise PluginError(f"{source}: links to {target}, of which the site has no page")
