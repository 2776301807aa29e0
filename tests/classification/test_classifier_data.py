"""Images with classes: what is read, what is done about bad ones, and what an epoch makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from shape_images import write_shape_folders, write_shape_voc
from torch.utils.data import DataLoader

from spp_ops.classification.augmentation import POSITIONS, crop_window, resize_shorter
from spp_ops.classification.config import TrainingConfig
from spp_ops.classification.data import TrainingImages, epoch_size
from spp_ops.datasets.folders import read_folders
from spp_ops.datasets.formats.voc_classification import read_voc_classification
from spp_ops.datasets.image import ImageError

CONFIG = TrainingConfig(batch_size=8, sizes=(48, 32))


@pytest.fixture
def odd_images(tmp_path: Path) -> Path:
    """Images of unusual kinds, all of which can be read, in two classes."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    Image.new("L", (40, 30), 7).save(tmp_path / "a" / "gray.png")
    Image.new("CMYK", (30, 40), (9, 9, 9, 9)).save(tmp_path / "a" / "cmyk.jpg")
    Image.fromarray(np.full((20, 20), 40000, dtype=np.uint16)).save(tmp_path / "a" / "sixteen_bit.png")
    Image.new("RGB", (1, 1)).save(tmp_path / "b" / "one_pixel.png")
    Image.new("RGB", (2500, 1)).save(tmp_path / "b" / "thin.png")
    Image.new("RGB", (3000, 2500)).save(tmp_path / "b" / "huge.png")
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    (tmp_path / "a" / ".hidden.png").write_text("nor this")
    return tmp_path


def test_folders_are_classes_in_order_of_their_names(odd_images: Path) -> None:
    images = read_folders(odd_images)
    assert images.classes == ("a", "b")
    assert [path.name for path in images.paths][:3] == ["cmyk.jpg", "gray.png", "sixteen_bit.png"]
    assert images.labels == (0, 0, 0, 1, 1, 1)


def test_every_kind_of_image_passes_through_an_epoch(odd_images: Path) -> None:
    data = TrainingImages(read_folders(odd_images), CONFIG)
    for inputs, labels in DataLoader(data, batch_size=3):
        assert inputs.shape == (3, 3, 48, 48)
        assert inputs.dtype == torch.uint8
        assert labels.shape == (3,)


def test_bad_images_are_refused_by_name_or_skipped_with_a_notice(odd_images: Path) -> None:
    (odd_images / "a" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (odd_images / "b" / "empty.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"2 of 8 images can't be used: .*broken\.jpg.*empty\.png"):
        read_folders(odd_images)
    notices: list[str] = []
    images = read_folders(odd_images, on_bad="skip", notice=notices.append)
    assert len(images) == 6
    assert "1 file left out, as its name does not end as images' do, at: " in notices[0]
    assert notices[0].endswith("notes.txt")
    assert "broken.jpg" in notices[1]
    assert notices[2].endswith("empty.png: the file is empty")
    assert len(notices) == 3


def test_empty_classes_are_refused_by_name_or_skipped_with_a_notice(odd_images: Path) -> None:
    (odd_images / "c").mkdir()
    with pytest.raises(ValueError, match=r"expected images in every class, found none in c$"):
        read_folders(odd_images)
    notices: list[str] = []
    assert read_folders(odd_images, on_bad="skip", notice=notices.append).classes == ("a", "b")
    assert notices[1:] == [f"skipped: class c of {odd_images} has no images"]


def test_classes_of_a_network_are_kept_in_their_order(odd_images: Path) -> None:
    images = read_folders(odd_images, classes=("b", "z", "a"))
    assert images.classes == ("b", "z", "a")
    assert images.labels == (2, 2, 2, 0, 0, 0)
    with pytest.raises(ValueError, match=r"the classes are a; found also b$"):
        read_folders(odd_images, classes=("a",))


def test_missing_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder of classes at"):
        read_folders(tmp_path / "nothing")
    with pytest.raises(ValueError, match="expected a folder for each class, found none"):
        read_folders(tmp_path)


def test_voc_lists(tmp_path: Path) -> None:
    write_shape_voc(tmp_path, images={"trainval": 6, "test": 3}, shapes=("bar", "disc"))
    path = tmp_path / "ImageSets" / "Main" / "disc_trainval.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0].rpartition(" ")[0] + " 0", *lines[1:]]))
    data = read_voc_classification(tmp_path, "trainval")
    assert data.classes == ("bar", "disc")
    assert data.tags.shape == (6, 2)
    assert data.tags[0, 1] == 0
    assert [int(line.split()[1]) for line in lines[1:]] == data.tags[1:, 1].tolist()


def test_voc_classes_from_annotations(tmp_path: Path) -> None:
    write_shape_voc(tmp_path, images={"test": 2}, shapes=("bar",))
    (tmp_path / "ImageSets" / "Main" / "bar_test.txt").unlink()
    (tmp_path / "Annotations").mkdir()
    objects = "<object><name>cat</name><difficult>1</difficult></object><object><name>dog</name></object>"
    (tmp_path / "Annotations" / "test_000.xml").write_text(f"<annotation>{objects}</annotation>")
    (tmp_path / "Annotations" / "test_001.xml").write_text(f"<annotation>{objects.replace('1', '0')}</annotation>")
    data = read_voc_classification(tmp_path, "test")
    assert data.classes == ("cat", "dog")
    assert data.tags.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("test_000 2", "expected an image's name and -1, 0 or 1"), ("test_001 1", "found none for test_000")],
)
def test_wrong_voc_lists_are_named(tmp_path: Path, line: str, complaint: str) -> None:
    write_shape_voc(tmp_path, images={"test": 1}, shapes=("bar",))
    (tmp_path / "ImageSets" / "Main" / "bar_test.txt").write_text(line)
    with pytest.raises(ValueError, match=complaint):
        read_voc_classification(tmp_path, "test")


def test_generated_images_follow_from_the_seed_and_vary_in_size(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        write_shape_folders(tmp_path / name, images={"train": 4}, seed=seed)
    one, two, three = (read_folders(tmp_path / name / "train") for name in ("one", "two", "three"))
    assert [path.read_bytes() for path in one.paths] == [path.read_bytes() for path in two.paths]
    assert [path.read_bytes() for path in one.paths] != [path.read_bytes() for path in three.paths]
    assert len({Image.open(path).size for path in one.paths}) > 10


def test_crops_are_at_the_papers_places() -> None:
    windows = [crop_window(256, 320, position) for position in range(len(POSITIONS))]
    assert windows == [(16, 48, 224), (0, 0, 224), (0, 96, 224), (32, 0, 224), (32, 96, 224)]


def test_resizing_keeps_the_aspect_and_bounds_the_length() -> None:
    assert resize_shorter(torch.zeros(3, 100, 150), 50).shape == (3, 50, 75)
    assert resize_shorter(torch.zeros(3, 1, 10_000), 50).shape == (3, 50, 400)


def test_images_follow_from_seed_and_epoch_alone(shapes: Path) -> None:
    images = read_folders(shapes / "train")
    data, other = TrainingImages(images, CONFIG), TrainingImages(images, CONFIG)
    data.begin_epoch(2)
    first = [data[row][0] for row in range(len(data))]
    torch.manual_seed(99)
    other.begin_epoch(2)
    assert all(torch.equal(other[row][0], first[row]) for row in reversed(range(len(other))))
    other.begin_epoch(4)  # of the same size
    assert not any(torch.equal(other[row][0], first[row]) for row in range(len(other)))


def test_reading_a_image_leaves_torchs_random_numbers_alone(shapes: Path) -> None:
    data = TrainingImages(read_folders(shapes / "train"), CONFIG)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    _ = data[0]
    assert torch.equal(torch.rand(3), expected)


def test_augmentation_crops_flips_and_shifts_colors(shapes: Path) -> None:
    images = read_folders(shapes / "train").subset([0])
    plain = TrainingImages(images, TrainingConfig(sizes=(32,), color_shift=0.0))
    shifted = TrainingImages(images, TrainingConfig(sizes=(32,), color_shift=0.3))
    kinds, means = set(), set()
    for epoch in range(60):
        plain.begin_epoch(epoch)
        shifted.begin_epoch(epoch)
        kinds.add(plain[0][0].numpy().tobytes())
        means.add(round(float(shifted[0][0].float().mean()), 3))
    assert len(kinds) == 2 * len(POSITIONS)
    assert len(means) > 50


def test_sizes_alternate_by_epoch_or_are_drawn_from_the_range() -> None:
    assert [epoch_size(CONFIG, epoch) for epoch in range(4)] == [48, 32, 48, 32]
    drawn = [epoch_size(TrainingConfig(sizes=(180, 224), size_rule="random"), epoch) for epoch in range(300)]
    assert min(drawn) == 180
    assert max(drawn) == 224
    assert len(set(drawn)) > 35
