"""Image files as cameras and tools write them: metadata never costs the pixels, and what can't be read is named."""

from __future__ import annotations

import io
import struct
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from format_files import write_image
from PIL import ExifTags, Image

from spp_ops.datasets import ImageError, ImageRules, load_image, read_folders
from spp_ops.datasets.decoding import DARK, STRETCHED, TRUNCATED, VARIABLE, WIDE, decode, load_plugins
from spp_ops.datasets.image_files import image_endings


@pytest.fixture(autouse=True)
def plain_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")


def exif_block(*entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block of entries (tag, type, count, four bytes of value), as they are."""
    rows = b"".join(struct.pack(">HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    head = b"MM\x00*" + struct.pack(">I", 8) + struct.pack(">H", len(entries))
    return b"Exif\x00\x00" + head + rows + bytes(4) + struct.pack(">II", 72, 1)


ORIENTATION = (ExifTags.Base.Orientation, 3, 1, b"\x00\x06\x00\x00")
OFFSET = struct.pack(">I", 8 + 2 + 2 * 12 + 4)  # of the rational behind two entries
BLOCKS = {
    "software as a rational": exif_block(ORIENTATION, (ExifTags.Base.Software, 5, 1, OFFSET)),
    "resolution as a text": exif_block(ORIENTATION, (ExifTags.Base.XResolution, 2, 3, b"72\x00\x00")),
    "software as a double": exif_block(ORIENTATION, (ExifTags.Base.Software, 12, 1, OFFSET)),
    "resolution as bytes": exif_block(ORIENTATION, (ExifTags.Base.XResolution, 7, 3, b"a\x00\x00\x00")),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_damaged_exif_turns_as_far_as_it_can_be_read(tmp_path: Path, name: str) -> None:
    plain = load_image(write_image(tmp_path / "same.jpg"))
    path = tmp_path / "damaged.jpg"
    content = (tmp_path / "same.jpg").read_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(BLOCKS[name]) + 2) + BLOCKS[name]
    path.write_bytes(content[:2] + segment + content[2:])
    np.testing.assert_array_equal(load_image(path), np.rot90(plain, -1))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_exif_never_costs_the_pixels(tmp_path: Path) -> None:
    shape = load_image(write_image(tmp_path / "same.jpg", (16, 12))).shape
    content = (tmp_path / "same.jpg").read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "damaged.jpg"
    tags = [tag.value for tag in ExifTags.Base] + [34665, 34853]
    for _ in range(300):
        entries = [
            (int(random.choice(tags)), int(random.integers(0, 14)), int(random.integers(0, 5)), random.bytes(4))
            for _ in range(random.integers(1, 6))
        ]
        block = exif_block(ORIENTATION, *entries)[: random.integers(20, 200)]
        path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:])
        assert sorted(load_image(path).shape) == sorted(shape)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = np.arange(72, dtype=np.uint8).reshape(4, 6, 3) * 3
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    turns = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels),
    }
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), turns[orientation])


@pytest.mark.parametrize("ending", ["avif", "webp", "png", "tif", "gif", "bmp", "jp2", "ico"])
def test_damaged_files_are_named_whatever_their_decoder_raises(tmp_path: Path, ending: str) -> None:
    if f".{ending}" not in image_endings():
        pytest.skip(f"Pillow without {ending}")
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(buffer, {"tif": "tiff", "jp2": "jpeg2000"}.get(ending, ending))
    random = np.random.default_rng(1)
    path = tmp_path / f"a.{ending}"
    for _ in range(60):
        content = bytearray(buffer.getvalue())
        for place in random.integers(0, len(content), 6):
            content[place] = random.integers(256)
        path.write_bytes(content)
        try:
            assert load_image(path).ndim == 3
        except ImageError as error:
            assert f"a.{ending}" in str(error)  # noqa: PT017


OTHERS = {
    b"": "the file is empty",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n": "a pointer of Git LFS, not the image itself",
    b"<!DOCTYPE html><html>": "a web page, not an image",
    b"\0\0\0\x18ftypheic\0\0\0\0": "a HEIC image, which takes another package (pip install pillow-heif)",
    b"hello": "unknown format or damaged header",
}


@pytest.mark.parametrize("content", OTHERS)
def test_what_is_no_image_is_told(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spp_ops.datasets.decoding.load_plugins", lambda: None)
    (tmp_path / "a.jpg").write_bytes(content)
    if b"heic" in content and ".heic" in image_endings():
        pytest.skip("HEIC can be read here")
    with pytest.raises(ImageError, match=r"cannot read image .*a\.jpg: ") as refused:
        load_image(tmp_path / "a.jpg")
    assert str(refused.value).endswith(OTHERS[content]) or OTHERS[content] in str(refused.value)


@pytest.fixture
def heic_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A stand-in for the package that reads HEIC."""
    called: list[str] = []
    package = types.ModuleType("pillow_heif")
    package.register_heif_opener = lambda: called.append("registered")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    load_plugins.cache_clear()
    yield called
    load_plugins.cache_clear()


def test_the_package_for_heic_is_used_where_it_is(tmp_path: Path, heic_package: list[str]) -> None:
    load_image(write_image(tmp_path / "a.png"))
    load_image(tmp_path / "a.png")
    assert heic_package == ["registered"]


def test_a_heic_file_is_read_where_the_package_is(tmp_path: Path) -> None:
    package = pytest.importorskip("pillow_heif")
    package.register_heif_opener()
    Image.new("RGB", (64, 48), "red").save(tmp_path / "a.heic", quality=100)
    assert load_image(tmp_path / "a.heic").shape == (48, 64, 3)


@pytest.mark.parametrize("values", [[0, 255], [0, 4095], [-5, 2_000_000], [70_000, 4_000_000_000 // 2]])
def test_32_bit_images_are_scaled_by_their_range(tmp_path: Path, values: list[int]) -> None:
    wide = np.linspace(*values, 12).round().astype(np.int32).reshape(3, 4)
    Image.fromarray(wide).save(tmp_path / "a.tif")
    found = decode(tmp_path / "a.tif")
    assert found.mended == (WIDE,)
    assert (found.pixels.min(), found.pixels.max()) == (0, 255)
    scaled = (wide - values[0]) * (255 / (values[1] - values[0]))
    np.testing.assert_allclose(found.pixels[..., 0], scaled, atol=0.51)


def test_12_bits_in_16(tmp_path: Path) -> None:
    values = (np.arange(12, dtype=np.uint16).reshape(3, 4) * 370) + 9
    Image.fromarray(values).save(tmp_path / "a.tif")
    found = decode(tmp_path / "a.tif")
    assert found.mended == (DARK,)
    np.testing.assert_array_equal(found.pixels[..., 0], values >> 8)
    ImageRules(stretch=True).use()
    found = decode(tmp_path / "a.tif")
    assert found.mended == (STRETCHED,)
    np.testing.assert_array_equal(found.pixels[..., 0], values >> 4)
    Image.fromarray(values * 15).save(tmp_path / "b.tif")
    assert decode(tmp_path / "b.tif").mended == ()


def test_floating_point_pixels_by_their_range_if_asked(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="no defined range"):
        load_image(tmp_path / "a.tif")
    ImageRules(stretch=True).use()
    assert load_image(tmp_path / "a.tif")[..., 0].reshape(-1)[[0, -1]].tolist() == [0, 255]


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_truncated_files_are_read_if_asked(tmp_path: Path, ending: str) -> None:
    path = write_image(tmp_path / f"a.{ending}")
    whole = load_image(path)
    path.write_bytes(path.read_bytes()[: -2 if ending == "jpg" else -3000])
    with pytest.raises(ImageError, match="truncated"):
        load_image(path)
    ImageRules(truncated=True).use()
    found = decode(path)
    assert found.mended == (TRUNCATED,)
    assert found.pixels.shape == whole.shape
    assert (found.pixels == whole).mean() > (0.99 if ending == "jpg" else 0.5)
    assert decode(write_image(tmp_path / f"b.{ending}")).mended == ()


def test_unknown_rules_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "stretch, sharpen")
    with pytest.raises(ValueError, match="SPP_OPS_IMAGES: expected some of stretch, truncated, got 'sharpen'"):
        load_image(write_image(tmp_path / "a.png"))


def test_nothing_in_image_folders_is_left_out_in_silence(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/2.PNG", "a/.hidden.jpg", "b/1.jpg"):
        write_image(tmp_path / name)
    (tmp_path / "a" / "3.jpg_large").write_bytes(b"")
    (tmp_path / "a" / "4").write_bytes(b"")
    (tmp_path / "a" / "more").mkdir()
    (tmp_path / "b" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "beside.jpg").write_bytes(b"")
    notices: list[str] = []
    assert len(read_folders(tmp_path, notice=notices.append)) == 3
    assert sorted(line.partition(", ")[0].partition(":")[0] for line in notices) == [
        "1 file beside the folders of classes left out",
        "1 folder inside a folder of images is not looked into",
        "1 link left out",
        "2 files left out",
    ]
    with pytest.raises(ValueError, match="2 files left out, as their names do not end as images' do"):
        read_folders(tmp_path, strict=True)


def test_a_heic_in_a_folder_is_no_other_file(tmp_path: Path) -> None:
    write_image(tmp_path / "a" / "1.jpg")
    (tmp_path / "a" / "2.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(30))
    with pytest.raises(ImageError, match=r"1 of 2 images can't be used: cannot read image .*2\.heic: "):
        read_folders(tmp_path)
