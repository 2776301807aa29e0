from __future__ import annotations

import json
from pathlib import Path

import pytest

from spp_ops.benchmarks import grid
from spp_ops.cli import main


@pytest.fixture
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "WINDOWS", (1, 3))
    monkeypatch.setattr(grid, "SIZES", (1, 9))
    monkeypatch.setattr(grid, "MAPS", ((7, 7), (12, 20)))
    monkeypatch.setattr(grid, "CHANNELS", (2,))
    monkeypatch.setattr(grid, "LEAST_SECONDS", 0.0)


def test_the_grid_holds_what_fits() -> None:
    points = grid.points()
    assert len(points) > 300
    assert all(point.size <= min(point.map) for point in points)
    assert {point.windows for point in points} == set(grid.WINDOWS)
    assert {point.map for point in points} == set(grid.MAPS)
    assert {point.channels for point in points} == set(grid.CHANNELS)


@pytest.mark.usefixtures("small_grid")
def test_grid_measures_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record, plot = tmp_path / "grid.json", tmp_path / "grid.svg"
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", "grid", "--rounds", "1", "--json", str(record), "--plot", str(plot)])
    assert not ended.value.code
    points = json.loads(record.read_text())["points"]
    shapes = 2 * (1 + 2)  # windows; sizes that fit a map
    assert len(points) == shapes * 2 * 2  # layouts and passes
    assert f"{len(points)} points" in capsys.readouterr().out
    assert all(point["ratio"] > 0 for point in points)
    assert plot.stat().st_size > 1000


@pytest.mark.usefixtures("small_grid")
def test_other_numbers_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "_torchvision", lambda features, rois: grid._ours(features, rois) + 1)
    with pytest.raises(RuntimeError, match="differ from ours"):
        list(grid.run(grid.points(), 1))
