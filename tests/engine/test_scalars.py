"""Numbers of a run reach each logger, step by step; none needs a network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spp_ops.engine import scalars
from spp_ops.engine.scalars import Scalars, require_logger


class Recorder:
    """Keeps what one of Lightning's loggers is told."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.told: list[tuple[int, dict[str, float]]] = []
        self.saved = 0
        self.status = ""
        self.finished: list[int] = []
        self.experiment = SimpleNamespace(finish=self.finished.append)

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.told.append((step, dict(metrics)))

    def save(self) -> None:
        self.saved += 1

    def finalize(self, status: str) -> None:
        self.status = status


@pytest.fixture
def recorders(monkeypatch: pytest.MonkeyPatch) -> list[Recorder]:
    made: list[Recorder] = []

    def make(**settings: Any) -> Recorder:
        made.append(Recorder(**settings))
        return made[-1]

    monkeypatch.setattr(scalars, "_lightning", lambda: SimpleNamespace(WandbLogger=make, MLFlowLogger=make))
    monkeypatch.setattr(scalars, "find_spec", lambda name: name)
    return made


@pytest.mark.parametrize("logger", ["wandb", "mlflow"])
def test_numbers_of_a_step_go_together_and_in_order(recorders: list[Recorder], tmp_path: Path, logger: Any) -> None:
    with Scalars(tmp_path / "run", 3, logger=logger) as written:
        written.add(3, {"loss": [1.0, 0.5], "lr": [0.1, 0.2]})
        written.add(5, {"epoch/loss": [0.75]})
        written.flush()
        written.add(5, {"loss": [0.25]})
    (recorder,) = recorders
    assert recorder.told == [
        (3, {"loss": 1.0, "lr": 0.1}),
        (4, {"loss": 0.5, "lr": 0.2}),
        (5, {"epoch/loss": 0.75}),
        (5, {"loss": 0.25}),
    ]
    assert recorder.status == "success"
    assert recorder.finished == [0]
    name = recorder.settings["name" if logger == "wandb" else "run_name"]
    assert name == "run"


def test_a_run_that_fails_is_told_as_one(recorders: list[Recorder], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Scalars(tmp_path, logger="wandb"):
        raise RuntimeError
    assert (recorders[0].status, recorders[0].finished) == ("failed", [1])


def test_other_processes_write_nothing(recorders: list[Recorder], tmp_path: Path) -> None:
    with Scalars(tmp_path / "run", active=False, logger="wandb") as written:
        written.add(0, {"loss": [1.0]})
    assert not recorders
    assert not (tmp_path / "run").exists()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scalars, "find_spec", lambda name: None)
    expected = r"logger: wandb takes lightning and wandb, not installed here: pip install 'spp_ops\[wandb\]'"
    with pytest.raises(ValueError, match=expected):
        require_logger("wandb")


def write(folder: Path, logger: Any, losses: Sequence[float]) -> None:
    with Scalars(folder, logger=logger) as written:
        written.add(0, {"loss": losses})
        written.flush()


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write(tmp_path, "tensorboard", [3.0, 2.0])
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(0, 3.0), (1, 2.0)]


@pytest.mark.slow
def test_mlflow_reads_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="spp_ops[mlflow]")
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    write(tmp_path / "run", "mlflow", [3.0, 2.0])
    client = MlflowClient(f"file:{tmp_path / 'run' / 'mlruns'}")
    experiment = client.get_experiment_by_name("spp_ops")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["mlflow.runName"] == "run"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(each.step, each.value) for each in history] == [(0, 3.0), (1, 2.0)]


@pytest.mark.slow
def test_wandb_keeps_an_offline_run_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="spp_ops[wandb]")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(sys, "argv", ["spp-ops"])
    write(tmp_path / "run", "wandb", [3.0, 2.0])
    (kept,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    assert b"loss" in kept.read_bytes()
