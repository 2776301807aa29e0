"""The command line: `spp-ops`.

One thin file a command: module `NAME.py` here holds `spp-ops NAME` as its `command`, and `GROUP_NAME.py` holds
`spp-ops GROUP NAME` where `GROUP.py` holds a group. Modules whose names begin with an underscore serve the others.
"""

from __future__ import annotations

import sys
from typing import Any

try:
    from spp_ops.cli._main import main
except ModuleNotFoundError as error:
    if error.name != "click":
        raise

    def main(*arguments: Any, **options: Any) -> Any:  # type: ignore[misc]
        """Say what is missing; exit code 2."""
        print("error: click is needed for this, and not installed: pip install 'spp_ops[cli]'", file=sys.stderr)
        sys.exit(2)


__all__ = ["main"]
