"""Where the data sets are that tests and measurements use."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "SPP_OPS_DATA"
_BESIDE_PROJECT = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_root() -> Path:
    """Return the folder named by the environment variable SPP_OPS_DATA; else ``../shared/data`` of the project.

    It may not exist: see `find_data`.
    """
    return Path(os.environ.get(VARIABLE) or _BESIDE_PROJECT)


def find_data(*parts: str) -> Path:
    """Return the path of a data set or file below `data_root`.

    Raises:
        FileNotFoundError: it is not there; the message says how to name another place.
    """
    path = data_root().joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"no {path}; set {VARIABLE} to the folder that holds {Path(*parts)}")
    return path
