"""Proposals of many images: kept on disk, found in several processes, or read from files of boxes."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from spp_ops.datasets.image import ImageError
from spp_ops.detection.proposals import ProposalConfig, default_cache, from_data, make_proposer, many, propose
from spp_ops.engine.config import as_data
from spp_ops.engine.progress import Progress, Work

pytest.importorskip("cv2")
CONFIG = ProposalConfig(side=60, limit=50)


class Told(Progress):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.lines: list[str] = []

    def advance(self, work: Work) -> None:
        self.notes.append(work.note)

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 60, (40, 50, 3)).astype(np.uint8)
        pixels[8:24, 5 + 9 * number : 25 + 9 * number] += 150
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("method", ["selective-search-fast", "selective-search-quality", "edge-boxes"])
def test_boxes_of_each_image_are_its_own(method: str, images: list[Path], tmp_path: Path) -> None:
    config = ProposalConfig(method, side=60, limit=50)  # type: ignore[arg-type]
    propose_one = make_proposer(config)
    expected = [propose_one(np.array(Image.open(path))) for path in images]
    assert not same(expected[:1], expected[1:2])
    assert same(propose(images, config, cache=tmp_path / "cache", workers=1), expected)
    assert same(propose(images[::-1], config, cache=tmp_path / "other", workers=2), expected[::-1])


def test_nothing_is_found_twice(images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    first = propose(images, CONFIG, cache=tmp_path, workers=1, progress=told)
    assert told.notes == [f"{sum(map(len, first[: count + 1]))} windows" for count in range(3)]
    copy = tmp_path / "copy.png"
    copy.write_bytes(images[1].read_bytes())
    monkeypatch.setattr(many, "make_proposer", lambda config: pytest.fail("searched again"))
    again = propose([*images, copy], CONFIG, cache=tmp_path, progress=told)
    assert same(again, [*first, first[1]])
    assert len(told.notes) == 7
    assert told.lines == []
    with pytest.raises(pytest.fail.Exception, match="searched again"):
        propose(images, ProposalConfig(side=60, limit=49), cache=tmp_path, workers=1)


def test_damaged_cache_is_mended(images: list[Path], tmp_path: Path) -> None:
    first = propose(images, CONFIG, cache=tmp_path, workers=1)
    empty, cut, flipped = sorted((tmp_path / "proposals").iterdir())
    sound = cut.read_bytes(), flipped.read_bytes()
    empty.write_bytes(b"")
    cut.write_bytes(sound[0][:100])
    middle = len(sound[1]) // 2
    flipped.write_bytes(sound[1][:middle] + bytes([sound[1][middle] ^ 255]) + sound[1][middle + 1 :])
    assert same(propose(images, CONFIG, cache=tmp_path, workers=1), first)
    assert cut.stat().st_size == len(sound[0])
    assert len(list((tmp_path / "proposals").iterdir())) == 3


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[Path]) -> None:
    monkeypatch.setenv("SPP_OPS_CACHE", str(tmp_path / "mine"))
    assert default_cache() == tmp_path / "mine"
    propose(images[:1], CONFIG, workers=1)
    assert len(list((tmp_path / "mine" / "proposals").iterdir())) == 1
    monkeypatch.delenv("SPP_OPS_CACHE")
    assert default_cache() == Path.home() / ".cache" / "spp_ops"


def test_without_a_home_folder_there_is_no_cache_and_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch, images: list[Path]
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SPP_OPS_CACHE")
    monkeypatch.setattr(Path, "home", homeless)
    told = Told()
    assert len(propose(images, CONFIG, workers=1, progress=told)) == 3
    assert told.lines == [
        "SPP_OPS_CACHE: there is no home folder to keep proposals in, and this variable names no other"
    ]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("variable", [True, False])
def test_a_cache_that_cannot_be_written_is_named_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[Path], workers: int, variable: bool
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPP_OPS_CACHE", str(tmp_path / "file"))
    told, cache = Told(), None if variable else tmp_path / "file" / "cache"
    found = propose(images, CONFIG, cache=cache, workers=workers, progress=told)
    assert [len(boxes) > 0 for boxes in found] == [True] * 3
    (line,) = told.lines
    name, place = ("SPP_OPS_CACHE", "file/proposals") if variable else ("cache", "file/cache/proposals")
    assert re.match(rf"{name}: cannot write .*/{place}/[0-9a-f]+\.npz: Not a directory; the work goes on", line)


def test_what_killed_processes_left_in_the_cache_is_removed_a_day_later(images: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "proposals"
    folder.mkdir()
    old, new, others = (folder / name for name in (f".{'0' * 40}-abcd_123.npz", f".{'1' * 40}-abcd_123.npz", ".x.npz"))
    for path in (old, new, others):
        path.touch()
    os.utime(old, (0, 0))
    propose(images[:1], CONFIG, cache=tmp_path, workers=1)
    assert [path.exists() for path in (old, new, others)] == [False, True, True]


def test_unusable_images(images: list[Path], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no image file at .*absent\.png"):
        propose([tmp_path / "absent.png"], CONFIG, cache=tmp_path)
    images[1].write_bytes(b"no image")
    for workers in 1, 2:
        with pytest.raises(ImageError, match=r"cannot read image .*1\.png"):
            propose(images, CONFIG, cache=tmp_path, workers=workers)
    with pytest.raises(ValueError, match="workers: expected 0 or more processes, got -1"):
        propose(images, CONFIG, workers=-1)


BOXES = {"0": [[1, 2, 30, 20], [0, 0, 49, 39]], "1": [], "2": [[5, 6, 7, 8]]}


def write_boxes(path: Path) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps({f"{name}.png": boxes for name, boxes in BOXES.items()}))
    elif path.suffix == ".npz":
        np.savez(path, **{name: np.array(boxes, float).reshape(-1, 4) for name, boxes in BOXES.items()})
    else:
        images, cells = np.empty((3, 1), object), np.empty((1, 3), object)
        for row, (name, boxes) in enumerate(BOXES.items()):
            images[row, 0] = name
            cells[0, row] = np.array(boxes, float).reshape(-1, 4)[:, [1, 0, 3, 2]] + 1
        savemat(path, {"images": images, "boxes": cells})


@pytest.mark.parametrize("ending", ["json", "npz", "mat"])
def test_file_of_boxes(ending: str, images: list[Path], tmp_path: Path) -> None:
    path = tmp_path / f"boxes.{ending}"
    write_boxes(path)
    read = propose(images, ProposalConfig("file", file=str(path)))
    assert [boxes.tolist() for boxes in read] == list(BOXES.values())
    assert all(boxes.dtype == np.float32 and boxes.shape[1] == 4 for boxes in read)
    (few,) = propose(images[:1], ProposalConfig("file", limit=1, file=str(path)))
    assert few.tolist() == [[1, 2, 30, 20]]


def test_boxes_are_clipped_to_the_image(images: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text('{"0": [[-3, -2, 70, 12.5]]}')
    assert propose(images[:1], ProposalConfig("file", file=str(path)))[0].tolist() == [[0, 0, 49, 12.5]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"1": []}', "no boxes for image 0.png"),
        ('{"0": [[0, 0, 9, 9], [5, 0, 4, 9]]}', r"image 0 \(50 x 40\), box 1: expected corners x1 <= x2"),
        ('{"0": [[0, 0, NaN, 9]]}', "box 0: expected corners finite"),
        ('{"0": [[50, 0, 60, 9]]}', "box 0: expected corners inside the image"),
        ('{"0": [[0, 0, 9]]}', r"image 0: expected boxes \[R, 4\], got \[1, 3\]"),
        ('{"0": [[0, 0, 9], [1]]}', "image 0: expected boxes of four numbers"),
        ('{"0": {"a": 1}}', "image 0: expected boxes of four numbers"),
        ("[1]", "expected an object from image name to boxes, got a list"),
        ('{"0": [', "not valid JSON"),
    ],
)
def test_bad_json(content: str, message: str, images: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as raised:
        propose(images[:1], ProposalConfig("file", file=str(path)))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bad_box_files(images: list[Path], tmp_path: Path) -> None:
    def read(path: Path) -> None:
        propose(images, ProposalConfig("file", file=str(path)))

    with pytest.raises(FileNotFoundError, match="proposals: no file of boxes at"):
        read(tmp_path / "absent.mat")
    with pytest.raises(ValueError, match=r"proposals: expected a file ending in \.npz, \.json, \.mat, \.pkl"):
        read(tmp_path / "boxes.txt")
    for ending, message in ("npz", r"expected an \.npz file"), ("mat", "not a MATLAB file, or damaged"):
        (tmp_path / f"bad.{ending}").write_bytes(b"\x01\x02 no archive" * 30)
        with pytest.raises(ValueError, match=message):
            read(tmp_path / f"bad.{ending}")
    savemat(tmp_path / "other.mat", {"boxes": np.zeros((2, 4))})
    with pytest.raises(ValueError, match="expected cell arrays 'images' and 'boxes', got no images"):
        read(tmp_path / "other.mat")


def test_config_as_data() -> None:
    config = ProposalConfig("file", limit=None, file="boxes.npz")
    assert from_data(json.loads(json.dumps(as_data(config)))) == config


def test_bad_config() -> None:
    with pytest.raises(ValueError, match=r"method: expected one of selective-search-fast, .*, got 'fast'"):
        ProposalConfig("fast")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="file: expected a path for method 'file' only, got None for 'file'"):
        ProposalConfig("file")
    with pytest.raises(ValueError, match="limit: expected at least 1 window"):
        ProposalConfig(limit=0)
    with pytest.raises(ValueError, match="method: boxes of a file belong to images by name"):
        make_proposer(ProposalConfig("file", file="boxes.npz"))
