"""Every kind of image becomes 8-bit RGB, or a clear error that names the file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spp_ops.datasets import IMAGENET_NORMALIZATION, PAPER_NORMALIZATION, ImageError, load_image, to_tensor
from spp_ops.datasets.image import Normalization


def gradient(height: int = 6, width: int = 8) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 20, columns * 20, rows * 10 + 50], axis=2).astype(np.uint8)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_rgb_file_array_and_pillow_image_agree(tmp_path: Path) -> None:
    pixels = gradient()
    path = save(tmp_path / "a.png", Image.fromarray(pixels))
    for source in (path, str(path), pixels, Image.fromarray(pixels), Image.open(path)):
        loaded = load_image(source)
        assert loaded.dtype == np.uint8
        np.testing.assert_array_equal(loaded, pixels)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "I;16", "I"])
def test_modes(mode: str, tmp_path: Path) -> None:
    gray = np.full((4, 5), 200, np.uint8)
    if mode == "I;16":
        image = Image.fromarray((gray.astype(np.uint16) << 8) + 17)
    elif mode == "I":
        image = Image.fromarray((gray.astype(np.int32) << 8) + 17)
    else:
        image = Image.fromarray(gray).convert("RGB").convert(mode, dither=Image.Dither.NONE)
    path = save(tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr", "I") else "a.png"), image)
    expected = 255 if mode == "1" else 200
    loaded = load_image(path)
    assert loaded.shape == (4, 5, 3)
    assert abs(loaded.astype(int) - expected).max() <= 4


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.new("RGB", (16, 16), (250, 20, 30)).convert("CMYK"), quality=95)
    assert abs(load_image(path).astype(int) - (250, 20, 30)).max() <= 8


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (3, 2), (10, 20, 30, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    loaded = load_image(save(tmp_path / "a.png", image))
    assert loaded[0, 0].tolist() == [255, 255, 255]
    assert loaded[0, 1].tolist() == [10, 20, 30]


def test_exif_rotation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter, clockwise
    path = save(tmp_path / "a.png", Image.fromarray(gradient()), exif=exif)
    np.testing.assert_array_equal(load_image(path), np.rot90(gradient(), -1))


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


def test_one_pixel(tmp_path: Path) -> None:
    assert load_image(save(tmp_path / "a.png", Image.new("L", (1, 1), 7))).tolist() == [[[7, 7, 7]]]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.jpg", Image.fromarray(gradient(64, 64))).read_bytes()
    damaged = {
        "empty.jpg": b"",
        "text.png": b"hello",
        "cut.jpg": whole[: len(whole) // 2],
        "header.png": b"\x89PNG\r\n\x1a\n" + bytes(40),
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError, match=f"cannot read image .*{name}: ."):
            load_image(tmp_path / name)


def test_absent_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.jpg", tmp_path):
        with pytest.raises(FileNotFoundError, match="no image file at"):
            load_image(path)


def test_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "large.png", Image.new("L", (100, 100)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError, match=r"cannot read image .*large\.png: .*10000 pixels"):
        load_image(path)


def test_pixels_without_a_range_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", Image.fromarray(np.ones((2, 2), np.float32)))
    with pytest.raises(ImageError, match=r"a\.tif: floating-point pixels"):
        load_image(path)


@pytest.mark.parametrize("array", [np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3)), np.zeros((0, 2, 3), np.uint8)])
def test_bad_arrays(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match="image: expected uint8"):
        load_image(array)
    with pytest.raises(TypeError, match="image: expected a path, a Pillow image or an array, got int"):
        load_image(3)  # type: ignore[arg-type]


def test_normalized_tensor() -> None:
    pixels = gradient()
    tensor = to_tensor(pixels)
    assert tensor.shape == (1, 3, 6, 8)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    red, green, blue = (torch.from_numpy(pixels[..., c].astype(np.float32)) for c in range(3))
    torch.testing.assert_close(PAPER_NORMALIZATION(tensor)[0], torch.stack([blue, green, red]) - 128)
    imagenet = IMAGENET_NORMALIZATION(tensor)[0]
    torch.testing.assert_close(imagenet[0], (red / 255 - 0.485) / 0.229)
    torch.testing.assert_close(imagenet[2], (blue / 255 - 0.406) / 0.225)


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 3, 4, 6), (1, 3, 1, 1), (2, 3, 0, 4)])
@pytest.mark.parametrize("bgr", [False, True])
def test_normalization_is_the_same_in_both_memory_formats(shape: tuple[int, ...], bgr: bool) -> None:
    normalization = Normalization((120.0, 110.0, 100.0), (50.0, 60.0, 70.0), bgr)
    planes = torch.rand(shape) * 255
    pixels = planes.movedim(-3, -1).contiguous().movedim(-1, -3)  # channels-last
    expected = torch.stack(
        [(planes[..., c, :, :] - m) / s for c, m, s in ((0, 120, 50), (1, 110, 60), (2, 100, 70))], -3
    )
    expected = expected.flip(-3) if bgr else expected
    for given in (planes, pixels):
        assert torch.equal(normalization(given), expected)
    if not bgr:
        assert normalization(pixels).movedim(-3, -1).is_contiguous()
