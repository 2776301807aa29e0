"""The root command, and the one place where errors become a line."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any

import click

import spp_ops
from spp_ops.cli._group import ModuleGroup
from spp_ops.engine.processes import is_first, rank

# What bad input raises. Anything else is a bug, and its traceback is wanted.
_INPUT_ERRORS = (ValueError, TypeError, OSError, ImportError)
_EXTRAS = {"starlette": "serve", "uvicorn": "serve", "anyio": "serve"}  # that bring a library; others: system
_FIRST_ONES_TIME = 5.0  # seconds in which torchrun ends the others after the first process has failed


class Root(ModuleGroup):
    """Ends with exit code 2 and `error: ...` on bad input."""

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        _print_any_letter()
        # Pillow warns of damaged metadata with a line of its own code; what is wrong with an image is told by us.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        if not is_first():
            warnings.simplefilter("ignore")
        try:
            code = super().main(args, prog_name, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as help_wanted:
            help_wanted.show()
            code = 2
        except click.ClickException as error:
            code = _fail(error.format_message())
        except click.Abort:
            code = _fail("interrupted", code=130)
        except _INPUT_ERRORS as error:
            if "--traceback" in (sys.argv[1:] if args is None else args):
                raise
            code = _fail(_advice(error) or str(error) or type(error).__name__)
        except (MemoryError, RuntimeError) as error:
            if not _is_lack_of_memory(error):
                raise
            code = _fail(f"not enough memory: {error}")
        sys.exit(code if isinstance(code, int) else 0)


def _advice(error: Exception) -> str:
    """What to install, where a library is missing that only some of the extras bring."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    library = error.name.partition(".")[0]
    return f"{library} is needed for this, and not installed: pip install 'spp_ops[{_EXTRAS.get(library, 'system')}]'"


def _is_lack_of_memory(error: Exception) -> bool:
    """Say whether smaller numbers would have helped; PyTorch has no type for this on a CPU."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _print_any_letter() -> None:
    r"""Let standard output and error print letters that their encoding lacks as `\u4e2d`, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _fail(message: str, code: int = 2) -> int:
    where = "error"
    if not is_first():
        # What all processes have run into is said by the first one, whose end takes this one along.
        time.sleep(_FIRST_ONES_TIME)
        where = f"error in process {rank()}"
    click.echo(f"{where}: {' '.join(map(str.strip, message.splitlines()))}", err=True)
    return code


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(spp_ops.__version__, prog_name="spp-ops")
@click.option("--traceback", is_flag=True, help="On bad input show where in the code it was noticed.")
def main(traceback: bool) -> None:
    """Spatial pyramid pooling of image regions, and SPP-net on it.

    `spp-ops COMMAND --help` explains a command and gives examples.
    """
