"""The table of mutations for docs/validation.md: ``python -m tests.mutations.report`` prints it."""

from __future__ import annotations

import sys
import warnings

from tests.mutations.catalogue import MUTATIONS
from tests.mutations.verdict import Verdict, judge


def markdown(verdicts: list[Verdict]) -> str:
    """How many are caught, and a row for each."""
    caught = sum(verdict.case is not None for verdict in verdicts)
    lines = [
        f"{caught} of {len(verdicts)} mistakes are caught.",
        "",
        "| mistake | in | breaks | caught after | by |",
        "| --- | --- | --- | ---: | --- |",
    ]
    for verdict in verdicts:
        mutation = verdict.mutation
        after = f"{verdict.number} case{'s' * (verdict.number > 1)}" if verdict.case else "**survives**"
        lines.append(
            f"| {mutation.name} | `{mutation.module}` | {mutation.rule} | {after} | {verdict.evidence} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print the table; the exit code says whether all are caught."""
    warnings.filterwarnings("ignore", "overflow encountered", RuntimeWarning)
    verdicts = [judge(mutation) for mutation in MUTATIONS]
    print(markdown(verdicts), end="")
    return 0 if all(verdict.case is not None for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
