"""What must hold of the finished site: every public name is in it, and nothing on it comes from the network."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from docs.hooks.public_names import module_files, public_names

_ASSETS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}


def faults(site: Path) -> list[str]:
    """One line for each name that is missing and each asset that a browser would load from elsewhere."""
    shown = inventory((site / "objects.inv").read_bytes())
    missing = [
        f"the reference lacks {name}"
        for module, file in module_files()
        for name, _ in public_names(module, file)
        if name not in shown
    ]
    remote = [
        f"{page.relative_to(site)} loads {address}"
        for page in sorted(site.rglob("*.html"))
        for address in remote_assets(page.read_text(encoding="utf-8"))
    ]
    return missing + remote


def inventory(content: bytes) -> set[str]:
    """The names in an ``objects.inv``: four lines of text, then compressed ones that begin with a name."""
    *_, compressed = content.split(b"\n", 4)
    return {line.split(" ", 1)[0] for line in zlib.decompress(compressed).decode().splitlines()}


def remote_assets(html: str) -> Iterator[str]:
    """Addresses of scripts, styles, pictures and fonts that are not part of the site. Links to click are no assets."""
    finder = _Assets()
    finder.feed(html)
    return (address for address in finder.found if address.startswith(("http:", "https:", "//")))


class _Assets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        relation = (given.get("rel") or "").split()
        address = given.get(_ASSETS.get(tag, ""))
        if tag == "link" and not {"canonical", "next", "prev", "alternate"} & set(relation):
            address = given.get("href")
        if address:
            self.found.append(address)
