"""The generated detection set: what is in it, that splits share nothing, and that it comes out the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spp_ops.datasets.formats.voc import read_voc_detection
from spp_ops.datasets.image import load_image
from spp_ops.demo.digit_scenes import HEIGHTS, MOST, Scene, Sources, draw_digit, draw_scene
from spp_ops.demo.digits import digit_sources, write_digit_voc


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digit_voc(tmp_path_factory.mktemp("digits"), images={"train": 30, "test": 10})


@pytest.fixture(scope="module")
def sources() -> list[Sources]:
    return digit_sources([20, 10], seed=0)


def test_the_reader_finds_nothing_wrong(digits: Path) -> None:
    for split, count in (("train", 30), ("test", 10)):
        images = read_voc_detection(digits, split, classes=tuple("0123456789"))
        assert len(images) == count
        for path, objects in zip(images.paths, images.objects, strict=True):
            height, width, _ = load_image(path).shape
            assert 160 <= min(height, width) <= max(height, width) <= 320
            assert 1 <= len(objects) <= MOST


def test_digits_come_in_all_classes_and_many_sizes(digits: Path) -> None:
    images = read_voc_detection(digits, "train")
    assert images.classes == tuple("0123456789")
    boxes = np.concatenate([objects.boxes for objects in images.objects])
    heights = boxes[:, 3] - boxes[:, 1] + 1
    assert 0.6 * HEIGHTS[0] < heights.min() < 24  # strokes that end faintly are trimmed
    assert 100 < heights.max() < 1.3 * HEIGHTS[1]


def test_boxes_do_not_overlap(digits: Path) -> None:
    for objects in read_voc_detection(digits, "train").objects:
        covered = np.zeros((320, 320), np.int64)
        for x1, y1, x2, y2 in objects.boxes.astype(int):
            covered[y1 : y2 + 1, x1 : x2 + 1] += 1
        assert covered.max() == 1


def test_one_split_alone_is_the_same_as_among_all(digits: Path, tmp_path: Path) -> None:
    root = write_digit_voc(tmp_path, images={"train": 30, "test": 10}, only="test")
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    assert len(files) == 10 + 10 + 1
    assert all((root / file).read_bytes() == (digits / file).read_bytes() for file in files)
    with pytest.raises(ValueError, match="only: expected one of train, test, got 'val'"):
        write_digit_voc(tmp_path, images={"train": 30, "test": 10}, only="val")


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    contents = []
    for name, seed, count in (("a", 3, 2), ("b", 3, 2), ("c", 4, 2)):
        root = write_digit_voc(tmp_path / name, images={"train": count, "test": 1}, seed=seed)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        contents.append({path.relative_to(root): path.read_bytes() for path in files})
    assert len(contents[0]) == 8
    assert contents[0] == contents[1]
    assert contents[0].keys() == contents[2].keys()
    assert contents[0] != contents[2]


def test_splits_share_no_digit_and_no_part_of_a_photo(sources: list[Sources]) -> None:
    train, test = sources
    for name in "0123456789":
        seen = {digit.tobytes() for digit in train.digits[name]}
        held_out = {digit.tobytes() for digit in test.digits[name]}
        assert len(seen) > len(held_out) > 40
        assert not seen & held_out
    for first, second in zip(train.photos, test.photos, strict=True):
        assert first.shape[0] + second.shape[0] == 427
        assert not np.shares_memory(first, second)


def test_boxes_are_tight_about_the_ink(sources: list[Sources]) -> None:
    gray = np.full((300, 300, 3), 128, np.uint8)
    for seed in range(10):
        scene = draw_scene(Sources(sources[0].digits, [gray]), (200, 200), np.random.default_rng(seed))
        ground = np.median(scene.pixels, axis=(0, 1))
        ink = np.abs(scene.pixels - ground).max(axis=2) > 12
        inside = np.zeros_like(ink)
        for x1, y1, x2, y2 in scene.boxes.astype(int):
            inside[y1 : y2 + 1, x1 : x2 + 1] = True
            part = ink[y1 : y2 + 1, x1 : x2 + 1]
            assert all(edge.any() for edge in (part[0], part[-1], part[:, 0], part[:, -1]))
        strays = ink & ~inside
        assert strays.sum() < 0.02 * ink.sum() + 12  # the faint outer edge of strokes


@pytest.mark.parametrize("height", [HEIGHTS[0], 50, HEIGHTS[1]])
def test_a_digit_has_about_the_height_asked_for(sources: list[Sources], height: int) -> None:
    random = np.random.default_rng(0)
    shades = [draw_digit(digit, height, random) for digits in sources[0].digits.values() for digit in digits[:5]]
    assert all(shade.min() >= 0 and shade.max() == 1 for shade in shades)
    assert np.median([len(shade) for shade in shades]) == pytest.approx(height, rel=0.2)


def test_small_images_have_digits_too(sources: list[Sources]) -> None:
    scenes: list[Scene] = [draw_scene(sources[1], (40, 40), np.random.default_rng(seed)) for seed in range(20)]
    assert all(len(scene.names) == len(scene.boxes) >= 1 for scene in scenes)
    assert all(scene.boxes.shape[1:] == (4,) for scene in scenes)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"images": {"train": 0}}, "images: expected at least 1 in every split, got {'train': 0}"),
        ({"images": {}}, "images: expected at least 1"),
        ({"sides": (300, 200)}, r"sides: expected a range .*got \(300, 200\)"),
        ({"sides": (10, 200)}, "sides: expected a range that starts at 40"),
    ],
)
def test_bad_arguments(tmp_path: Path, options: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        write_digit_voc(tmp_path, **options)
