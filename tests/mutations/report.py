"""The table of mutations for docs/validation.md: ``python -m tests.mutations.report`` prints it."""

from __future__ import annotations

import sys
import warnings

from accelsim.tables import frame_of, markdown_table
from tests.mutations.catalogue import MUTATIONS
from tests.mutations.recorded import recorded_cases
from tests.mutations.verdict import Verdict, judge


def markdown(verdicts: list[Verdict]) -> str:
    """How many are caught, and a row for each."""
    by_oracle = sum(verdict.by_oracle is not None for verdict in verdicts)
    by_rtl = sum(verdict.by_rtl is not None for verdict in verdicts)
    recorded = len(list(recorded_cases()))
    lines = [
        f"Of {len(verdicts)} mistakes, {by_oracle} are caught by the oracle's counts and {by_rtl} by the RTL's alone, "
        f"recorded on {recorded} random layers. In cases until the first difference (-: survives):",
        "",
    ]
    rows = []
    for verdict in verdicts:
        mutation, first = verdict.mutation, verdict.by_oracle or verdict.by_rtl
        numbers = [catch.number if catch else "-" for catch in (verdict.by_oracle, verdict.by_rtl)]
        evidence = first.evidence if first else ""
        rows.append([mutation.name, f"`{mutation.module}`", mutation.rule, *numbers, evidence])
    titles = ["mistake", "in", "breaks", "oracle", "RTL", "first difference"]
    return "\n".join([*lines, markdown_table(frame_of(rows, titles), align="lllrrl")])


def main() -> int:
    """Print the table; the exit code says whether all are caught."""
    warnings.filterwarnings("ignore", "overflow encountered", RuntimeWarning)
    verdicts = [judge(mutation) for mutation in MUTATIONS]
    print(markdown(verdicts), end="")
    return 0 if all(verdict.by_oracle is not None for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
