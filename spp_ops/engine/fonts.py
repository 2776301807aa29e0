r"""Fonts that have the letters of a text, for plots and images.

Matplotlib's own font comes first: it has most alphabets and is on every machine. The letters that it lacks, Chinese
ones for instance, are taken from the fonts installed; those that no font has are written as `\u4e2d`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from spp_ops.engine.text import printable

if TYPE_CHECKING:
    from matplotlib.text import Text

_OWN_NAME = "DejaVu Sans"
_OWN = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")


def own_font(bold: bool = False) -> Path:
    """Return the file of matplotlib's own font, found without importing matplotlib, which takes a while.

    Raises:
        ImportError: matplotlib is not installed.
    """
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        raise ImportError("matplotlib, which has the font that images are labeled in, is not installed")
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / _OWN[bold]


@lru_cache(maxsize=1024)
def with_fonts(text: str, bold: bool = False) -> tuple[tuple[str, Path], ...]:
    """Split a text into runs and the font of each; what no font has is escaped."""
    text, first = printable(text), own_font(bold)
    if text.isascii():
        return ((text, first),) if text else ()
    fonts = [first, *_fonts_for(frozenset(text) - _letters(first))]

    def font_of(letter: str) -> Path | None:
        return next((font for font in fonts if letter in _letters(font)), None)

    runs: list[tuple[str, Path]] = []
    for font, letters in groupby(text, font_of):
        run = "".join(letters)
        runs.append((run, font) if font else (ascii(run)[1:-1], first))
    return tuple(runs)


def letters_without_font(names: Iterable[str]) -> str:
    """Return the letters of some names that no font here has, each once."""
    missing = frozenset(letter for letter in printable("".join(names)) if not letter.isascii())
    if not missing:
        return ""
    for font in (own_font(), *_fonts_for(missing - _letters(own_font()))):
        missing -= _letters(font)
    return "".join(sorted(missing))


def show_literally(text: Text, content: str, letters: int = 40) -> None:
    """Give a matplotlib text this content as it is: no formula between dollars, every letter from a font that has it.

    Legend entries are set so after the legend was made, since names that begin with an underscore have none otherwise.

    Args:
        text: of a plot.
        content: what it is to say.
        letters: of a line; a longer text is broken, at spaces where there are some.
    """
    from matplotlib.font_manager import FontProperties, fontManager

    lines = [with_fonts(line) for line in textwrap.wrap(printable(content), letters)]
    others = dict.fromkeys(file for line in lines for _, file in line if file != own_font())
    for file in others:
        fontManager.addfont(file)
    text.set_parse_math(False)
    text.set_fontfamily([_OWN_NAME, *(FontProperties(fname=file).get_name() for file in others)])
    text.set_text("\n".join("".join(run for run, _ in line) for line in lines))


def _fonts_for(letters: frozenset[str]) -> list[Path]:
    """Return installed fonts that have these letters between them, as far as there are any."""
    chosen: list[Path] = []
    fonts = _installed() if letters else iter(())
    for font in fonts:
        if letters & _letters(font):
            chosen.append(font)
            letters -= _letters(font)
            if not letters:
                break
    return chosen


def _installed() -> Iterator[Path]:
    from matplotlib.font_manager import findSystemFonts

    yield from sorted(map(Path, findSystemFonts()))


@lru_cache(maxsize=256)
def _letters(font: Path) -> frozenset[str]:
    """Return the letters that a font has; none where it can't be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(str(font)).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()
