"""Which windows are trained on: the rule for difficult objects, the same in both ways of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.sampling import data_hash, draw_training_windows, without_difficult
from spp_ops.detection.staged import FineTuning, TrainingSample
from spp_ops.detection.staged.batches import Batches

SURE, DIFFICULT = [0.0, 0, 9, 9], [50.0, 50, 59, 59]
WINDOWS = torch.tensor(
    [
        SURE,
        [0, 0, 9, 2],  # IoU 0.3 with the sure object
        [50, 50, 59, 52],  # IoU 0.3 with the difficult one
        [50, 50, 59, 57],  # IoU 0.8 with it
        DIFFICULT,
        [80, 80, 89, 89],  # with none
    ]
)


class WindowRows:
    """Rows that are the windows themselves."""

    size = 4

    def rows(self, image: int, windows: Tensor) -> Tensor:
        return windows


def staged(negative_range: tuple[float, float]) -> tuple[Tensor, Tensor]:
    sample = TrainingSample(
        path=Path("absent.jpg"),
        flipped=False,
        windows=WINDOWS,
        objects=torch.tensor([SURE, DIFFICULT]),
        labels=torch.tensor([1, 0]),
        difficult=torch.tensor([False, True]),
        num_classes=2,
    )
    config = FineTuning(batch_windows=20, batch_images=1, positive_share=0.5, negative_range=negative_range)
    return Batches(WindowRows(), [sample], config, seed=0)[0]


def joint(negative_range: tuple[float, float]) -> tuple[Tensor, Tensor]:
    config = JointConfig(windows_per_image=20, positive_share=0.5, negative_range=negative_range)
    sure, difficult = torch.tensor([SURE]), torch.tensor([DIFFICULT])
    drawn = draw_training_windows(WINDOWS, sure, torch.tensor([1]), difficult, config, torch.Generator().manual_seed(0))
    return drawn.windows, drawn.labels


@pytest.mark.parametrize("draw", [staged, joint])
@pytest.mark.parametrize(("low", "negatives"), [(0.1, [1]), (0.0, [1, 2, 5])])
def test_difficult_objects_make_neither_positives_nor_negatives(draw: object, low: float, negatives: list[int]) -> None:
    windows, labels = draw((low, 0.5))  # type: ignore[operator]
    rows = [int((window == WINDOWS).all(dim=1).nonzero()) for window in windows]
    found = dict(zip(rows, labels.tolist(), strict=True))
    assert found == {0: 2} | dict.fromkeys(negatives, 0)


def test_a_window_on_both_kinds_of_object_shows_the_sure_one() -> None:
    sure, difficult = torch.tensor([0.7, 0.4, 0.0, 0.0]), torch.tensor([0.9, 0.9, 0.9, 0.3])
    assert without_difficult(sure, difficult, 0.5).tolist() == pytest.approx([0.7, -1, -1, 0])


def test_the_hash_tells_names_shapes_order_and_numbers() -> None:
    array = np.arange(6, dtype=np.float32)
    hashes = [
        data_hash([("a", [array])]),
        data_hash([("b", [array])]),
        data_hash([("a", [array.reshape(2, 3)])]),
        data_hash([("a", [array + 1])]),
        data_hash([("a", [array]), ("b", [array])]),
        data_hash([("b", [array]), ("a", [array])]),
    ]
    assert len(set(hashes)) == len(hashes)
    assert data_hash([("a", [array.copy()])]) == hashes[0]
