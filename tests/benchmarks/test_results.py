from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spp_ops.benchmarks.bars import SPEED, verdicts
from spp_ops.benchmarks.cases import CASES
from spp_ops.benchmarks.compare import Change, compare
from spp_ops.benchmarks.peers import PEERS, Pass
from spp_ops.benchmarks.results import Contest, Peaks, Ratio, Record
from spp_ops.benchmarks.scaling import Curve, ScalingRecord

FLOOR = [1.0, 1.1, 0.9, 1.0, 1.0]


def record(ours: float = 2.0, torchvision: float = 120.0, floor: list[float] = FLOOR) -> Record:
    """MAIN where ours takes `ours` times the floor, and torchvision `torchvision` times; each round its own speed."""
    seconds = {
        "ours": [ours * s for s in floor],
        "floor": floor,
        "torchvision": [torchvision * s for s in floor],
    }
    return Record({"threads": 2}, [Contest("MAIN", "forward", "float32", seconds)])


def test_ratios_are_taken_within_a_round() -> None:
    contest = record().contests[0]
    ratio = contest.ratio("torchvision", "ours")
    assert ratio is not None
    assert ratio.median == pytest.approx(60)
    assert ratio.spread == pytest.approx(0, abs=1e-9)
    assert contest.ratio("torchvision", "openvino") is None


def test_quartiles() -> None:
    assert Ratio.of([3.0]) == Ratio(3.0, 3.0, 3.0)
    assert Ratio.of([1.0, 2.0, 3.0, 4.0, 5.0]) == Ratio(3.0, 2.0, 4.0)


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    written = replace(record(), peaks=[Peaks("MAIN", "linear", {"ours": 1.0, "torchvision": 2.0})])
    written.save(tmp_path / "op.json")
    assert Record.load(tmp_path / "op.json") == written
    content = json.loads((tmp_path / "op.json").read_text())
    assert content["contests"][0]["seconds"]["floor"] == FLOOR


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "{}", "[" * 100_000, '{"format": 99}', '{"format": 1, "contests": [{"case": 1}]}']
)
def test_another_file_is_one_clear_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    for kind in (Record, ScalingRecord):
        with pytest.raises(ValueError, match=r"other\.json: expected"):
            kind.load(path)


@pytest.mark.parametrize(
    "seconds",
    [None, [], {"ours": None}, {"ours": []}, {"ours": [0.0]}, {"ours": [-1.0]}, {"ours": ["1"]}, {"ours": [1e999]}],
    ids=str,
)
def test_times_that_no_run_gives_are_one_clear_error(seconds: object, tmp_path: Path) -> None:
    contest = {"case": "MAIN", "timed": "forward", "dtype": "float32", "seconds": seconds}
    (tmp_path / "op.json").write_text(json.dumps({"format": 1, "machine": {}, "contests": [contest], "peaks": []}))
    with pytest.raises(ValueError, match=r"op\.json: expected a record"):
        Record.load(tmp_path / "op.json")
    curve = {"sweep": "windows", "axis": "windows", "name": "ours", "x": [1, 2], "seconds": [[1.0], seconds]}
    (tmp_path / "scaling.json").write_text(json.dumps({"format": 1, "machine": {}, "curves": [curve]}))
    with pytest.raises(ValueError, match=r"scaling\.json: expected a record"):
        ScalingRecord.load(tmp_path / "scaling.json")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.json: expected a JSON file"):
        Record.load(tmp_path / "none.json")


def test_bars_name_cases_passes_and_peers_that_exist() -> None:
    for bar in SPEED:
        assert bar.case in CASES
        assert bar.timed in {timed.value for timed in Pass}
        for name in (bar.slower, bar.faster):
            assert Pass(bar.timed) in PEERS[name].passes


def test_promises_are_judged() -> None:
    kept = {v.promise: v.kept for v in verdicts(record(ours=2.0, torchvision=120.0))}
    assert kept == {
        "MAIN forward: torchvision at least 50 x ours": True,
        "MAIN forward: ours at most 3 x floor": True,
    }
    missed = {v.promise: v.kept for v in verdicts(record(ours=4.0, torchvision=120.0))}
    assert not any(missed.values())


def test_memory_is_judged() -> None:
    for ours, kept in ((0.5, True), (0.7, False)):
        peaks = [Peaks("MAIN", "gradient", {"ours": ours, "torchvision": 1.0})]
        assert [v.kept for v in verdicts(Record({}, [], peaks))] == [kept]


def test_slopes_are_judged() -> None:
    x = [500, 1000, 2000]
    linear = Curve("windows", "windows", "ours", x, [[n * 2.0, n * 3.0, n * 2.5] for n in x])
    assert linear.slope().median == pytest.approx(1)
    square = Curve("windows", "windows", "ours", x, [[n**2.0] * 3 for n in x])
    size = [10, 20, 40]
    flat = Curve("window size", "cells", "ours", size, [[1.0], [2.0], [2.5]])
    steep = Curve("window size", "cells", "ours", size, [[1.0], [2.0], [3.5]])
    assert [v.kept for v in verdicts(None, ScalingRecord({}, [linear, flat]))] == [True, True]
    assert [v.kept for v in verdicts(None, ScalingRecord({}, [square, steep]))] == [False, False]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (record(ours=2.0), Change.SAME),
        (record(ours=2.05), Change.SAME),
        (record(ours=2.4), Change.SLOWER),
        (record(ours=1.6), Change.FASTER),
        (record(ours=4.0, torchvision=240.0, floor=[1.0] * 5), Change.SAME),  # only against one yardstick
        (record(ours=2.0, floor=[10 * s for s in FLOOR]), Change.SAME),  # a slower machine
    ],
)
def test_comparison(new: Record, expected: Change) -> None:
    (comparison,) = compare(record(), new)
    assert comparison.change is expected


def test_noise_is_no_verdict() -> None:
    seconds = {"ours": [2.0, 4.0, 2.4, 3.0, 1.9], "floor": [1.0] * 5}
    noisy = Record({}, [Contest("MAIN", "forward", "float32", seconds)])
    assert compare(record(), noisy)[0].change is Change.SAME


def test_nothing_in_common_is_an_error() -> None:
    other = Record({}, [Contest("LARGE", "forward", "float32", {"ours": [1.0], "floor": [1.0]})])
    with pytest.raises(ValueError, match="baseline: has no contest of ours"):
        compare(record(), other)


def test_a_run_is_added_to_a_record(tmp_path: Path) -> None:
    path = tmp_path / "op.json"
    assert record().added_to(path) == record()
    small = Contest("SMALL", "forward", "float32", {"ours": [1.0]})
    Record({"threads": 2}, [record(ours=9.0).contests[0], small], [Peaks("MAIN", "linear", {"ours": 1.0})]).save(path)
    added = record().added_to(path)
    assert added.contests == [small, *record().contests]  # MAIN anew
    assert added.peaks == [Peaks("MAIN", "linear", {"ours": 1.0})]


def test_sweeps_are_added_to_a_record(tmp_path: Path) -> None:
    path = tmp_path / "scaling.json"
    old, other, new = (
        Curve(sweep, "x", "ours", [1, 2], [[time], [time]])
        for sweep, time in (("bins", 1.0), ("windows", 2.0), ("bins", 3.0))
    )
    ScalingRecord({}, [old, other]).save(path)
    assert ScalingRecord({}, [new]).added_to(path).curves == [other, new]


def test_records_of_two_machines_are_not_mixed(tmp_path: Path) -> None:
    record().save(tmp_path / "op.json")
    with pytest.raises(ValueError, match=r"op\.json: expected .* threads is 2 there and 4 here"):
        replace(record(), machine={"threads": 4}).added_to(tmp_path / "op.json")
