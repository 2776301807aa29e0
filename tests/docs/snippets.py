"""Snippets of the documentation: the fences of a Markdown page, and what its comments say about testing them.

A fence is run as it stands, unless comments on the lines above it say otherwise:

    <!-- test: "--epochs 40" becomes "--epochs 1" -->
    <!-- test: not run, as it needs a GPU -->
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELL = frozenset({"sh", "bash", "shell", "console"})
_FENCE = re.compile(r"((?:^ *<!-- test: .*? -->\n)*)^( *)```(\w*)[^\n]*\n(.*?)^\2```", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!-- test: (.*?) -->", re.DOTALL)
_CHANGE = re.compile(r"([\"'`])(.*)\1 becomes ([\"'`])(.*)\3", re.DOTALL)
_LEFT_OUT = "not run, as "


@dataclass(frozen=True)
class Snippet:
    """One fence.

    Attributes:
        line: of its first line in the page, from 1.
        language: as the fence says; may be empty.
        text: as the page has it.
        run: as the test runs it, with the changes that the page names.
        reason: why it is not run; empty where it is.
    """

    line: int
    language: str
    text: str
    run: str
    reason: str

    def commands(self, *, changed: bool) -> list[str]:
        """Lines of a fence of shell commands: joined where a backslash says so, without comments and prompts."""
        text = self.run if changed else self.text
        lines = text.replace("\\\n", " ").splitlines()
        if self.language == "console":  # the rest is what commands print
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line.strip() for line in lines if shlex.split(line, comments=True)]


def pages() -> list[Path]:
    """README and every page of docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def snippets(page: Path) -> list[Snippet]:
    """All fences of a page, in order.

    Raises:
        ValueError: a comment that says neither of the two, or a change of what is not in the fence.
    """
    text = page.read_text(encoding="utf-8")
    return [_snippet(page, text, match) for match in _FENCE.finditer(text)]


def _snippet(page: Path, text: str, match: re.Match[str]) -> Snippet:
    comments, indent, language, body = match.groups()
    body = "\n".join(line.removeprefix(indent) for line in body.splitlines()) + "\n"
    run, reason = body, ""
    for comment in _COMMENT.findall(comments):
        change = _CHANGE.fullmatch(comment)
        if change is not None and change[2] in run:
            run = run.replace(change[2], change[4])
        elif comment.startswith(_LEFT_OUT) and len(comment) > len(_LEFT_OUT):
            reason = comment.removeprefix(_LEFT_OUT)
        else:
            raise ValueError(f"{page}: expected a reason, or a change of what the fence below has, got: {comment}")
    return Snippet(text[: match.start(4)].count("\n") + 1, language, body, run, reason)
