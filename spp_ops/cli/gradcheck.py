"""`spp-ops gradcheck`."""

from __future__ import annotations

import click
import torch

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress
from spp_ops.cli._options import device_option, examples, seed_option
from spp_ops.demo.main import print_gradients
from spp_ops.testing import GRADIENT_CASES, check_gradients


@click.command(cls=GroupedCommand, epilog=examples("gradcheck", "gradcheck --device cuda --seed 3"))
@device_option
@seed_option
@click.pass_context
def command(context: click.Context, device: torch.device, seed: int) -> None:
    """Verify the kernels' derivatives, a line a case.

    Output and gradient are compared with the plain PyTorch reference, first and second derivatives with numerical
    ones, in float64. The exit code is 1 if a case fails.
    """
    console = Output()
    failures = 0
    with table_progress(console).work("gradient checks", len(GRADIENT_CASES), "functions") as work:
        for result in check_gradients(device, seed, work.start):
            print_gradients(console, result)
            failures += result.failure is not None
    console.print(f"{len(GRADIENT_CASES) - failures} of {len(GRADIENT_CASES)} cases passed on {device}")
    context.exit(1 if failures else 0)
