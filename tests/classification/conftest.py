"""Images: generated ones, and real ones where they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from shape_images import write_shape_folders

from benchmarks.data_root import data_root


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve training and four test images of each of two shapes."""
    folder = tmp_path_factory.mktemp("shapes")
    return write_shape_folders(folder, images={"train": 12, "val": 4}, shapes=("cross", "disc"))


@pytest.fixture(scope="session", params=["generated", "ants-bees"])
def images(request: pytest.FixtureRequest, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of images; of the real ones as many as of the generated."""
    if request.param == "generated":
        return shapes
    real = data_root() / "ants-bees"
    if not real.is_dir():
        pytest.skip(f"no {real}")
    folder = tmp_path_factory.mktemp("ants_bees")
    for split, count in (("train", 12), ("val", 4)):
        for name in ("ants", "bees"):
            (folder / split / name).mkdir(parents=True)
            for path in sorted((real / split / name).glob("*.jpg"))[:count]:
                shutil.copy(path, folder / split / name)
    return folder
