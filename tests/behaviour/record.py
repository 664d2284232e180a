"""Record the behaviour digest anew: ``python -m tests.behaviour.record [SECTION ...]``, from the repository's root.

Without names every section is recorded. Sections whose packages are missing keep what was recorded before. Counts and costs
may only change in a commit that raises ``accelsim.version.MODEL_VERSION``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from accelsim.version import MODEL_VERSION
from tests.behaviour.behaviour import (
    DIGEST,
    SECTIONS,
    differences,
    environment,
    model_differences,
    recorded,
    section_digest,
    section_of,
)


def main(names: Sequence[str]) -> int:
    """Compute the named sections (all if none is named), print what changed and write digest.json."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"record: no section {unknown[0]!r}; choose from: {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    content = recorded()
    digest: dict[str, str] = content["digest"]
    for name in names or SECTIONS:
        if missing := SECTIONS[name].missing:
            print(f"{name}: kept as recorded, {', '.join(missing)} is not installed")
            continue
        start = time.perf_counter()
        before, after = section_of(digest, name), section_digest(name)
        changes = differences(before, after)
        print(f"{name}: {len(after)} keys, {len(changes)} differ, {time.perf_counter() - start:.1f} s")
        print("".join(f"  {line}\n" for line in changes if before), end="")
        digest = {key: value for key, value in digest.items() if key not in before} | after
    changed = model_differences(content["digest"], digest)
    if changed and content["model_version"] == MODEL_VERSION:
        print(
            f"record: {len(changed)} counts or costs change ({changed[0]}): raise MODEL_VERSION in accelsim/version.py, "
            "then record again; nothing is written",
            file=sys.stderr,
        )
        return 1
    content |= {
        "model_version": MODEL_VERSION,
        "recorded_with": environment(),
        "digest": dict(sorted(digest.items())),
    }
    DIGEST.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
