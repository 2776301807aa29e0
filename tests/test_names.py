"""Names that users gave are shown as they are: in tables, notices, plots and images."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw

from spp_ops.cli._console import Output, tell_missing_letters, yellow_lines
from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.detection.detections import Detections
from spp_ops.detection.evaluation.evaluate import DetectionEvaluation, evaluate_detections
from spp_ops.detection.evaluation.report import class_table, evaluation_table, save_curves
from spp_ops.detection.visualize import draw_detections
from spp_ops.engine import fonts
from spp_ops.engine.lettering import Lettering
from spp_ops.engine.text import printable

CHINESE = "\u4e2d\u6587"
NAMES = ("[red]", "[/x]", "photo [copy].jpg", "$_$ a^b", "_hidden", ":smile:", "z" * 240, CHINESE)


@pytest.fixture
def evaluation() -> DetectionEvaluation:
    count = len(NAMES)
    boxes = np.array([[0, 20 * row, 15, 20 * row + 15] for row in range(count)], np.float32)
    truth = Objects(boxes, np.arange(count), np.zeros(count, np.bool_))
    found = Detections(boxes, np.linspace(0.9, 0.5, count, dtype=np.float32), np.arange(count), NAMES)
    images = DetectionImages((Path("a.jpg"),), ("a",), (0,), (truth,), NAMES)
    return evaluate_detections(images, [found])


@pytest.fixture
def chinese_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A font that has two Chinese letters, as filled squares, and no others; the only one installed."""
    builder = FontBuilder(1000)
    glyphs = [".notdef", "zhong", "wen"]
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap(dict(zip(map(ord, CHINESE), glyphs[1:], strict=True)))
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "zhong": square, "wen": square})
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Two Letters", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "two-letters.ttf"
    builder.save(path)
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [str(path)])
    fonts.with_fonts.cache_clear()
    yield path
    fonts.with_fonts.cache_clear()


@pytest.fixture
def no_other_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", list)
    fonts.with_fonts.cache_clear()
    yield
    fonts.with_fonts.cache_clear()


def test_tables_show_them(evaluation: DetectionEvaluation) -> None:
    text = io.StringIO()
    Output(text).print(class_table(evaluation))
    Output(text).print(evaluation_table(evaluation, [], "[b]data[/]"))
    for name in (*NAMES, "[b]data[/]"):
        assert name in text.getvalue()


def test_narrow_tables_lose_no_letter(evaluation: DetectionEvaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    text = io.StringIO()
    Output(text).print(class_table(evaluation))
    assert text.getvalue().count("z") == 240
    assert max(map(len, text.getvalue().splitlines())) <= 70


def test_notices_show_them() -> None:
    text = io.StringIO()
    for name in NAMES:
        yellow_lines(Output(text))(f"skipped: {name}")
    assert text.getvalue().splitlines() == [f"skipped: {name}" for name in NAMES]


def test_what_a_terminal_acts_on_is_written_out() -> None:
    assert printable("a\x1b[31m\r\nb\udcff") == r"a\x1b[31m\r\nb\udcff"
    assert printable(CHINESE + "caf\u00e9 \u00a0") == CHINESE + "caf\u00e9 \u00a0"


def test_a_console_outlives_its_reader(capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        console = Output(pipe)
        for _ in range(3):
            console.print("nobody reads this")
        assert console.quiet


def test_curves_name_every_class(evaluation: DetectionEvaluation, chinese_font: Path, tmp_path: Path) -> None:
    with mpl.rc_context({"svg.fonttype": "none"}):
        save_curves(tmp_path / "curves.svg", evaluation)
    drawn = (tmp_path / "curves.svg").read_text()
    for name in NAMES:
        assert all(part in drawn for part in ([f"{name} 100.0"] if len(name) < 40 else ["z" * 40]))
    assert drawn.count("z" * 40) == 6
    assert "Two Letters" in drawn


def test_images_have_letters_of_a_font_that_has_them(chinese_font: Path) -> None:
    def lettered(text: str) -> np.ndarray:
        image = Image.new("RGB", (120, 40), "white")
        Lettering.of(text, 20, (120, 40)).draw(ImageDraw.Draw(image), 0, 0, (0, 0, 0))
        return np.asarray(image)[:, :, 0] < 128

    squares = lettered(CHINESE)
    assert squares.sum() == pytest.approx(2 * 16 * 16, rel=0.1)  # 0.8 of 20 pixels a side
    both = lettered(f"a{CHINESE}b")
    assert both.sum() > squares.sum() + 40
    assert [run for run, _ in fonts.with_fonts(f"a{CHINESE}b")] == ["a", CHINESE, "b"]


def test_letters_that_no_font_has_are_told_apart(no_other_font: None) -> None:
    assert [run for run, _ in fonts.with_fonts(f"a{CHINESE}")] == ["a", r"\u4e2d\u6587"]


@pytest.mark.parametrize("size", [(480, 640), (300, 30), (1, 1)])
def test_long_names_stay_in_the_image(size: tuple[int, int], no_other_font: None) -> None:
    found = Detections(
        np.array([[0, 0, size[1] - 1, size[0] - 1]] * len(NAMES), np.float32),
        np.linspace(0.9, 0.5, len(NAMES), dtype=np.float32),
        np.arange(len(NAMES)),
        NAMES,
    )
    assert max(draw_detections(np.zeros((*size, 3), np.uint8), found).size) == 640
    lettering = Lettering.of("x" * 240, 12, (300, 40))
    assert lettering.width <= 300
    assert lettering.height <= 40


def test_letters_that_will_be_missing_are_told(no_other_font: None) -> None:
    lines: list[str] = []
    tell_missing_letters(NAMES, lines.append)
    assert len(lines) == 1
    assert lines[0].startswith(f"no font here has {CHINESE}: drawn as \\u4e2d; ")
    tell_missing_letters(NAMES[:-1], lines.append)
    assert len(lines) == 1


def test_letters_of_an_installed_font_are_not_missing(chinese_font: Path) -> None:
    tell_missing_letters(NAMES, pytest.fail)
