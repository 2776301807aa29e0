"""A few shapes as SVG, on a light ground of their own: the drawings read on light and on dark pages."""

from __future__ import annotations

from html import escape

INK, FAINT, PAPER = "#1f2430", "#9aa3b2", "#f7f8fb"
BLUE, ORANGE, GREEN, RED, VIOLET = "#3b6fd4", "#e08a1e", "#2f9e6e", "#d3455b", "#7d57c1"
CELL = 18  # side of a drawn cell


class Canvas:
    """Collects shapes; `svg()` is the drawing.

    Args:
        width: of the drawing.
        height: of the drawing.
        title: what it shows, for those who cannot see it.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = width, height
        self._title = title
        self._shapes: list[str] = []

    def rect(
        self, x: float, y: float, width: float, height: float, *, fill: str = "none", line: str = INK, bold: float = 1
    ) -> None:
        """A rectangle; `fill` may end in two digits of opacity."""
        place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self._shapes.append(f'<rect {place} fill="{fill}" stroke="{line}" stroke-width="{bold:g}"/>')

    def grid(self, x: float, y: float, columns: int, rows: int, *, cell: float = CELL, fill: str = "#ffffff") -> None:
        """Columns x rows of cells, the first one's corner at x, y."""
        self.rect(x, y, columns * cell, rows * cell, fill=fill, line=FAINT)
        lines = [f"M{x + k * cell:g} {y:g}v{rows * cell:g}" for k in range(1, columns)]
        lines += [f"M{x:g} {y + k * cell:g}h{columns * cell:g}" for k in range(1, rows)]
        self._shapes.append(f'<path d="{"".join(lines)}" stroke="{FAINT}" stroke-width="0.6" fill="none"/>')

    def text(self, x: float, y: float, words: str, *, size: int = 13, color: str = INK, anchor: str = "start") -> None:
        """A line of words, its base at y; `anchor` is start, middle or end."""
        style = f'font-size="{size}" fill="{color}" text-anchor="{anchor}"'
        self._shapes.append(f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>')

    def arrow(self, x: float, y: float, to_x: float, to_y: float, *, color: str = INK) -> None:
        """A straight arrow."""
        path = f'd="M{x:g} {y:g}L{to_x:g} {to_y:g}" stroke="{color}" stroke-width="1.4" fill="none"'
        self._shapes.append(f'<path {path} marker-end="url(#head)"/>')

    def dot(self, x: float, y: float, radius: float = 4, color: str = RED) -> None:
        """A filled circle."""
        self._shapes.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{color}"/>')

    def svg(self) -> str:
        """The whole drawing."""
        width, height = self._size
        head = (
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" fill="{INK}"/></marker>'
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                f'font-family="system-ui, sans-serif" role="img" aria-label="{escape(self._title)}">',
                f"<title>{escape(self._title)}</title><defs>{head}</defs>",
                f'<rect width="{width}" height="{height}" rx="10" fill="{PAPER}"/>',
                *self._shapes,
                "</svg>\n",
            ]
        )
