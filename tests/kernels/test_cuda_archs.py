"""What is compiled for by default follows from the toolkit."""

from __future__ import annotations

import runpy
import sys

import cuda_host_build
import pytest


@pytest.mark.parametrize(
    ("toolkit", "archs"),
    [
        ("12.4", "7.5;8.0;8.6;8.9;9.0+PTX"),
        ("12.8", "7.5;8.0;8.6;8.9;9.0;10.0;12.0+PTX"),
        ("13.0", "7.5;8.0;8.6;8.9;9.0;10.0;12.0+PTX"),
    ],
)
def test_default_architectures(toolkit: str, archs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cuda_host_build.ROOT)
    monkeypatch.setattr(sys, "argv", ["setup.py", "--version"])
    assert runpy.run_path("setup.py")["default_archs"](toolkit) == archs
