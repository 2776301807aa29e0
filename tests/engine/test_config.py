"""Records of settings: older names are understood for ever, differences are named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from spp_ops.classification.config import TrainingConfig, training_from_data
from spp_ops.detection.joint.config import JointConfig, joint_from_data
from spp_ops.detection.staged import FineTuning, StagedConfig, staged_from_data
from spp_ops.engine.config import as_data, difference, from_data, renamed


@renamed(colour="color")
@dataclass(frozen=True)
class Paint:
    color: str = "red"
    layers: tuple[int, ...] = (1,)


def test_an_older_name_is_read_from_keywords_attributes_and_data() -> None:
    paint = Paint(colour="blue")  # type: ignore[call-arg]
    assert paint == Paint("blue")
    assert paint.colour == "blue"  # type: ignore[attr-defined]
    assert from_data(Paint, {"colour": "green", "layers": [2, 3]}) == Paint("green", (2, 3))
    assert as_data(paint) == {"color": "blue", "layers": [1]}
    assert replace(paint, color="white").color == "white"


def test_both_names_and_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="color: expected once, got it by its older name too"):
        Paint(color="blue", colour="red")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="gloss: no setting of a Paint; a later version may have written it"):
        from_data(Paint, {"gloss": 1})


@pytest.mark.parametrize(
    ("make", "old", "new", "value"),
    [
        (training_from_data, "colour_shift", "color_shift", 0.3),
        (joint_from_data, "colour_shift", "color_shift", 0.3),
    ],
)
def test_records_that_were_saved_before_a_field_was_renamed(make: Any, old: str, new: str, value: object) -> None:
    record = make({old: value})
    assert getattr(record, new) == getattr(record, old) == value
    assert getattr(type(record)(**{old: value}), new) == value
    assert make(as_data(record)) == record


def test_staged_records_by_their_older_names() -> None:
    data = as_data(StagedConfig(flip=True, tuning=FineTuning(batch_images=3, batch_windows=9)))
    data["mirror"] = data.pop("flip")
    data["tuning"]["batch_pictures"] = data["tuning"].pop("batch_images")
    record = staged_from_data(data)
    assert record.flip
    assert record.tuning.batch_images == 3
    assert FineTuning(batch_pictures=5) == FineTuning(batch_images=5)  # type: ignore[call-arg]
    assert StagedConfig(mirror=True).flip  # type: ignore[call-arg]


@pytest.mark.parametrize("record", [TrainingConfig(milestones=(0.5, 3)), JointConfig(warmup=7)])
def test_data_and_back(record: Any) -> None:
    assert from_data(type(record), as_data(record)) == record


def test_the_first_difference_is_named_by_its_path() -> None:
    mine = {"a": {"b": [1, 2], "c": 3}}
    assert difference(mine, {"a": {"b": [1, 2], "c": 3}}) is None
    assert difference(mine, {"a": {"b": [1, 2], "c": 4}}) == "a.c: the run to be resumed has 4, got 3"
    assert difference(mine, {"a": {"b": [1], "c": 3}}) == "a.b: the run to be resumed has [1], got [1, 2]"
    assert difference({}, {"x": 1}) == "x: the run to be resumed has 1, got None"
