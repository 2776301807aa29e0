"""A detector on images of every kind, and that its answer is its parts' answer whatever the shortcuts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_detectors import CLASSES, photo, small_detector, windows_of

from spp_ops.datasets.image import ImageError, load_image
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.config import DetectorConfig, from_data
from spp_ops.detection.detectors.postprocess import postprocess
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import ProposalConfig, make_proposer
from spp_ops.engine.config import as_data


def assert_same(one: Detections, other: Detections, atol: float = 1e-4) -> None:
    """The same detections within a tolerance; those of almost the same score may change places."""
    assert one.classes == other.classes
    np.testing.assert_allclose(one.scores, other.scores, atol=atol)
    rows = [
        np.concatenate([each.boxes / 100, each.scores[:, None], 10.0 * each.labels[:, None]], axis=1)
        for each in (one, other)
    ]
    apart = np.abs(rows[0][:, None] - rows[1]).max(axis=2)
    assert (apart <= atol).any(axis=0).all()
    assert (apart <= atol).any(axis=1).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"box_input": "rows"},
        {"box_input": None},
        {"score": "margin", "score_threshold": -0.2, "hidden": ()},
        {"scales": (64,)},
    ],
)
def test_detect_is_the_head_on_all_windows(changes: dict[str, object], device: torch.device) -> None:
    detector = small_detector(**changes).to(device)
    pixels, windows = photo(), windows_of()
    found = detector.detect(pixels, windows)
    with torch.no_grad():
        scores, corrections = detector.net.head.predict(detector.features(pixels, windows))
    expected = postprocess(windows.to(device), scores, corrections, (60, 80), detector.config)
    assert_same(found, expected)
    assert len(found) > 5
    assert len(detector.features.unique(detector.maps(pixels), windows).keep) < len(windows)  # shortcut in use


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_results_do_not_depend_on_chunks_and_groups(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = small_detector()
    whole = detector.detect(photo(), windows_of())
    parts = SPPDetector(detector.config, detector.net, chunk=chunk)
    assert_same(parts.detect(photo(), windows_of()), whole, atol=1e-6)
    monkeypatch.setattr("spp_ops.detection.detectors.spp._GROUP", 3 * chunk)
    assert_same(parts.detect(photo(), windows_of()), whole, atol=1e-6)


def test_windows_of_equal_cells_share_corrections_but_not_boxes() -> None:
    detector = small_detector(nms_iou=1.0, score_threshold=0.0, most=10_000)
    windows = torch.tensor([[10.0, 10, 50, 40], [10, 10, 50, 41]])
    assert len(detector.features.unique(detector.maps(photo()), windows).keep) == 1
    found = detector.detect(photo(), windows)
    assert sorted(found.labels.tolist()) == [0, 0, 1, 1, 2, 2]
    assert len(np.unique(found.boxes, axis=0)) == 6
    assert len(np.unique(found.scores)) == 3


def test_without_windows_its_own_proposals_are_looked_at() -> None:
    detector = small_detector(proposals=ProposalConfig("selective-search-fast", side=80, limit=50))
    found = detector.detect(photo())
    assert_same(found, detector.detect(photo(), make_proposer(detector.proposals)(photo())))
    assert len(found) > 0


def test_proposals_from_a_file_belong_to_images_by_name(tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"a.png": windows_of().tolist()}))
    detector = small_detector(proposals=ProposalConfig("file", limit=100, file=str(boxes)))
    Image.fromarray(photo()).save(tmp_path / "a.png")
    Image.fromarray(photo()).save(tmp_path / "b.png")
    assert_same(detector.detect(tmp_path / "a.png"), detector.detect(photo(), windows_of()[:100]))
    with pytest.raises(ValueError, match=r"no boxes for image b\.png"):
        detector.detect(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"windows: expected some, as .* knows images by their files' names"):
        detector.detect(photo())


def test_a_image_as_path_image_or_array_is_the_same(tmp_path: Path) -> None:
    detector = small_detector()
    Image.fromarray(photo()).save(tmp_path / "photo.png")
    found = detector.detect(photo(), windows_of())
    assert_same(detector.detect(tmp_path / "photo.png", windows_of()), found)
    assert_same(detector.detect(str(tmp_path / "photo.png"), windows_of().numpy()), found)
    assert_same(detector.detect(Image.fromarray(photo()), windows_of().double()), found)


def kinds_of_images(folder: Path) -> dict[str, Path | Image.Image]:
    """Gray, 16-bit, CMYK, palette, transparent, rotated by EXIF, thin, tiny."""
    original = Image.fromarray(photo())
    turned = Image.Exif()
    turned[0x0112] = 6  # to be shown turned by 90 degrees
    original.save(folder / "turned.jpg", exif=turned)
    Image.fromarray(photo()[:, :, 0].astype(np.uint16) * 257).save(folder / "deep.png")
    return {
        "gray": original.convert("L"),
        "cmyk": original.convert("CMYK"),
        "palette": original.convert("P"),
        "transparent": original.convert("RGBA"),
        "deep": folder / "deep.png",
        "turned": folder / "turned.jpg",
        "thin": original.resize((400, 3)),
        "high": original.resize((2, 300)),
        "pixel": original.resize((1, 1)),
    }


@pytest.mark.parametrize("method", ["selective-search-fast", "edge-boxes"])
def test_images_of_all_kinds(method: str, tmp_path: Path) -> None:
    proposals = ProposalConfig(method, side=60, limit=40)  # type: ignore[arg-type]
    detector = small_detector(proposals=proposals, longest=400, score_threshold=0.1)
    for name, image in kinds_of_images(tmp_path).items():
        found = detector.detect(image)
        height, width = load_image(image).shape[:2]
        assert (found.boxes[:, :2] >= 0).all(), name
        assert (found.boxes[:, 2:] <= [width - 1, height - 1]).all(), name
        assert len(found) > 0 or method == "edge-boxes", name
    assert load_image(tmp_path / "turned.jpg").shape[:2] == (80, 60)


def test_a_huge_image_is_looked_at_at_the_detectors_scales() -> None:
    detector = small_detector(longest=200)
    pixels = np.repeat(np.repeat(photo(), 50, axis=0), 50, axis=1)  # 3000 x 4000
    found = detector.detect(pixels, windows_of() * 50)
    assert {each.shape[2] for each in detector.maps(pixels).maps} == {12, 8}
    assert len(found) > 0
    assert found.boxes.max() > 1000


def test_no_windows_are_no_objects() -> None:
    found = small_detector().detect(photo(), np.zeros((0, 4), np.float32))
    assert_same(found, Detections.none(CLASSES))


def test_images_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    detector = small_detector()
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"cannot read image .*bad\.jpg"):
        detector.detect(tmp_path / "bad.jpg")
    with pytest.raises(FileNotFoundError, match=r"no image file at .*none\.jpg"):
        detector.detect(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match="expected uint8"):
        detector.detect(np.zeros((3, 4, 5, 6)))
    with pytest.raises(TypeError, match="expected a path"):
        detector.detect(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("windows", "complaint"),
    [
        (torch.zeros(3, 5), r"windows: expected \[R, 4\], got \[3, 5\]"),
        (torch.tensor([[0.0, 0, 5, 5], [0, 0, float("nan"), 5]]), "windows: expected finite .* in row 1"),
        (torch.tensor([[5.0, 0, 4, 5]]), "windows: expected finite x1 <= x2 .* in row 0"),
    ],
)
def test_bad_windows_are_named(windows: torch.Tensor, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        small_detector().detect(photo(), windows)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_batch_is_its_images_one_by_one(workers: int) -> None:
    detector = small_detector()
    images = [photo(), photo(40, 30), photo(90, 50)]
    windows = [windows_of(), windows_of(40, 30), windows_of(90, 50)]
    one_by_one = [detector.detect(*pair) for pair in zip(images, windows, strict=True)]
    together = detector.detect_batch(images, windows, workers=workers)
    for one, other in zip(together, one_by_one, strict=True):
        assert_same(one, other)
    assert detector.detect_batch([]) == []
    with pytest.raises(ValueError, match="windows: expected some for each of 3 images, got 1"):
        detector.detect_batch(images, windows[:1])


def test_the_record_survives_json() -> None:
    config = DetectorConfig(
        ("a",), levels=((2, 3), 1), box_input=None, proposals=ProposalConfig("edge-boxes", limit=None)
    )
    assert from_data(json.loads(json.dumps(as_data(config)))) == config


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"classes": ()}, "classes: expected one or more different names"),
        ({"classes": ("a", "a")}, "classes: expected one or more different names"),
        ({"score": "hinge"}, "score: expected softmax or margin, got 'hinge'"),
        ({"box_input": "maps"}, "box_input: expected rows, trunk or None, got 'maps'"),
        ({"scales": ()}, "scales: expected one or more sides"),
        ({"nms_iou": 1.5}, "nms_iou: expected a number from 0 to 1"),
        ({"most": 0}, "most: expected a whole number of at least 1"),
        ({"longest": 0}, "longest: expected a whole number of at least 1"),
        ({"target_area": 0}, "target_area: expected a positive number"),
        ({"color": 1}, "color: a detector has no such field"),
    ],
)
def test_bad_records_are_named(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        from_data({**as_data(DetectorConfig(("a",))), **changes})


@pytest.mark.parametrize("arch", ["small5", "squeezenet1_1"])
def test_a_detector_starts_from_another_ones_folder(arch: str, tmp_path: Path) -> None:
    first = small_detector(arch=arch, hidden=(8,))
    first.save(tmp_path)
    second = first.config.build(tmp_path)
    expected = first.net.backbone.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in second.backbone.state_dict().items())
