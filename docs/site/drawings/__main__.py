"""Writes the drawings of the pages: python docs/site/drawings."""

from __future__ import annotations

from pathlib import Path

from pictures import DRAWINGS

FOLDER = Path(__file__).parents[2] / "images"

for name, draw in DRAWINGS.items():
    (FOLDER / name).write_text(draw(), encoding="utf-8")
