"""Text on images: in lines no wider than there is room, each letter in a font that has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from PIL import ImageDraw, ImageFont

from spp_ops.engine.fonts import with_fonts

_Letter: TypeAlias = tuple[str, ImageFont.FreeTypeFont]
_CUT = "\u2026"


@dataclass(frozen=True)
class Lettering:
    """A text laid out.

    Attributes:
        width: in pixels.
        height: likewise.
    """

    width: int
    height: int
    _lines: tuple[tuple[_Letter, ...], ...]
    _ascent: int
    _line: int

    @staticmethod
    def of(text: str, size: int, room: tuple[int, int]) -> Lettering:
        """Lay out a text in bold letters.

        Args:
            text: shown as it is.
            size: of the letters, in pixels.
            room: width and height in pixels. A longer text is broken into lines, and its end cut if they are too many.
        """
        letters = [(letter, _font(file, size)) for run, file in with_fonts(text, bold=True) for letter in run]
        fonts = {font for _, font in letters} or {_font(with_fonts("x", bold=True)[0][1], size)}
        ascent, descent = (max(metrics) for metrics in zip(*(font.getmetrics() for font in fonts), strict=True))
        lines = _broken(letters, room[0])
        most = max(room[1] // (ascent + descent), 1)
        if len(lines) > most:
            lines = [*lines[: most - 1], [*lines[most - 1][:-1], (_CUT, lines[most - 1][-1][1])]]
        width, step = max(map(_length, lines)), ascent + descent
        return Lettering(round(width), len(lines) * step, tuple(map(tuple, lines)), ascent, step)

    def draw(self, canvas: ImageDraw.ImageDraw, x: float, y: float, color: tuple[int, int, int]) -> None:
        """Draw the text with its upper left corner at x, y."""
        for row, line in enumerate(self._lines):
            place = x
            for run, font in _runs(line):
                canvas.text((place, y + self._ascent + row * self._line), run, fill=color, font=font, anchor="ls")
                place += font.getlength(run)


def _broken(letters: list[_Letter], width: int) -> list[list[_Letter]]:
    """Break letters into lines of at most this many pixels, of one letter at least."""
    if _length(letters) <= width:
        return [letters]
    lines: list[list[_Letter]] = [[]]
    used = 0.0
    for letter, font in letters:
        length = font.getlength(letter)
        if lines[-1] and used + length > width:
            lines.append([])
            used = 0.0
        lines[-1].append((letter, font))
        used += length
    return lines


def _length(letters: list[_Letter]) -> float:
    return sum(font.getlength(run) for run, font in _runs(letters))


def _runs(letters: list[_Letter] | tuple[_Letter, ...]) -> list[_Letter]:
    """Letters of the same font together."""
    return [("".join(letter for letter, _ in run), font) for font, run in groupby(letters, lambda each: each[1])]


@lru_cache(maxsize=64)
def _font(file: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(file), size)
