"""Keeps the figures in README and docs those of the records: `python -m benchmarks.measured` writes them anew.

A figure stands between two comments, the first of which says whose it is:

    <!-- times: op.json MAIN forward torchvision -->79<!-- -->

is how many times longer torchvision takes than this package for that workload and pass.
"""

from __future__ import annotations

import re
from pathlib import Path

from spp_ops.benchmarks.results import Record
from spp_ops.engine.files import atomic_write

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_FIGURE = re.compile(r"<!-- times: (\S+) (\S+) (\S+) (\S+) -->.*?<!-- -->")


def pages() -> list[Path]:
    """README and the pages that may have figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def with_figures(text: str, results: Path = RESULTS) -> str:
    """A page with each of its figures as the records have it, to two digits.

    Raises:
        ValueError: a record has no such contest or contestant.
        FileNotFoundError: there is no such record.
    """

    def figure(match: re.Match[str]) -> str:
        file, case, timed, name = match.groups()
        contest = Record.load(results / file).contest(case, timed)
        ratio = contest.ratio(name, "ours") if contest is not None else None
        if ratio is None:
            raise ValueError(f"{results / file}: no {name} in {case} {timed}")
        return f"<!-- times: {file} {case} {timed} {name} -->{float(f'{ratio.median:.2g}'):g}<!-- -->"

    return _FIGURE.sub(figure, text)


def main() -> None:
    """Write every page whose figures have changed, and say which."""
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = with_figures(before)
        if after != before:
            with atomic_write(page) as temporary:
                temporary.write_text(after, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
