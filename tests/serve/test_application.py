"""What the application answers: images, windows, maps, times, and what it refuses."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from spp_ops.detection import ProposalConfig
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.serve import Limits, make_app
from spp_ops.serve.page import SAMPLE

ASKED = {"box": "80,40,200,180", "levels": "6,3,2,1", "rule": "receptive_field", "channel": "7"}


def encoded(width: int, height: int, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def window(client: TestClient, sample: dict[str, Any], **changes: str) -> Any:
    return client.get(f"/api/images/{sample['image']}/window", params={**ASKED, **changes})


def test_the_sample_is_found_as_the_detector_finds_it(sample: dict[str, Any], detector: SPPDetector) -> None:
    found = detector.detect(SAMPLE)
    assert [each["class"] for each in sample["detections"]] == list(found.class_names)
    assert [each["score"] for each in sample["detections"]] == pytest.approx(found.scores.tolist())
    assert sum(each["score"] > 0.5 for each in sample["detections"]) == 6  # the digits that were drawn on it
    assert (sample["width"], sample["height"]) == (640, 427)
    assert len(sample["maps"]) == len(detector.config.scales)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_images_of_every_format_are_looked_at_and_shown(client: TestClient, kind: str) -> None:
    added = client.post("/api/images", content=encoded(90, 60, kind))
    assert added.status_code == 201, added.text
    shown = client.get(f"/api/images/{added.json()['image']}/picture")
    assert shown.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(shown.content)).size == (90, 60)


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (2, 900)])
def test_odd_images(client: TestClient, size: tuple[int, int]) -> None:
    added = client.post("/api/images", content=encoded(*size))
    assert added.status_code == 201, added.text
    assert window(client, added.json(), box="0,0,0,0").status_code == 200
    assert client.get(f"/api/images/{added.json()['image']}/times").status_code in (200, 422)


def test_an_image_is_upright(client: TestClient) -> None:
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (60, 40)).save(content, "JPEG", exif=exif)
    added = client.post("/api/images", content=content.getvalue()).json()
    assert (added["width"], added["height"]) == (40, 60)


@pytest.mark.parametrize(
    ("content", "status", "line"),
    [
        (b"", 400, "image: expected a file, got nothing"),
        (b"no image at all", 415, "image: expected a file in one of the formats JPEG, PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "image: expected a file in one of"),
        (SAMPLE.read_bytes()[:20_000], 415, "image: expected a file in one of"),
        (bytes(300_001), 413, "image: expected a file of at most 0.3 MB"),
        (
            encoded(1000, 401, "GIF")[:1000],
            413,
            "at most 0.4 million pixels, 3000 a side, got 1000 x 401",
        ),
        (encoded(3001, 2), 413, "got 3001 x 2"),
    ],
)
def test_what_is_no_image_is_refused(client: TestClient, content: bytes, status: int, line: str) -> None:
    response = client.post("/api/images", content=content)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert line in response.json()["error"]
    assert "\n" not in response.json()["error"]


def test_a_body_without_a_length_is_not_read_to_its_end(client: TestClient) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield bytes(10_000)

    response = client.post("/api/images", content=endless())
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"box": "1,2,3"}, "box: expected x1,y1,x2,y2, got '1,2,3'"),
        ({"box": "nan,0,1,1"}, "box: expected corners within 100000 pixels, got 'nan,0,1,1'"),
        ({"box": "0,0,1e30,1"}, "box: expected corners within"),
        ({"box": "5,0,1,1"}, "box: expected x1 <= x2 and y1 <= y2"),
        ({"levels": ""}, "levels: expected 1 to 6 numbers from 1 to 16 with commas between, got ''"),
        ({"levels": "6,0"}, "levels: expected"),
        ({"levels": "17"}, "levels: expected"),
        ({"levels": "1,1,1,1,1,1,1"}, "levels: expected"),
        ({"levels": "9" * 5000}, "levels: expected"),
        ({"rule": "cells"}, "rule: expected one of receptive_field, floor_ceil, rounded, got 'cells'"),
        ({"channel": "128"}, "channel: expected all, or a number from 0 to 127, got '128'"),
        ({"channel": "-1"}, "channel: expected all"),
        ({"channel": "²"}, "channel: expected all"),
    ],
)
def test_bad_questions_are_refused_by_a_line(
    client: TestClient, sample: dict[str, Any], changes: dict[str, str], line: str
) -> None:
    response = window(client, sample, **changes)
    assert response.status_code == 400
    assert line in response.json()["error"]
    assert len(response.json()["error"]) < 400


def test_what_is_not_asked_is_named(client: TestClient, sample: dict[str, Any]) -> None:
    response = client.get(f"/api/images/{sample['image']}/window", params={"box": "0,0,9,9"})
    assert response.json() == {"error": "levels: expected in the query, got none"}


@pytest.mark.parametrize("number", ["4", "-1", "x", "9" * 4000])
def test_maps_that_are_not_there(client: TestClient, sample: dict[str, Any], number: str) -> None:
    response = client.get(f"/api/images/{sample['image']}/maps/{number}", params={"channel": "all"})
    assert response.json()["error"].startswith("map: expected a number from 0 to 3, got ")


def test_a_map_has_a_pixel_a_cell(client: TestClient, sample: dict[str, Any]) -> None:
    for number, size in enumerate(sample["maps"]):
        response = client.get(f"/api/images/{sample['image']}/maps/{number}", params={"channel": "3"})
        assert Image.open(io.BytesIO(response.content)).size == (size["width"], size["height"])


def test_times_say_what_was_measured(client: TestClient, sample: dict[str, Any]) -> None:
    times = client.get(f"/api/images/{sample['image']}/times").json()
    assert times["windows"] == len(sample["windows"])
    assert times["measured"] == 16
    assert times["scales"] == 4
    assert min(times["maps"], times["head"], times["rcnn"]) > 0
    assert client.get(f"/api/images/{sample['image']}/times").json() == times  # not measured anew


def test_the_images_longest_unused_make_room(detector: SPPDetector) -> None:
    client = TestClient(make_app(detector, limits=Limits(kept=2)), base_url="http://localhost")
    first, second = (client.post("/api/images", content=encoded(70, 50)).json() for _ in range(2))
    assert window(client, first).status_code == 200  # so the second one is the one unused
    client.post("/api/images", content=encoded(70, 50))
    assert window(client, first).status_code == 200
    gone = window(client, second)
    assert (gone.status_code, gone.json()) == (404, {"error": "image: not in memory (any more): load it again"})


def test_windows_of_a_file_are_refused(detector: SPPDetector, tmp_path: Path) -> None:
    of_file = detector.changed(proposals=ProposalConfig("file", file=str(tmp_path / "boxes.json")))
    with pytest.raises(ValueError, match="proposals: expected a method that finds windows in any image"):
        make_app(of_file)


def test_a_detector_of_margins_is_shown_from_zero_on(detector: SPPDetector) -> None:
    margins = SPPDetector(replace(detector.config, score="margin"), detector.net)
    about = TestClient(make_app(margins), base_url="http://localhost").get("/api/about").json()
    assert (about["threshold"], about["probabilities"]) == (0.0, False)
