"""The parts of the staged pipeline: images, maps, batches, box regression, folding, settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import read_scenes, scene_detector

from spp_ops.detection.boxes import decode_boxes, encode_boxes
from spp_ops.detection.detectors.network import RegionHead
from spp_ops.detection.proposals import propose
from spp_ops.detection.staged import AUTHORS, PAPER, PRESETS, BoxRegression, FineTuning, StagedConfig, SVMs
from spp_ops.detection.staged.batches import Batches
from spp_ops.detection.staged.box_regression import Corrections, fit_boxes, fit_ridge
from spp_ops.detection.staged.cache import MapRows, MapStore
from spp_ops.detection.staged.config import staged_from_data
from spp_ops.detection.staged.folding import fold
from spp_ops.detection.staged.mining import Planes
from spp_ops.detection.staged.samples import TrainingSample, training_samples
from spp_ops.detection.staged.sources import LayerRows
from spp_ops.engine.config import as_data


@pytest.fixture
def images(scenes: Path) -> list[TrainingSample]:
    data = read_scenes(scenes)
    return training_samples(data, propose(data.paths, scene_detector(scenes).proposals), flip=True)


def test_flip_images_have_flipped_windows(images: list[TrainingSample]) -> None:
    upright, flipped = images[:2]
    assert np.array_equal(flipped.pixels(), upright.pixels()[:, ::-1])
    torch.testing.assert_close(flipped.ious, upright.ious)
    x1, y1, x2, y2 = upright.objects[0].int().tolist()
    object_there = upright.pixels()[y1 : y2 + 1, x1 : x2 + 1]
    x1, y1, x2, y2 = flipped.objects[0].int().tolist()
    assert np.array_equal(flipped.pixels()[y1 : y2 + 1, x1 : x2 + 1], object_there)


def test_objects_are_windows_and_none_comes_twice(images: list[TrainingSample]) -> None:
    for one in images:
        assert torch.equal(one.windows[: len(one.objects)], one.objects)
        assert len(one.windows.unique(dim=0)) == len(one.windows)
        for label in range(2):
            assert int(one.is_object(label).sum()) == int((one.labels == label).sum())


def test_stored_maps_give_the_rows_of_the_image(images: list[TrainingSample], scenes: Path, tmp_path: Path) -> None:
    detector = replace(scene_detector(scenes), scales=(96, 64))
    regions = detector.features(detector.build().eval())
    for kind, tolerance in (("float32", 0.0), ("float16", 1e-3)):
        store = MapStore(regions, tmp_path, kind)  # type: ignore[arg-type]
        source = MapRows(store, regions, store.fill(images[:2]))
        for index, one in enumerate(images[:2]):
            with torch.inference_mode():
                expected = regions(one.pixels(), one.windows)
            assert source.size == expected.shape[1]
            torch.testing.assert_close(source.rows(index, one.windows), expected, atol=tolerance, rtol=tolerance)


def test_maps_serve_other_pyramids_and_scales_but_no_other_weights(
    images: list[TrainingSample], scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = replace(scene_detector(scenes), scales=(96, 64))
    torch.manual_seed(0)
    net = detector.build().eval()
    MapStore(detector.features(net), tmp_path).fill(images[:2])
    assert len(list(tmp_path.iterdir())) == 4  # upright and flipped, at two scales
    other = replace(detector, levels=(3,), scales=(64,), inset=2.0)
    with monkeypatch.context() as patch:
        patch.setattr(MapStore, "_compute", None)
        MapStore(other.features(net), tmp_path).fill(images[:2])
    MapStore(replace(detector, longest=90).features(net), tmp_path).fill(images[:1])
    MapStore(detector.features(net), tmp_path, "float32").fill(images[:1])
    MapStore(detector.features(detector.build().eval()), tmp_path).fill(images[:1])
    assert len(list(tmp_path.iterdir())) == 10


def test_damaged_maps_are_named(images: list[TrainingSample], scenes: Path, tmp_path: Path) -> None:
    detector = scene_detector(scenes)
    store = MapStore(detector.features(detector.build().eval()), tmp_path)
    files = store.fill(images[:1])
    files[0][0].write_bytes(files[0][0].read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{files[0][0].name}: not an image's map"):
        store.load(files[0])


class WindowRows:
    """The windows themselves as rows."""

    size = 4

    def rows(self, image: int, windows: torch.Tensor) -> torch.Tensor:
        return windows


def test_batches_have_the_wanted_windows(images: list[TrainingSample]) -> None:
    config = FineTuning(batch_windows=32, batch_images=2, positive_share=0.25)
    batches = Batches(WindowRows(), images, config, seed=1)
    for step in range(3):
        rows, labels = batches[step]
        assert (labels > 0).sum() == 8
        assert 8 < len(labels) <= 32
        again = Batches(WindowRows(), images, config, seed=1)[step]
        assert torch.equal(again[0], rows)
        for row, label in zip(rows, labels, strict=True):
            ious = [one.ious[(one.windows == row).all(dim=1)] for one in images]
            best = torch.cat(ious)
            if label:
                assert (best[:, label - 1] >= 0.5).any()
            else:
                assert ((best.amax(dim=1) >= 0.1) & (best.amax(dim=1) < 0.5)).any()
    assert not torch.equal(Batches(WindowRows(), images, config, seed=2)[0][0], batches[0][0])


def test_all_images_are_used_before_one_is_used_again(images: list[TrainingSample]) -> None:
    seen: list[int] = []

    class Noting(WindowRows):
        def rows(self, image: int, windows: torch.Tensor) -> torch.Tensor:
            seen.append(image)
            return windows

    batches = Batches(Noting(), images, FineTuning(batch_windows=8, batch_images=2), seed=0)
    for step in range(len(images)):
        _ = batches[step]
    first, second = seen[: len(images)], seen[len(images) :]
    assert sorted(first) == sorted(second) == list(range(len(images)))
    assert first != second


@pytest.mark.parametrize("size", [5, 60])  # fewer and more features than rows
def test_ridge_regression_of_whitened_targets(size: int) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(40, size)).astype(np.float32)
    targets = random.normal(size=(40, 4)) @ random.normal(size=(4, 4)) + [1, 2, 3, 4]
    matrix, offset = fit_ridge(rows, targets, 3.0)
    # The normal equations, written out.
    mean = targets.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(targets.T, bias=True))
    root = vectors @ np.diag(np.sqrt(values + 0.001)) @ vectors.T
    constant = np.concatenate([rows, np.ones((40, 1))], axis=1).astype(np.float64)
    normal = constant.T @ constant + 3.0 * np.eye(size + 1)
    solution = np.linalg.solve(normal, constant.T @ (targets - mean) @ np.linalg.inv(root)) @ root
    np.testing.assert_allclose(matrix, solution[:-1].T, atol=2e-4)
    np.testing.assert_allclose(offset, solution[-1] + mean, atol=2e-4)


def test_boxes_are_corrected_toward_the_objects(images: list[TrainingSample]) -> None:
    class Hints(WindowRows):
        """Rows that tell where the object is."""

        def rows(self, image: int, windows: torch.Tensor) -> torch.Tensor:
            one = images[image]
            rows = (one.windows[None] == windows[:, None]).all(dim=2).float().argmax(dim=1)
            return torch.cat([encode_boxes(one.windows, one.nearest_objects(label)) for label in (0,)], dim=1)[rows]

    blue = [one for one in images if (one.labels == 0).any()]
    hints = Hints()
    images = blue
    corrections = fit_boxes(hints, blue, 1.0, BoxRegression(ridge=1e-6))
    for index, one in enumerate(blue[:4]):
        chosen = one.ious[:, 0] >= 0.5
        rows = hints.rows(index, one.windows[chosen])
        found = decode_boxes(one.windows[chosen], rows @ corrections.weight[0].T + corrections.bias[0])
        torch.testing.assert_close(found, one.nearest_objects(0)[chosen], atol=0.2, rtol=0)


def test_windows_for_boxes_are_thinned_evenly(images: list[TrainingSample]) -> None:
    few = fit_boxes(WindowRows(), images, 0.1, BoxRegression(most=10, ridge=1e-3))
    all_ = fit_boxes(WindowRows(), images, 0.1, BoxRegression(ridge=1e-3))
    assert few.weight.isfinite().all()
    assert not torch.allclose(few.weight, all_.weight)


@pytest.mark.parametrize("hidden", [(), (6, 5)])
def test_folding_is_exact(hidden: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    tuned = RegionHead(10, 3, hidden, box_input=None).eval()
    tuned.row_scale.fill_(0.3)
    rows = torch.rand(7, 10) * 50
    above = tuned.trunk(rows * 0.3) if hidden else rows
    planes = Planes(torch.randn(3, above.shape[1]), torch.randn(3), 0.7)
    corrections = Corrections(torch.randn(3, 4, 10), torch.randn(3, 4))
    head = RegionHead(10, 3, hidden, score="margin", box_input="rows")
    fold(head, tuned.row_scale, tuned.trunk.state_dict(), planes, corrections)
    margins, boxes = head.predict(rows)
    torch.testing.assert_close(margins, above * 0.7 @ planes.weight.T + planes.bias)
    assert boxes is not None
    torch.testing.assert_close(
        boxes, torch.einsum("kbd,rd->rkb", corrections.weight, rows) + corrections.bias, rtol=1e-4, atol=1e-4
    )


def test_rows_above_a_layer() -> None:
    torch.manual_seed(0)
    head = RegionHead(4, 2, (6,), box_input=None)
    rows = LayerRows(WindowRows(), torch.tensor(0.5), head.trunk, 6).rows(0, torch.ones(3, 4))
    torch.testing.assert_close(rows, head.trunk.eval()(torch.ones(3, 4) * 0.5))


def test_presets_have_the_settings_of_the_paper_and_of_its_authors() -> None:
    for preset in (PAPER, AUTHORS):
        tuning, svms = preset.tuning, preset.svms
        assert (tuning.batches, tuning.rates) == ((250_000, 50_000), (1e-4, 1e-5))
        assert (tuning.batch_windows, tuning.positive_share, tuning.negative_range) == (128, 0.25, (0.1, 0.5))
        assert (tuning.momentum, tuning.weight_decay, tuning.dropout) == (0.9, 5e-4, 0.5)
        assert (svms.c, svms.positive_weight, svms.bias_multiplier, svms.feature_norm) == (1e-3, 2, 10, 20)
        assert (svms.hard, svms.easy, svms.retrain_after, svms.passes) == (-1.0001, -1.2, 2000, 1)
        assert (svms.positive_iou, svms.negative_iou) == (1.0, 0.3)
        assert preset.boxes is not None
        assert preset.boxes.iou == 0.5
    assert (PAPER.svms.repeats, AUTHORS.svms.repeats) == ("overlapping", "same cells")
    assert PAPER.boxes is not None
    assert AUTHORS.boxes is not None
    assert (PAPER.boxes.ridge, AUTHORS.boxes.ridge) == (1000, 4000)


@pytest.mark.parametrize("preset", [*PRESETS.values(), StagedConfig(boxes=None)])
def test_settings_survive_json(preset: StagedConfig) -> None:
    assert staged_from_data(json.loads(json.dumps(as_data(preset)))) == preset


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FineTuning(batches=(1, 2, 3)), "batches, rates: expected as many"),
        (lambda: FineTuning(negative_range=(0.5, 0.1)), "negative_range: expected 0 <= low"),
        (lambda: FineTuning(batch_windows=2, batch_images=3), "batch_windows: expected at least one an image"),
        (lambda: SVMs(c=0), "c: expected a positive number, got 0"),
        (lambda: SVMs(repeats="some"), "repeats: expected overlapping"),  # type: ignore[arg-type]
        (lambda: SVMs(easy=0.0), "easy: expected a number below hard"),
        (lambda: BoxRegression(ridge=-1), "ridge: expected a positive number"),
        (lambda: StagedConfig(maps="int8"), "maps: expected float16"),  # type: ignore[arg-type]
    ],
)
def test_bad_settings_are_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
