"""Who may ask, how often, and what every answer bears."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from starlette.testclient import TestClient

from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.serve import Limits, make_app
from spp_ops.serve import study as studies
from spp_ops.serve.limits import Rate, Refusal
from spp_ops.serve.page import page_files
from spp_ops.serve.uploads import read_body

LOCAL = "http://127.0.0.1:8000"


@pytest.fixture
def strict(detector: SPPDetector) -> Iterator[TestClient]:
    limits = Limits(images_a_minute=2, questions_a_second=3, body_seconds=0.2, waiting=1)
    with TestClient(make_app(detector, limits=limits), base_url=LOCAL) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/main.js", "/api/about", "/nothing", "/api/images/x/window?box=1"])
def test_every_answer_bears_the_headers(strict: TestClient, path: str) -> None:
    headers = strict.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_the_page_asks_for_nothing_that_its_policy_forbids() -> None:
    for path, (content, media_type) in page_files().items():
        text = content.decode()
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", ""), path
        assert "https://" not in text, path
        if media_type.startswith("text/html"):
            assert "<style" not in text
            assert " style=" not in text
            assert " onclick" not in text
            assert text.count("<script") == text.count('<script type="module" src=')


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/..%2fapp.py",
        "/%2e%2e/%2e%2e/app.py",
        "/static/main.js",
        "//etc/passwd",
        "/etc/passwd",
        "/sample.jpg/../../app.py",
        "/api/images/..%2f..%2fapp.py/picture",
    ],
)
def test_no_path_reaches_the_disk(strict: TestClient, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a request opened a file")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    response = strict.get(path)
    assert response.status_code == 404
    assert list(response.json()) == ["error"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("[", 403),
        ("", 403),
    ],
)
def test_only_this_machine_s_names_are_answered_to(strict: TestClient, host: str, status: int) -> None:
    assert strict.get("/api/about", headers={"host": host}).status_code == status


def test_any_name_where_that_is_asked_for(detector: SPPDetector) -> None:
    client = TestClient(make_app(detector, hosts=None), base_url="http://lab.example:8000")
    assert client.get("/api/about").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": LOCAL}, 201),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 201),
    ],
)
def test_pages_of_other_sites_get_nothing(strict: TestClient, headers: dict[str, str], status: int) -> None:
    assert strict.post("/api/sample", headers=headers).status_code == status


def test_a_link_from_another_site_opens_the_page(strict: TestClient) -> None:
    assert strict.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status_code == 200


def test_too_many_images_are_refused_for_a_while(strict: TestClient) -> None:
    answers = [strict.post("/api/images", content=b"no image") for _ in range(3)]
    assert [each.status_code for each in answers] == [415, 415, 429]
    assert answers[2].json()["error"].startswith("too many images: try again in ")
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60


def test_too_many_questions_are_refused(strict: TestClient) -> None:
    statuses = [strict.get("/api/images/x/picture").status_code for _ in range(30)]
    assert statuses[0] == 404
    assert 429 in statuses


def test_a_rate_recovers_and_belongs_to_a_client() -> None:
    now = [0.0]
    rate = Rate(2, 10.0, "things", lambda: now[0])
    rate.take("a")
    rate.take("a")
    with pytest.raises(Refusal, match="too many things: try again in 5 s"):
        rate.take("a")
    rate.take("b")
    now[0] = 5.0
    rate.take("a")
    with pytest.raises(Refusal):
        rate.take("a")


def test_clients_are_forgotten_in_time() -> None:
    rate = Rate(1, 1e9, "things", lambda: 0.0)
    for number in range(3000):
        rate.take(str(number))
    assert len(rate._clients) == 1024


def test_a_bounded_number_waits(monkeypatch: pytest.MonkeyPatch, detector: SPPDetector) -> None:
    """One works, one waits, the third is told to come back."""
    go, started = threading.Event(), threading.Event()
    ordinary = studies.Study.__init__

    def slow(self: studies.Study, *arguments: object) -> None:
        started.set()
        assert go.wait(30)
        ordinary(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(studies.Study, "__init__", slow)
    with TestClient(make_app(detector, limits=Limits(waiting=1)), base_url=LOCAL) as client:
        statuses: list[int] = []
        refused = threading.Event()

        def post() -> None:
            response = client.post("/api/sample")
            statuses.append(response.status_code)
            if response.status_code == 503:
                assert response.headers["retry-after"] == "5"
                refused.set()

        threads = [threading.Thread(target=post) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert started.wait(30)
        assert refused.wait(30)
        assert client.get("/api/about").status_code == 200  # others are served meanwhile
        go.set()
        for thread in threads:
            thread.join(30)
    assert sorted(statuses) == [201, 201, 503]


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"begun"
        await anyio.sleep(60)

    with pytest.raises(Refusal, match=r"image: expected the file within 0\.05 s"):
        anyio.run(read_body, never(), None, Limits(body_seconds=0.05))
