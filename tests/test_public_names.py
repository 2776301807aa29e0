"""What `import spp_ops` gives: names at once, parts of the system when they are first named."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import spp_ops

PARTS = ("classification", "compat", "datasets", "detection", "models")


def run(program: str) -> str:
    """What a program prints that starts from nothing."""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    "use",
    [
        "spp_ops.models.zf5",
        "spp_ops.detection.SPPDetector",
        "spp_ops.classification",
        "spp_ops.compat.roi_pool",
        "spp_ops.datasets",
        "spp_ops.nn.SpatialPyramidPool2d",
        "spp_ops.reference.roi_spatial_pyramid_pool",
        "spp_ops.onnx.translation_table",
        "spp_ops.receptive_field",
    ],
)
def test_what_the_docs_name_is_there_after_the_import(use: str) -> None:
    assert run(f"import spp_ops; print(bool({use}))") == "True"


def test_parts_are_imported_when_they_are_named() -> None:
    listing = f"[part for part in {PARTS} if f'spp_ops.{{part}}' in sys.modules]"
    assert run(f"import sys, spp_ops; dir(spp_ops); print({listing})") == "[]"
    assert "models" in run(f"import sys, spp_ops; spp_ops.models; print({listing})")
    assert run("from spp_ops import *; import spp_ops; print(all(n in globals() for n in spp_ops.__all__))") == "True"


def test_names_are_listed() -> None:
    assert {*spp_ops.__all__, *PARTS} <= set(dir(spp_ops))
    with pytest.raises(AttributeError, match=r"module 'spp_ops' has no attribute 'nothing'"):
        spp_ops.nothing  # noqa: B018


@pytest.mark.parametrize("module", ["", ".projection", ".receptive_field", ".functional"])
def test_public_names_are_documented(module: str) -> None:
    page = (Path(__file__).parents[1] / "docs" / "operator.md").read_text()
    names = importlib.import_module(f"spp_ops{module}").__all__
    assert [name for name in names if f"`{name}`" not in page and f"`spp_ops.{name}`" not in page] == []
