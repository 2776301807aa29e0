"""The drawings in docs/images are those that their script makes, and are whole SVG."""

from __future__ import annotations

import importlib
import xml.etree.ElementTree as ET

import pytest
from snippets import ROOT

IMAGES = ROOT / "docs" / "images"


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "site" / "drawings"))
    return importlib.import_module("pictures")


def test_files_are_what_the_script_draws(pictures: object) -> None:
    drawn = {name: draw() for name, draw in pictures.DRAWINGS.items()}  # type: ignore[attr-defined]
    for name, text in drawn.items():
        assert (IMAGES / name).read_text(encoding="utf-8") == text, f"{name}: run python docs/site/drawings"
        root = ET.fromstring(text)
        assert root.findtext("{http://www.w3.org/2000/svg}title")
        assert len(text) < 30_000


def test_drawn_bins_follow_the_rule(pictures: object) -> None:
    edges = pictures.bin_edges  # type: ignore[attr-defined]
    assert edges(7, 3) == [(0, 3), (2, 5), (4, 7)]  # the example of docs/conventions.md
    assert edges(2, 3) == [(0, 1), (0, 2), (1, 2)]
