"""What names a trained detector on the command line: a run's folder, or the name of one that comes with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spp_ops.detection.pretrained import PACKAGED, packaged_folder


class RunFolder(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A run's folder. A packaged detector's bare name means that one; a folder of this name is given as ./NAME."""

    name = "run"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return packaged_folder(value) if value in PACKAGED else Path(value)
