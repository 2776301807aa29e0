"""Selective search and EdgeBoxes: where the boxes lie, their order, their number."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spp_ops.demo.main import sample_image
from spp_ops.detection import selective_search
from spp_ops.detection.proposals import ProposalConfig, edge_boxes, propose
from spp_ops.detection.proposals.color_spaces import Mode
from spp_ops.detection.proposals.edges import edges

pytest.importorskip("cv2")


def shapes_image(width: int = 160, height: int = 120) -> np.ndarray:
    """Three plain rectangles on a noisy background."""
    image = np.random.default_rng(0).integers(90, 110, (height, width, 3)).astype(np.uint8)
    image[20:60, 30:90] = (220, 30, 30)
    image[70:110, 100:150] = (30, 200, 40)
    image[80:100, 10:30] = (20, 40, 220)
    return image


def overlap(boxes: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Intersection over union of inclusive pixel boxes."""
    low = np.maximum(boxes[:, :2], box[:2])
    high = np.minimum(boxes[:, 2:], box[2:])
    inner = (high - low + 1).clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    return inner / (areas + (box[2] - box[0] + 1) * (box[3] - box[1] + 1) - inner)


@pytest.mark.parametrize(("find", "side", "least"), [(selective_search, 160, 0.85), (edge_boxes, 500, 0.8)])
def test_finds_the_shapes(find: Callable[..., np.ndarray], side: int, least: float) -> None:
    boxes = find(shapes_image(), side=side)
    for shape in (30, 20, 89, 59), (100, 70, 149, 109), (10, 80, 29, 99):
        assert overlap(boxes, shape).max() > least


@pytest.mark.parametrize(("width", "height", "side"), [(160, 120, 160), (160, 120, 50), (97, 61, 200), (61, 150, 100)])
@pytest.mark.parametrize("find", [selective_search, edge_boxes])
def test_boxes_are_whole_pixels_inside_the_image(
    find: Callable[..., np.ndarray], width: int, height: int, side: int
) -> None:
    boxes = find(shapes_image(width, height), side=side)
    assert boxes.dtype == np.float32
    assert boxes.ndim == 2
    assert boxes.shape[1] == 4
    assert len(boxes) > 3
    assert (boxes == boxes.round()).all()
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] >= boxes[:, :2]).all()
    assert (boxes[:, 2] < width).all()
    assert (boxes[:, 3] < height).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)


@pytest.mark.parametrize("mode", ["fast", "quality"])
@pytest.mark.parametrize("kind", ["plain shapes", "noise", "photo"])
def test_windows_are_those_of_opencv(kind: str, mode: Mode) -> None:
    """Plain shapes have edges of equal differences, whose order decides which small segments are joined."""
    image = {
        "plain shapes": lambda: (shapes_image() // 40 * 40).astype(np.uint8),
        "noise": lambda: np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8),
        "photo": lambda: np.ascontiguousarray(sample_image()[60:260, 150:450]),
    }[kind]()
    ours = selective_search(image, mode, side=max(image.shape), limit=None)
    theirs = selective_search(image, mode, side=max(image.shape), limit=None, library="opencv")
    assert len(ours) > 3
    np.testing.assert_array_equal(np.unique(ours, axis=0), np.unique(theirs, axis=0))


def test_same_boxes_in_the_same_order_every_time(threads: int) -> None:
    first = selective_search(shapes_image(), side=100)
    for _ in range(3):
        np.testing.assert_array_equal(selective_search(shapes_image(), side=100), first)


def test_opencvs_boxes_are_ordered_by_area() -> None:
    first = selective_search(shapes_image(), side=100, library="opencv")
    areas = (first[:, 2:] - first[:, :2] + 1).prod(axis=1)
    assert (np.diff(areas) <= 0).all()
    np.testing.assert_array_equal(selective_search(shapes_image(), side=100, library="opencv"), first)


def test_the_most_promising_come_first() -> None:
    """A third of the windows has nearly all that the whole image has: regions that were grouped late come early."""
    every = selective_search(shapes_image(), side=160, limit=None)
    some = selective_search(shapes_image(), side=160, limit=len(every) // 3)
    np.testing.assert_array_equal(some, every[: len(some)])
    largest = (every[:, 2:] - every[:, :2] + 1).prod(axis=1).argmax()
    assert largest < len(every) / 10


def test_opencvs_boxes_are_thinned_out_evenly() -> None:
    every = selective_search(shapes_image(), side=160, limit=None, library="opencv")
    some = selective_search(shapes_image(), side=160, limit=7, library="opencv")
    assert len(some) == 7 < len(every)
    np.testing.assert_array_equal(some[[0, -1]], every[[0, -1]])
    rows = {tuple(box) for box in every.tolist()}
    assert all(tuple(box) in rows for box in some.tolist())


def test_quality_mode_finds_more() -> None:
    image = shapes_image(80, 60)
    assert len(selective_search(image, "quality", side=80)) > len(selective_search(image, "fast", side=80))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (20, 400)])
def test_tiny_images_do_not_crash(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    for find in selective_search, edge_boxes:
        boxes = find(image, side=60)
        assert boxes.shape[1] == 4
        assert (boxes[:, 2:] < size[::-1]).all()


def test_best_edge_boxes_come_first_and_again() -> None:
    every = edge_boxes(shapes_image(), side=160, limit=None)
    np.testing.assert_array_equal(edge_boxes(shapes_image(), side=160, limit=9), every[:9])


def test_edges_of_a_disc_point_outwards() -> None:
    y, x = np.mgrid[:80, :80] - 40.0
    disc = np.repeat(((np.hypot(x, y) < 25) * 200).astype(np.uint8)[:, :, None], 3, axis=2)
    strength, angle = edges(disc)
    on_edge = strength > 0.5
    assert 100 < on_edge.sum() < 400  # a circle of 157 pixels, about one pixel wide
    assert np.abs(np.hypot(x, y)[on_edge] - 25).max() < 1.5
    turned = np.abs(angle - np.mod(np.arctan2(y, x), np.pi))[on_edge]
    assert np.minimum(turned, np.pi - turned).max() < 0.15


def test_plain_image_has_no_edge_boxes() -> None:
    assert edge_boxes(np.full((50, 60, 3), 7, np.uint8)).shape == (0, 4)


def test_bad_arguments() -> None:
    image = shapes_image()
    with pytest.raises(ValueError, match="mode: expected 'fast' or 'quality', got 'slow'"):
        selective_search(image, "slow")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="library: expected 'spp_ops' or 'opencv', got 'torch'"):
        selective_search(image, library="torch")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="side: expected at least 1 pixel, got 0"):
        selective_search(image, side=0)
    with pytest.raises(ValueError, match="limit: expected at least 1 window or None, got 0"):
        selective_search(image, limit=0)


def test_images_read_by_other_rules_have_windows_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dark = shapes_image(80, 60)[..., 0].astype(np.uint16) * 16  # 12 bits in 16
    Image.fromarray(dark).save(tmp_path / "a.tif")
    config = ProposalConfig("edge-boxes", limit=20)
    for rules in ("", "stretch", ""):
        monkeypatch.setenv("SPP_OPS_IMAGES", rules)
        propose([tmp_path / "a.tif"], config, cache=tmp_path / "cache", workers=1)
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 2


def test_paths_are_those_of_the_folder_that_a_call_is_made_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        names = [Path(f"{folder}-a.png"), Path(f"{folder}-b.png")]
        for side, name in enumerate(names):
            Image.fromarray(shapes_image(60 + 20 * side, 60)).save(name)
        assert len(propose(names, ProposalConfig(side=60), cache=Path("cache"), workers=2)) == 2
        assert len(list(Path("cache", "proposals").rglob("*.npz"))) == 2
