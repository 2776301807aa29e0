"""What a process needs of the package, told from its command line before anything is imported."""

import os
import sys
from pathlib import Path

_COMMAND = "spp-ops"
_WORDS: tuple[list[str], ...] = ([], ["-h"], ["--help"], ["--version"])


def is_command_line() -> bool:
    """Say whether this process is `spp-ops` or `python -m spp_ops`."""
    started = sys.argv[:1]
    # While Python looks for the module that -m names, the first argument is "-m" itself.
    as_module = started == ["-m"] and "spp_ops" in sys.orig_argv
    return as_module or (started != [] and Path(started[0]).stem == _COMMAND)


def asks_for_words_only() -> bool:
    """Say whether this process only lists the commands or says the version.

    Neither needs PyTorch, whose import takes longer than all the rest.
    """
    completes = "_SPP_OPS_COMPLETE" in os.environ  # the shell asks for the end of a word: any command's options
    return is_command_line() and sys.argv[1:] in _WORDS and not completes
