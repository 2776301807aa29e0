"""Data of the engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import write_scenes
from shape_images import write_shape_folders


@pytest.fixture(scope="session")
def shapes_of_saved_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images that the classifier of `saved_runs` is trained on."""
    return write_shape_folders(tmp_path_factory.mktemp("shapes"), images={"train": 12}, shapes=("cross", "disc"))


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images that the detectors of `saved_runs` are trained on."""
    return write_scenes(tmp_path_factory.mktemp("scenes"), {"trainval": 7, "test": 3})
