"""Options that the detection commands share: where windows come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from spp_ops.cli._options import Command
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.proposals.config import LEARNED_LIMIT, Method
from spp_ops.detection.proposals.precomputed import ENDINGS

METHODS = tuple(method for method in get_args(Method) if method != "file")


class Proposals(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A method, or a file of boxes computed before."""

    name = "proposals"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ProposalConfig:
        if isinstance(value, ProposalConfig):
            return value
        if value in METHODS:
            return ProposalConfig(value, limit=LEARNED_LIMIT) if value == "learned" else ProposalConfig(value)
        file = Path(value)
        if file.suffix.lower() not in ENDINGS:
            known = ", ".join(METHODS)
            self.fail(f"expected one of {known} or a file ending in {', '.join(ENDINGS)}, got {value!r}", param, ctx)
        if not file.is_file():
            self.fail(f"no file of boxes at {value}", param, ctx)
        return ProposalConfig("file", file=str(file.absolute()))  # the record must not depend on the folder of today


def proposals_option(default: str) -> Callable[[Command], Command]:
    """--proposals; None where it is not given, which means `default`."""
    return click.option(
        "--proposals",
        type=Proposals(),
        help=f"Windows to look at: {', '.join(METHODS)}, or a file of boxes (.npz, .json, .mat, .pkl).  "
        f"[default: {default}]",
    )
