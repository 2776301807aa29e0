"""The page's files, read once: a request names one of these or gets none."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SAMPLE = _FOLDER / "sample.jpg"


def page_files() -> dict[str, tuple[bytes, str]]:
    """Content and media type of each file by its path in a request."""
    files = {
        f"/{path.name}": (path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(_FOLDER.iterdir())
        if path.suffix in _TYPES
    }
    return {**files, "/": files["/index.html"]}
