"""Figures in README and docs are those of the records."""

from __future__ import annotations

import re

import pytest

from benchmarks.measured import pages, with_figures


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_figures_are_those_of_the_records(page: object) -> None:
    text = page.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert with_figures(text) == text, "python -m benchmarks.measured writes them anew"
    assert text.count("<!-- times:") == len(re.findall(r"<!-- times: (\S+ ){4}-->[\d.]+<!-- -->", text))


def test_a_figure_that_is_not_there_is_found() -> None:
    with pytest.raises(ValueError, match=r"op.json: no nobody in MAIN forward"):
        with_figures("<!-- times: op.json MAIN forward nobody -->1<!-- -->")
    changed = with_figures("<!-- times: op.json MAIN forward torchvision -->1<!-- --> times")
    assert not changed.startswith("<!-- times: op.json MAIN forward torchvision -->1<!-- -->")
