"""Whether enough mutants of the gates were found by their tests: the last step of `make mutants`.

    python -m tests.mutants build/mutants/mutants/mutmut-cicd-stats.json

A mutant that hangs is found by its time limit. One that no test reaches, or that was not judged at all, is not found.
"""

import json
import sys
from pathlib import Path

LEAST = 0.85
"""What is left are mutants that do the same as the code, such as one that spells a default out."""


def score(counts: dict[str, int]) -> float:
    """The share found of all mutants, from the counts that mutmut exports."""
    return (counts["killed"] + counts["timeout"]) / counts["total"]


def main(stats: Path) -> None:
    """Print the score, and exit with 1 where it is below the least."""
    counts: dict[str, int] = json.loads(stats.read_text(encoding="utf-8"))
    found = score(counts)
    print(
        f"{found:.1%} of {counts['total']} mutants found, {counts['total'] - counts['killed'] - counts['timeout']} left"
    )
    if found < LEAST:
        sys.exit(f"at least {LEAST:.0%} must be found: `mutmut show NAME` in build/mutants shows one that was not")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
