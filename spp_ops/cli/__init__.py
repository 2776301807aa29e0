"""The command line: `spp-ops`.

One thin file a command: module `NAME.py` here holds `spp-ops NAME` as its `command`, and `GROUP_NAME.py` holds
`spp-ops GROUP NAME` where `GROUP.py` holds a group. Modules whose names begin with an underscore serve the others.
"""

from spp_ops.cli._main import main

__all__ = ["main"]
