"""Data loaded ahead: the same batches however they travel, and errors as they were raised."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from spp_ops.datasets.image import ImageError
from spp_ops.engine.loading import load_batches, load_each, stacked


class Numbers:
    def __len__(self) -> int:
        return 6

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return torch.full((3,), float(row)), row


class Faulty(Numbers):
    """Its third row raises, or ends its process."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        if row == 2 and self.error is not None:
            raise self.error
        if row == 2 and get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(row)


def no_room(tensor: Tensor) -> Tensor:
    raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("room", [True, False])
def test_batches_come_in_order_with_and_without_room_in_shared_memory(
    monkeypatch: pytest.MonkeyPatch, workers: int, room: bool
) -> None:
    if not room:
        monkeypatch.setattr(Tensor, "share_memory_", no_room)  # in the workers too, which are forked
    batches = list(load_batches(Numbers(), [[5, 0], [1], [3, 4, 2]], stacked, workers=workers))
    assert [labels.tolist() for _, labels in batches] == [[5, 0], [1], [3, 4, 2]]
    assert [inputs[:, 0].tolist() for inputs, _ in batches] == [[5, 0], [1], [3, 4, 2]]
    assert [row for _, row in load_each(Numbers(), workers=workers)] == list(range(6))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("error", [ImageError("a.jpg: half an image"), FileNotFoundError("no image file at b.jpg")])
def test_an_error_in_a_worker_is_the_one_that_the_data_raised(workers: int, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        list(load_batches(Faulty(error), [[0], [1], [2], [3]], list, workers=workers))
    assert str(caught.value) == str(error)


def test_a_killed_worker_is_one_line() -> None:
    with pytest.raises(OSError, match=r"workers: 2 processes that load ahead ended early: DataLoader worker .*; try"):
        list(load_batches(Faulty(None), [[0], [1], [2], [3]], list, workers=2))
