"""The windows that joint training draws: how many, of what overlap, and from which random numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import WINDOWS, read_scenes

from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.detection.boxes import box_iou, decode_boxes, flip_boxes
from spp_ops.detection.joint.anchors import fit_proposer
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.samples import TrainingSamples
from spp_ops.detection.losses import hardest, window_losses
from spp_ops.detection.sampling import draw_training_windows, shifted_copies

CONFIG = JointConfig(windows_per_image=32, scales=(96, 80), seed=3)


def samples(scenes: Path, config: JointConfig = CONFIG, images: DetectionImages | None = None) -> TrainingSamples:
    images = images or read_scenes(scenes)
    with np.load(scenes / WINDOWS) as windows:
        return TrainingSamples(images, [windows[name] for name in images.names], config)


def test_a_sample_follows_from_seed_epoch_and_row_alone(scenes: Path) -> None:
    data, again = samples(scenes), samples(scenes)
    for _ in range(3):
        data[1]
    torch.manual_seed(99)
    for one, two in zip(data[4], again[4], strict=True):
        assert torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two
    again.begin_epoch(1)
    assert not torch.equal(data[4].windows, again[4].windows)
    other = samples(scenes, replace(CONFIG, seed=4))
    assert not torch.equal(data[4].windows, other[4].windows)


def test_samples_use_all_scales_and_both_directions(scenes: Path) -> None:
    data, plain = samples(scenes), samples(scenes, replace(CONFIG, flip=False))
    scales, flipped = set(), set()
    for epoch in range(6):
        data.begin_epoch(epoch)
        sample = data[0]
        scales.add(sample.scale)
        flipped.add(torch.equal(sample.pixels, plain[0].pixels.flip(1)))
        assert flipped <= {True, False}
        assert flipped or torch.equal(sample.pixels, plain[0].pixels)
    assert (scales, flipped) == ({0, 1}, {True, False})


@pytest.mark.parametrize("epoch", range(4))  # flipped in some
def test_targets_take_positives_to_their_objects(scenes: Path, epoch: int) -> None:
    images = read_scenes(scenes)
    data = samples(scenes)
    data.begin_epoch(epoch)
    for row in range(len(images)):
        sample = data[row]
        objects = images.objects[row]
        boxes = torch.from_numpy(objects.boxes)
        if not torch.equal(sample.pixels, torch.from_numpy(data._load(row))):
            boxes = flip_boxes(boxes, sample.pixels.shape[1])
        iou = box_iou(sample.windows, boxes)
        positive = sample.labels > 0
        assert positive.any()
        assert positive.sum() <= 8
        assert len(sample.windows) == 32
        assert (iou.amax(dim=1) >= 0.5).equal(positive)
        corrected = decode_boxes(sample.windows[positive], sample.targets[positive])
        nearest = iou[positive].argmax(dim=1)
        torch.testing.assert_close(corrected, boxes[nearest], rtol=0, atol=1e-3)
        assert sample.labels[positive].equal(torch.from_numpy(objects.labels)[nearest] + 1)
        assert (sample.targets[~positive] == 0).all()


def test_windows_on_difficult_objects_are_not_drawn() -> None:
    objects = torch.tensor([[0.0, 0, 9, 9], [50, 50, 59, 59]])
    windows = torch.tensor([[0.0, 0, 9, 9], [50, 50, 59, 58], [80, 80, 89, 89]])
    generator = torch.Generator().manual_seed(0)
    config = replace(CONFIG, windows_per_image=8)
    drawn = draw_training_windows(windows, objects[:1], torch.tensor([2]), objects[1:], config, generator)
    assert drawn.windows.tolist() == [windows[0].tolist(), windows[2].tolist()]
    assert drawn.labels.tolist() == [3, 0]
    both = draw_training_windows(windows, objects, torch.tensor([2, 0]), objects[:0], config, generator)
    assert sorted(both.labels.tolist()) == [0, 1, 3]


def test_images_without_objects_give_background(scenes: Path) -> None:
    images = read_scenes(scenes)
    empty = replace(images, objects=(Objects.none(), *images.objects[1:]))
    sample = samples(scenes, images=empty)[0]
    assert len(sample.windows) == 32
    assert not sample.labels.any()
    assert not sample.targets.any()


def test_a_image_without_any_window_gives_none(scenes: Path) -> None:
    images = replace(read_scenes(scenes), objects=tuple(Objects.none() for _ in range(7)))
    sample = TrainingSamples(images, [np.zeros((0, 4), np.float32)] * 7, CONFIG)[0]
    assert sample.windows.shape == (0, 4)
    assert sample.labels.shape == (0,)


def test_copies_of_objects_stay_near_them_and_inside() -> None:
    boxes = torch.tensor([[10.0, 10, 29, 49], [0, 0, 0, 0], [60, 60, 63, 63]])
    config = replace(CONFIG, object_copies=50, object_shift=0.15)
    copies = shifted_copies(boxes, config, 64, 64, torch.Generator().manual_seed(1))
    assert copies.shape == (150, 4)
    assert (copies[:, :2] <= copies[:, 2:]).all()
    assert copies.min() >= 0
    assert copies.max() <= 63
    assert box_iou(copies[::3], boxes[:1]).min() > 0.4
    assert box_iou(copies[::3], boxes[:1]).max() < 1


def test_losses_are_of_the_right_class_and_of_positives_only() -> None:
    scores = torch.tensor([[2.0, 0, 0], [0, 1, 0], [0, 0, 3]])
    labels = torch.tensor([0, 2, 2])
    corrections = torch.zeros(3, 2, 4, requires_grad=True)
    targets = torch.tensor([[9.0] * 4, [0.5, 0, 0, 0], [0, 3, 0, 0]])
    losses = window_losses(scores, corrections, labels, targets)
    torch.testing.assert_close(losses.classes, -scores.log_softmax(dim=1)[torch.arange(3), labels])
    assert losses.boxes.tolist() == [0, 0.5 * 0.5**2, 3 - 0.5]
    losses.boxes.sum().backward()
    assert corrections.grad is not None
    assert corrections.grad.nonzero().tolist() == [[1, 1, 0], [2, 1, 1]]
    assert window_losses(scores, None, labels, targets).boxes.tolist() == [0, 0, 0]


def test_the_hardest_windows_are_chosen_image_by_image() -> None:
    total = torch.tensor([0.1, 0.9, 0.5, 7, 8, 9, 3])
    assert sorted(hardest(total, [3, 4], 0.5).tolist()) == [1, 2, 4, 5]
    assert sorted(hardest(total, [3, 0, 4], 0.1).tolist()) == [1, 5]
    assert sorted(hardest(total, [7], 1.0).tolist()) == list(range(7))


def test_objects_are_learned_at_the_scales_that_suit_them(scenes: Path) -> None:
    images = read_scenes(scenes)
    config = replace(CONFIG, scales=(80,), object_sizes=(25.0, math.inf), flip=False)
    data = TrainingSamples(images, None, config)
    counted = 0
    for row, objects in enumerate(images.objects):
        sample = data[row]
        assert sample.shown is not None
        factor = 80 / min(sample.pixels.shape[:2])
        boxes = torch.from_numpy(objects.boxes)
        sizes = (boxes[:, 2:] - boxes[:, :2] + 1).prod(dim=1).sqrt() * factor
        assert torch.equal(sample.shown.boxes, boxes[sizes >= 25])
        assert torch.equal(sample.shown.difficult, boxes[sizes < 25])
        counted += len(sample.shown.difficult)
    assert counted > 0
    every = fit_proposer(images, (80,), 4000).sizes
    assert min(fit_proposer(images, (80,), 4000, (25.0, math.inf)).sizes) > min(every)
    with pytest.raises(ValueError, match="images: expected objects that are not difficult"):
        fit_proposer(images, (80,), 4000, (1000.0, math.inf))
    with pytest.raises(ValueError, match="object_sizes: expected two sizes in order"):
        replace(CONFIG, object_sizes=(5.0, 5.0))
