"""Progress without a terminal: lines now and then, whole; with one: bars that leave no trace."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from spp_ops.engine.display import ConsoleProgress, duration, state_line
from spp_ops.engine.progress import Progress, Work


def printed(progress_seconds: tuple[float, float], steps: int) -> list[str]:
    text = io.StringIO()
    progress = ConsoleProgress(Console(file=text, width=80), progress_seconds)
    with progress.work("training", 400, "steps", done=100) as work:
        for step in range(steps):
            work.advance(note=f"epoch {step}, a note {'long ' * 20}of many terminals")
    return text.getvalue().splitlines()


def test_lines_say_how_far_it_is_and_are_not_wrapped() -> None:
    lines = printed((0.0, 0.0), 3)
    assert len(lines) == 3
    number = r"[0-9.e+]+"
    pattern = rf"training: 103 of 400 steps \(25 %\), epoch 2, a note .* terminals, {number} steps/s, \d+ s left"
    assert re.fullmatch(pattern, lines[-1])


def test_short_work_says_nothing_and_long_work_a_line_now_and_then() -> None:
    assert printed((10.0, 30.0), 50) == []
    assert len(printed((0.0, 1000.0), 50)) == 1


def test_what_is_said_is_printed_as_it_is() -> None:
    text = io.StringIO()
    ConsoleProgress(Console(file=text, width=20)).say("[red] [/x] " + 30 * "long " + ":smile:")
    assert text.getvalue() == "[red] [/x] " + 30 * "long " + ":smile:\n"


def test_bars_nest_and_go_away_even_after_errors() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    progress = ConsoleProgress(console)

    def fail() -> None:
        with progress.work("training", 2, "steps") as outer:
            outer.advance(note="[note]")
            with progress.work("validation", 3) as inner:
                inner.advance()
            progress.say("epoch 0")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert progress._bars is None
    assert "epoch 0" in text.getvalue()
    with progress.work("again", 1):
        assert progress._bars is not None


def test_named_steps_are_done_when_the_next_one_starts() -> None:
    work = Work(Progress(), "demo", 0, "steps")
    work.expect(2)
    for name, done in (("one", 0), ("two", 1)):
        work.start(name)
        assert (work.note, work.done, work.total) == (name, done, 2)


def test_slow_and_unstarted_work(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(Progress(), "proposals", 40, "images")
    assert state_line(work) == "proposals: 0 of 40 images (0 %)"
    begun = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: begun + 50)
    work.advance(10, "25000 windows")
    assert state_line(work) == "proposals: 10 of 40 images (25 %), 25000 windows, 5 s each, 3 min left"
    work.total = 0  # a camera, say
    assert state_line(work) == "proposals: 10 images, 25000 windows, 5 s each"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5900, "98 min"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
