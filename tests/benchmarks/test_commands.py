from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import torch

from spp_ops.benchmarks import memory, op, scaling
from spp_ops.benchmarks.cases import Case
from spp_ops.benchmarks.results import Record
from spp_ops.benchmarks.scaling import ScalingRecord
from spp_ops.cli import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", *arguments])
    return int(ended.value.code or 0)


def document(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Exit code of the script that writes docs/benchmarks.md."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    monkeypatch.setattr("sys.argv", ["document", *map(str, arguments)])
    try:
        import_module("benchmarks.document").main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.usefixtures("small_cases")
def test_op_measures_prints_writes_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    json, plot = tmp_path / "op.json", tmp_path / "op.svg"
    chosen = (
        "op",
        "--cases",
        "MAIN,ONE",
        "--peers",
        "torchvision,torchvision-one-call",
        "--device",
        "cpu",
        "--no-peaks",
    )
    assert run(*chosen, "--repeats", "2", "--json", str(json), "--plot", str(plot)) == 0
    text = capsys.readouterr().out
    assert "MAIN forward+backward" in text
    assert "torchvision" in text
    assert plot.stat().st_size > 1000
    record = Record.load(json)
    assert [contest.key for contest in record.contests][:2] == ["MAIN/forward/float32", "MAIN/forward+backward/float32"]
    assert len(record.contests[0].seconds["torchvision"]) == 2
    assert record.machine["threads"] == torch.get_num_threads()
    assert run("compare", str(json), str(json)) == 0
    assert "+0.0%" in capsys.readouterr().out


@pytest.mark.usefixtures("small_cases")
def test_document_has_every_contest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = op.Options(("MAIN",), ("torchvision",), rounds=2)
    op.run(options).save(tmp_path / "op.json")
    assert document(monkeypatch, "--results", tmp_path, "--page", tmp_path / "page.md") == 0
    page = (tmp_path / "page.md").read_text()
    assert "### MAIN forward+backward" in page
    assert "| `torchvision` |" in page
    assert (tmp_path / "op.svg").exists()


def test_document_names_a_record_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert document(monkeypatch, "--results", "/no/such") == 2
    assert "op.json: expected a JSON file" in capsys.readouterr().err


def test_slower_than_the_baseline_is_exit_code_1(tmp_path: Path) -> None:
    from tests.benchmarks.test_results import record

    record(ours=2).save(tmp_path / "old.json")
    record(ours=3).save(tmp_path / "new.json")
    assert run("compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("op", "--cases", "MINE"), "'MINE' is unknown, expected some of MAIN, SMALL"),
        (("op", "--peers", "torchvision,none-such"), "'none-such' is unknown"),
        (("op", "--repeats", "0"), "--repeats"),
        (("op", "--baseline", "/no/such/file"), "/no/such/file: expected a JSON file"),
        (("scaling", "--sweeps", "weight"), "'weight' is unknown, expected some of windows, channels"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.usefixtures("quick_harness")
def test_scaling_measures_every_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small = Case("MAIN", "", (160, 160), ((10, 10),), scaling.MAIN.boxes, channels=8, windows=5)
    monkeypatch.setattr(scaling, "MAIN", small)
    sweeps = scaling.sweeps()
    chosen = {
        "windows": scaling.Sweep("windows", "windows", sweeps["windows"].points[:2]),
        "threads": sweeps["threads"],
    }
    monkeypatch.setattr(scaling, "sweeps", lambda: chosen)
    before = torch.get_num_threads()
    record = scaling.run(["windows", "threads"], rounds=2)
    assert torch.get_num_threads() == before
    record.save(tmp_path / "scaling.json")
    assert ScalingRecord.load(tmp_path / "scaling.json") == record
    windows = record.curve("windows")
    assert windows is not None
    assert windows.x == [500, 1000]
    assert all(len(rounds) == 2 for rounds in windows.seconds)


def test_square_windows_have_the_side_they_say() -> None:
    for side, case in scaling.sweeps()["window size"].points:
        boxes = case.boxes(case.image, 50, torch.Generator().manual_seed(0))
        cells = boxes / 16
        assert ((cells[:, 2:] - cells[:, :2] + 1) == side).all()
        assert cells.max() <= 99


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
def test_peak_memory_counts_what_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that holds 64 MiB and lets go of it has a peak of that, no less and not much more."""

    def make(peer: object, work: object, head: str) -> object:
        def step() -> None:
            torch.ones(16 * 2**20)

        return step

    monkeypatch.setattr(memory, "_pass", make)
    assert memory.peak("ONE", "gradient", "ours", torch.device("cpu")) == pytest.approx(64, rel=0.1)
