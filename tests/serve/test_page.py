"""The page in a real browser: Chromium without a screen, against a server on a port of this machine."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.serve import Limits, make_app

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TIMES = "\u00d7"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium (apt-get install chromium)")


@pytest.fixture(scope="module")
def address(detector: SPPDetector) -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        app = make_app(detector, name="digits", limits=Limits(images_a_minute=1000, questions_a_second=1000))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Page]:
    """The page with its sample, and no complaint of the browser's by the end of the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes][data-winners]", timeout=60_000)
    yield page
    page.close()
    assert not [line for line in complaints if "415" not in line]  # an upload that a test means to be refused


def told(page: Page, name: str) -> Any:
    text = page.evaluate(f"document.body.dataset.{name}")
    return json.loads(text) if name == "winners" else text


def pixels(page: Page, canvas: str) -> str:
    drawn: str = page.evaluate(f"document.getElementById('{canvas}').toDataURL()")
    return drawn


def settle(page: Page, name: str, before: Any) -> Any:
    """What the page tells once it differs from what it told before."""
    page.wait_for_function(
        "([name, before]) => document.body.dataset[name] !== before",
        arg=[name, json.dumps(before, separators=(",", ":")) if name == "winners" else before],
        timeout=10_000,
    )
    return told(page, name)


def hover(page: Page, x: float, y: float) -> None:
    """Point at a place of the sample, in its pixels."""
    bounds = page.locator("#photo").bounding_box()
    assert bounds is not None
    scale = bounds["width"] / 640
    page.mouse.move(bounds["x"] + x * scale, bounds["y"] + y * scale)


def test_the_sample_is_shown_with_its_objects(page: Page) -> None:
    expect(page.locator("#count")).to_have_text("6 objects")
    assert int(page.locator("#window-count").inner_text().replace(",", "")) > 100
    expect(page.locator("#message")).to_be_hidden()
    expect(page.locator("#wait")).to_be_hidden()
    assert float(page.locator("#ratio").inner_text().split()[0]) > 1
    expect(page.locator("#times-caption")).to_contain_text("timed on 16 of them and scaled up")


def test_the_mouse_lights_up_a_window_and_the_cells_that_win(page: Page) -> None:
    before, photo, cells = told(page, "box"), pixels(page, "photo"), pixels(page, "map")
    hover(page, 90, 250)  # the yellow 4
    box = settle(page, "box", before)
    x1, y1, x2, y2 = map(float, box.split(","))
    assert x1 <= 90 <= x2
    assert y1 <= 250 <= y2
    winners = told(page, "winners")
    assert [len(level) for level in winners] == [36, 9, 4, 1]
    x, y, width, height = map(int, told(page, "cells").split(","))
    assert all(x <= cell[0] < x + width and y <= cell[1] < y + height for level in winners for cell in level if cell)
    assert pixels(page, "photo") != photo
    assert pixels(page, "map") != cells


def test_the_rule_moves_the_cells(page: Page) -> None:
    shown = {rule: page.locator(f"#cells-{rule}").inner_text() for rule in ("receptive_field", "floor_ceil", "rounded")}
    assert len(set(shown.values())) > 1
    seen = []
    for rule, title in (
        ("rounded", "Rounded"),
        ("floor_ceil", "Floor and ceil"),
        ("receptive_field", "Receptive fields"),
    ):
        page.get_by_role("radio", name=title).check() if rule != told(page, "rule") else None
        page.wait_for_function(f"() => document.body.dataset.rule === '{rule}'")
        seen.append((told(page, "cells"), json.dumps(told(page, "winners"))))
        x, y, width, height = told(page, "cells").split(",")
        assert shown[rule] == f"{width} {TIMES} {height} cells from ({x}, {y})"
    assert len(set(seen)) == 3


def test_the_threshold_changes_the_number_of_objects(page: Page) -> None:
    def count() -> int:
        return int(page.locator("#count").inner_text().split()[0])

    threshold = page.locator("#threshold")
    before = pixels(page, "photo")
    threshold.fill("0.05")
    many = count()
    assert many > 6
    assert pixels(page, "photo") != before
    threshold.fill("0.99")
    assert count() < 6
    threshold.fill("1")
    assert count() <= 1
    threshold.focus()
    for _ in range(50):
        page.keyboard.press("ArrowLeft")
    assert count() == 6


def test_levels_are_switched(page: Page) -> None:
    before = told(page, "winners")
    page.locator("#level-4").check()
    assert [len(level) for level in settle(page, "winners", before)] == [36, 16, 9, 4, 1]
    expect(page.locator("#length")).to_contain_text(f"66 bins {TIMES} 128 channels = 8,448 numbers")
    for level in (6, 4, 3, 2):
        page.locator(f"#level-{level}").uncheck()
    page.wait_for_function("() => JSON.parse(document.body.dataset.winners).length === 1")
    page.locator("#level-1").click()  # the last one stays
    expect(page.locator("#level-1")).to_be_checked()


def test_bins_light_up_and_say_who_wins(page: Page) -> None:
    page.locator("#grids canvas").nth(1).hover(position={"x": 90, "y": 20})
    winner = told(page, "winners")[1][2]
    expect(page.locator("#told")).to_contain_text(
        f"row 1, column 3 of 3 {TIMES} 3: cell ({winner[0]}, {winner[1]}) wins with"
    )
    page.locator("#all").check()
    expect(page.locator("#told")).to_contain_text("% of the channels")


def test_all_of_it_by_keyboard(page: Page) -> None:
    page.locator("#photo").focus()
    before = told(page, "box")
    page.keyboard.press("ArrowRight")
    second = settle(page, "box", before)
    page.keyboard.press("ArrowDown")
    smaller = settle(page, "box", second)

    def area(box: str) -> float:
        x1, y1, x2, y2 = map(float, box.split(","))
        return (x2 - x1 + 1) * (y2 - y1 + 1)

    assert area(smaller) < area(second)
    page.keyboard.press("ArrowUp")
    assert area(smaller) < area(settle(page, "box", smaller)) <= area(second)
    page.locator("#zoom").focus()
    expect(page.locator("#told")).to_contain_text(f"row 1, column 1 of 6 {TIMES} 6")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#told")).to_contain_text(f"row 2, column 2 of 6 {TIMES} 6")


def test_a_window_is_drawn_with_the_mouse(page: Page) -> None:
    before = told(page, "box")
    hover(page, 100, 100)
    page.mouse.down()
    hover(page, 300, 220)
    page.mouse.up()
    box = settle(page, "box", before)
    page.wait_for_timeout(300)
    assert [float(corner) for corner in told(page, "box").split(",")] == pytest.approx([100, 100, 300, 220], abs=2), box
    hover(page, 500, 350)  # it is held
    page.wait_for_timeout(300)
    assert [float(corner) for corner in told(page, "box").split(",")] == pytest.approx([100, 100, 300, 220], abs=2)


def test_an_image_of_one_s_own_and_what_is_none(page: Page, tmp_path: Path) -> None:
    Image.effect_noise((200, 150), 90).convert("RGB").save(tmp_path / "own.tiff")  # which browsers do not show
    (tmp_path / "none.jpg").write_text("not an image")
    page.locator("#file").set_input_files(tmp_path / "none.jpg")
    expect(page.locator("#message")).to_contain_text("image: expected a file in one of the formats")
    page.locator("#file").set_input_files(tmp_path / "own.tiff")
    expect(page.locator("#message")).to_be_hidden()
    page.wait_for_selector("body[data-ready=yes]")
    canvas = page.locator("#photo").bounding_box()
    assert canvas is not None
    assert canvas["width"] / canvas["height"] == pytest.approx(200 / 150, rel=0.02)


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    for width in (360, 800, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
