"""A server of the packaged detector, asked without a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.pretrained import packaged_folder
from spp_ops.serve import Limits, make_app

ADDRESS = "http://localhost:8000"


@pytest.fixture(scope="session")
def detector() -> SPPDetector:
    return SPPDetector.load(packaged_folder("digits"))


@pytest.fixture(scope="module")
def client(detector: SPPDetector) -> Iterator[TestClient]:
    """Without limits that a whole module of tests could reach."""
    limits = Limits(bytes=300_000, pixels=400_000, side=3000, images_a_minute=1000, questions_a_second=1000, kept=50)
    with TestClient(make_app(detector, name="digits", limits=limits), base_url=ADDRESS) as client:
        yield client


@pytest.fixture(scope="module")
def sample(client: TestClient) -> dict[str, Any]:
    response = client.post("/api/sample")
    assert response.status_code == 201
    content: dict[str, Any] = response.json()
    return content
