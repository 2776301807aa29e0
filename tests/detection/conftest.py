"""Data of the detection tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import write_scenes


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven training and three test images."""
    return write_scenes(tmp_path_factory.mktemp("scenes"), {"trainval": 7, "test": 3})
