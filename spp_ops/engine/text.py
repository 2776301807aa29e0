"""Names that users gave, in what is printed: shown as they are, whatever is in them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

_ACTED_ON = frozenset({"Cc", "Cs", "Zl", "Zp"})  # Unicode's control characters, half characters and line breaks


def printable(text: str) -> str:
    r"""Return the text with what no terminal should act on (escape sequences, line breaks, half characters) as `\x1b`.

    Square brackets, colons, dollars and the letters of every script stay.
    """
    return "".join(ascii(letter)[1:-1] if unicodedata.category(letter) in _ACTED_ON else letter for letter in text)


def literal(text: str, style: str = "") -> Text:
    """Return a text for rich's tables and consoles that is no markup, folded where a table is too narrow for it."""
    from rich.text import Text

    return Text(printable(text), style=style, overflow="fold")
