"""Two processes with the same global batch give what one gives: losses, weights, test results."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from launching import run_python

from spp_ops.classification import Checkpoint


def train(data: Path, out: Path, processes: int) -> Checkpoint:
    options = (
        "--arch squeezenet1_0 --levels 2,1 --hidden 8 --dropout 0 --sizes 48,40 --epochs 2 --batch-size 9 --ema 0.5"
    )
    arguments = ["train-classifier", data, "--out", out, "--device", "cpu", *options.split()]
    done = run_python("-m", "spp_ops", *arguments, processes=processes)
    assert done.returncode == 0, done.stderr[-3000:]
    return Checkpoint.load(out)


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch comes without gloo")
@pytest.mark.slow  # tests/detection/test_joint_processes.py trains by the same engine
def test_two_processes_train_as_one(shapes: Path, tmp_path: Path) -> None:
    one, two = (train(shapes, tmp_path / str(processes), processes) for processes in (1, 2))
    # 24 images in batches of 9, 9 and 6: the processes' shares differ in size.
    for mine, other in zip(one.history, two.history, strict=True):
        assert mine["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)
        assert mine["val_error"] == other["val_error"]
    for name, tensor in one.model.items():
        torch.testing.assert_close(two.model[name], tensor, rtol=1e-4, atol=2e-5)  # sums in other orders
    assert one.history[0]["train_loss"] != one.history[1]["train_loss"]
