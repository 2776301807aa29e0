"""Features of any layer, SVMs on them, and the data protocols of the paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from shape_images import write_shape_voc
from small_networks import small_net

import spp_ops
from spp_ops.classification.augmentation import resize_shorter
from spp_ops.classification.transfer import LayerFeatures, LinearSVMs, extract, random_split, tags_of
from spp_ops.classification.transfer_tasks import Setting, random_splits, train_and_val, voc
from spp_ops.datasets.folders import read_folders

NET = small_net(3, hidden=(5, 4))
IMAGE = torch.randint(0, 256, (3, 60, 90), dtype=torch.uint8)


@pytest.mark.parametrize(("layer", "length"), [("spp", 80), ("level6", 288), ("fc6", 5), ("fc7", 4), ("fc8", 3)])
def test_features_have_norm_one_and_one_length_at_any_size(layer: str, length: int) -> None:
    for view in ("full", "crop"):
        for size in (40, 64):
            row = LayerFeatures(NET, layer, view, size)(IMAGE)  # type: ignore[arg-type]
            assert row.shape == (length,)
            assert float(row.norm()) == pytest.approx(1, abs=1e-5)


def test_a_level_is_the_maps_pooled_to_so_many_bins() -> None:
    pixels = NET.normalization(resize_shorter(IMAGE, 48).float())[None]
    expected = spp_ops.spatial_pyramid_pool(NET.backbone(pixels), (4,))[0]
    row = LayerFeatures(NET, "level4", "full", 48)(IMAGE)
    torch.testing.assert_close(row, expected / expected.norm())


def test_a_convolution_layer_has_features_of_crops_only() -> None:
    assert LayerFeatures(NET, "conv", "crop", 40)(IMAGE).shape == (8 * 9 * 9,)
    with pytest.raises(ValueError, match="layer: expected one above a pooling for full views"):
        LayerFeatures(NET, "conv", "full", 40)
    with pytest.raises(ValueError, match=r"layer: expected level1, level2, \.\.\. or one of .*spp, .*got 'fc9'"):
        LayerFeatures(NET, "fc9")
    with pytest.raises(ValueError, match=r"size: expected at least \d+ pixels, got 1"):
        LayerFeatures(NET, "spp", "full", 1)


def test_svms_leave_out_what_does_not_count() -> None:
    rows = np.array([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [1, 0]], dtype=np.float32)
    tags = np.array([[1], [1], [-1], [-1], [0]], dtype=np.int8)
    svms = LinearSVMs(("a",), c=10)
    decisions = svms.decide(rows, tags, rows)
    np.testing.assert_array_equal(decisions, svms.decide(rows[:4], tags[:4], rows))
    assert (decisions[:2] > 0).all()
    assert (decisions[2:4] < 0).all()
    with pytest.raises(ValueError, match="expected images with and without a to train on"):
        svms.decide(rows[:2], tags[:2], rows)


def test_random_splits_are_disjoint_and_of_the_wanted_sizes() -> None:
    labels = np.repeat([0, 1, 2], [5, 20, 40])
    train, test = random_split(labels, 4, 10, np.random.default_rng(0))
    assert not set(train) & set(test)
    assert np.bincount(labels[train]).tolist() == [4, 4, 4]
    assert np.bincount(labels[test]).tolist() == [1, 10, 10]
    with pytest.raises(ValueError, match="train_per_class: expected fewer than the 5 images of class 0, got 5"):
        random_split(labels, 5, 10, np.random.default_rng(0))


def test_one_vs_rest_tags() -> None:
    assert tags_of(np.array([1, 0]), 3).tolist() == [[-1, 1, -1], [1, -1, -1]]


def test_folders(images: Path) -> None:
    setting = Setting(LayerFeatures(NET, "spp", "full", 48), c=100.0)
    fixed = train_and_val(setting, images)
    train, val = read_folders(images / "train"), read_folders(images / "val")
    decisions = LinearSVMs(train.classes, 100.0).decide(
        extract(setting.features, train.paths), tags_of(np.array(train.labels), 2), extract(setting.features, val.paths)
    )
    right = decisions.argmax(axis=1) == np.array(val.labels)
    assert fixed["mean_class_accuracy_percent"] == pytest.approx(100 * right.mean())  # classes are of one size

    results = random_splits(setting, images, (4, 10, 6))
    assert len(results["accuracies_percent"]) == 4
    assert results["mean_class_accuracy_percent"] == pytest.approx(np.mean(results["accuracies_percent"]))
    assert results == random_splits(setting, images, (4, 10, 6))


def test_voc_results_are_better_than_chance(tmp_path: Path) -> None:
    write_shape_voc(tmp_path, images={"trainval": 60, "test": 30}, shapes=("bar", "triangle"), seed=2)
    results = voc(Setting(LayerFeatures(NET, "spp", "full", 64), c=100.0), tmp_path, ("trainval", "test"))
    assert set(results["ap_11_point_percent"]) == {"bar", "triangle"}
    assert results["mean_ap_area_percent"] > 60  # 40 % of the images show a class
