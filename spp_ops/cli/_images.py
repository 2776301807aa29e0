"""Options that say how images are read, and what is done about bad ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from spp_ops.datasets.decoding import ImageRules
from spp_ops.datasets.problems import Notice, OnBad, Problems


@dataclass(frozen=True)
class ImageOptions:
    """What the options of `image_options` say.

    Attributes:
        on_bad: what is done about what is wrong.
        strict: whether what could be mended is wrong as well.
    """

    on_bad: OnBad
    strict: bool

    def problems(self, notice: Notice) -> Problems:
        """Return what takes the problems of a set."""
        return Problems(self.on_bad, notice, self.strict)


def image_options(name: str) -> Callable[[Any], Any]:
    """--bad-images, --strict, --stretch-16-bit, --read-truncated; the command gets them as `name`.

    The rules of reading are put in force before the command begins, for it and the processes that it starts.
    """

    def decorate(command: Any) -> Any:
        @functools.wraps(command)
        def packed(**given: Any) -> Any:
            before = ImageRules.current()
            rules = ImageRules(given.pop("stretch") or before.stretch, given.pop("truncated") or before.truncated)
            options = ImageOptions(given.pop("on_bad"), given.pop("strict"))
            rules.use()
            try:
                return command(**given, **{name: options})
            finally:
                before.use()

        decorated: Any = packed
        for option in reversed(_OPTIONS):
            decorated = option(decorated)
        return decorated

    return decorate


_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--bad-images",
        "on_bad",
        type=click.Choice(["refuse", "skip"]),
        default="refuse",
        show_default=True,
        help="What to do about images that can't be read and objects that can't be used; they are named in any case.",
    ),
    click.option("--strict", is_flag=True, help="Refuse what would be mended with a notice."),
    click.option(
        "--stretch-16-bit", "stretch", is_flag=True, help="Scale gray images by the bits that they use (12 in 16)."
    ),
    click.option(
        "--read-truncated", "truncated", is_flag=True, help="Read files that end too early as far as they go."
    ),
]
