"""Proposals as a product: files that this package and others read, recall, and the command."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from scipy.io import loadmat
from test_proposals import shapes_image

from spp_ops.cli import main
from spp_ops.datasets.detection import Objects
from spp_ops.detection.proposals import BoxFile, selective_search
from spp_ops.detection.proposals.recall import IOUS, measure_recall, save_recall
from spp_ops.detection.proposals.writing import WRITERS, write_boxes

BOXES = [np.array([[0, 1, 20, 30], [5, 5, 5, 5]], np.float32), np.zeros((0, 4), np.float32)]
NAMES = ["first.jpg", "second.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images of shapes."""
    images = tmp_path / "images"
    images.mkdir()
    for name, size in ("a", (160, 120)), ("b", (120, 90)):
        Image.fromarray(shapes_image(*size)).save(images / f"{name}.png")
    return images


@pytest.fixture
def dataset(folder: Path) -> Path:
    """The images with a COCO file, whose ids are no names."""
    rectangle = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [30, 20, 60, 40], "area": 2400, "iscrowd": 0}
    crowd = {"id": 2, "image_id": 9, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 1}
    content = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 9, "file_name": "b.png"}],
        "annotations": [rectangle, crowd],
        "categories": [{"id": 1, "name": "shape"}],
    }
    path = folder.parent / "shapes.json"
    path.write_text(json.dumps(content))
    return path


def propose(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["propose", *map(str, arguments)])


@pytest.mark.parametrize("ending", WRITERS)
def test_what_is_written_is_read_again(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"boxes{ending}"
    write_boxes(path, NAMES, BOXES)
    file = BoxFile(path)
    for name, boxes in zip(NAMES, BOXES, strict=True):
        np.testing.assert_array_equal(file.boxes(Path(name), 50, 40), boxes)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_rcnns_layout(tmp_path: Path) -> None:
    write_boxes(tmp_path / "boxes.mat", NAMES, BOXES)
    content = loadmat(tmp_path / "boxes.mat")
    assert [str(cell[0]) for cell in content["images"].ravel()] == ["first", "second"]
    np.testing.assert_array_equal(content["boxes"].ravel()[0], [[2, 1, 31, 21], [6, 6, 6, 6]])


def test_detectrons_layout(tmp_path: Path) -> None:
    write_boxes(tmp_path / "boxes.pkl", NAMES, BOXES, ids=[7, "x"])
    content = pickle.loads((tmp_path / "boxes.pkl").read_bytes())
    assert content["ids"] == [7, "x"]
    assert content["boxes"][0].tolist() == [[0, 1, 21, 31], [5, 5, 6, 6]]
    assert content["objectness_logits"][0].argsort()[::-1].tolist() == [0, 1]
    assert content["bbox_mode"] == 0


def test_no_code_of_a_pickle_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "touched",))  # type: ignore[return-value]

    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"ids": [Evil()], "boxes": []}))
    with pytest.raises(ValueError, match=r"evil\.pkl: expected a pickle of plain data and arrays: it holds a pathlib"):
        BoxFile(tmp_path / "evil.pkl")
    assert not (tmp_path / "touched").exists()


def test_bad_files_to_write(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"out: expected a name ending in \.npz, .*, got '.*boxes\.txt'"):
        write_boxes(tmp_path / "boxes.txt", NAMES, BOXES)
    with pytest.raises(ValueError, match=r"names: expected each image once, got 'a\.jpg' more than once"):
        write_boxes(tmp_path / "boxes.npz", ["a.jpg", "a.jpg"], BOXES)
    with pytest.raises(ValueError, match="boxes: expected as many as names and ids, got 2, 1, 1"):
        write_boxes(tmp_path / "boxes.npz", ["a.jpg"], BOXES)


def test_recall_by_hand(tmp_path: Path) -> None:
    """The second window covers one object wholly, the eleventh another by 0.6; a difficult one is not asked for."""
    objects = Objects(
        np.array([[0, 0, 9, 9], [20, 0, 29, 9], [40, 40, 49, 49]], np.float32),
        np.zeros(3, np.int64),
        np.array([False, False, True]),
    )
    windows = np.full((12, 4), 60, np.float32)
    windows[1], windows[10] = (0, 0, 9, 9), (20, 0, 29, 5)
    recall = measure_recall([windows], [objects])
    assert (recall.objects, recall.windows, recall.counts) == (2, 12, (10, 12))
    np.testing.assert_array_equal(recall.shares[0], 0.5)
    np.testing.assert_array_equal(recall.shares[1], [1.0 if iou <= 0.6 else 0.5 for iou in IOUS])
    save_recall(tmp_path / "recall.png", recall)
    assert Image.open(tmp_path / "recall.png").width > 500
    assert measure_recall([], []).as_data()["recall"] is None


def test_images_alone(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "boxes.json"
    result = propose(folder, "--out", out, "--windows", "40", "--side", "160", "--workers", "1")
    assert result.exit_code == 0, result.output
    content = json.loads(out.read_text())
    assert list(content) == ["a.png", "b.png"]
    np.testing.assert_array_equal(content["a.png"], selective_search(shapes_image(), side=160, limit=40))
    assert f"{sum(map(len, content.values()))} windows of 2 images" in result.output
    again = propose(folder / "*.png", "--out", out, "--windows", "40", "--side", "160", "--overwrite")
    assert again.exit_code == 0, again.output
    assert json.loads(out.read_text()) == content


def test_boxes_of_data_go_by_its_ids_and_are_held_against_its_objects(
    dataset: Path, folder: Path, tmp_path: Path
) -> None:
    out, figures, plot = (tmp_path / name for name in ("boxes.pkl", "recall.json", "recall.svg"))
    options = ("--side", "160", "--out", out, "--json", figures, "--plot", plot, "--workers", "1")
    result = propose("--annotations", dataset, "--images", folder, *options)
    assert result.exit_code == 0, result.output
    assert pickle.loads(out.read_bytes())["ids"] == [7, 9]
    recall = json.loads(figures.read_text())
    assert recall["objects"] == 1
    assert recall["recall"][-1][0] == 1
    assert "<svg" in plot.read_text()
    assert "1 objects" in result.output


def test_a_file_of_boxes_is_written_in_another_format(folder: Path, tmp_path: Path) -> None:
    write_boxes(tmp_path / "boxes.mat", ["a.png", "b.png"], BOXES)
    result = propose(folder, "--method", tmp_path / "boxes.mat", "--out", tmp_path / "boxes.npz")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load(tmp_path / "boxes.npz")["a.png"], BOXES[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: out: expected --out FILE, --recall or both, got neither"),
        (["--recall"], "error: recall: expected DATA with objects, got"),
        (["--out", "boxes.txt"], "error: out: expected a name ending in .npz, .json, .mat, .pkl, got 'boxes.txt'"),
        (["--out", "boxes.npz", "--method", "guess"], "expected one of selective-search-fast"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str, folder: Path) -> None:
    result = propose(folder, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
