"""The head as it is used, against the head as it is trained."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from small_detectors import photo, small_detector, windows_of

from spp_ops.detection import SPPDetector
from spp_ops.detection.detectors import head as heads
from spp_ops.detection.detectors.head import InferenceHead
from spp_ops.detection.detectors.network import RegionHead

KINDS = list(itertools.product(["softmax", "margin"], ["trunk", "rows", None], [(), (24,), (24, 16)]))


def make_head(score: Any, box_input: Any, hidden: tuple[int, ...], scale: float = 0.003) -> RegionHead:
    """A head whose hidden units do not all say zero, for rows far from unit size."""
    torch.manual_seed(0)
    head = RegionHead(60, 3, hidden, score=score, box_input=box_input)
    for layer in (head.score, head.box):
        if layer is not None:
            torch.nn.init.normal_(layer.weight, std=0.5)
            torch.nn.init.normal_(layer.bias)
    head.row_scale.fill_(scale)
    return head.eval()


def rows_of(count: int, scale: float = 0.003) -> torch.Tensor:
    return torch.rand(count, 60, generator=torch.Generator().manual_seed(1)) / scale


@pytest.mark.parametrize(("score", "box_input", "hidden"), KINDS, ids=str)
@pytest.mark.parametrize("count", [0, 1, 50])
def test_the_numbers_are_those_of_the_trained_head(
    score: str, box_input: str, hidden: tuple[int, ...], count: int
) -> None:
    head, rows = make_head(score, box_input, hidden), rows_of(count)
    with torch.inference_mode():
        expected = [each for each in head.predict(rows) if each is not None]
        got = InferenceHead(head)(rows)
    assert len(got) == len(expected) == (1 if box_input is None else 2)
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("score", "box_input", "hidden"), KINDS, ids=str)
def test_bfloat16_keeps_two_digits(score: str, box_input: str, hidden: tuple[int, ...]) -> None:
    head, rows = make_head(score, box_input, hidden), rows_of(50)
    with torch.inference_mode():
        narrow = InferenceHead(head, "bfloat16")
        assert narrow.dtype == torch.bfloat16
        for one, other in zip(narrow(rows), InferenceHead(head)(rows), strict=True):
            assert one.dtype == torch.float32
            assert 0 < (one - other).norm() < 0.02 * other.norm()
        for one, other in zip(narrow(rows.bfloat16()), narrow(rows), strict=True):
            assert torch.equal(one, other)


def test_a_detector_finds_the_same_to_the_tolerance() -> None:
    detector = small_detector(score_threshold=0.0)
    found = detector.detect(photo(), windows_of())
    narrow = detector.changed(precision="bfloat16").detect(photo(), windows_of())
    slow = SPPDetector(detector.config, detector.net)
    slow._head = lambda: Trained(detector.net.head)  # type: ignore[method-assign, assignment, return-value]
    expected = slow.detect(photo(), windows_of())
    assert len(found) == len(expected) > 10
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)
    assert found.labels.tolist() == expected.labels.tolist()
    assert 0 < np.abs(np.sort(narrow.scores)[-20:] - np.sort(found.scores)[-20:]).max() < 0.03


def test_convolutions_are_in_bfloat16_as_well() -> None:
    detector = small_detector(score_threshold=0.0)
    narrow = detector.changed(precision="bfloat16")
    exact, rounded = (each.maps(photo()).maps for each in (detector, narrow))
    for one, other in zip(exact, rounded, strict=True):
        assert (one.dtype, other.dtype) == (torch.float32, torch.bfloat16)
        assert 0 < (one - other.float()).norm() < 0.02 * one.norm()
    assert narrow.inference_features() is narrow.inference_features()
    assert {parameter.dtype for parameter in narrow.net.parameters()} == {torch.float32}
    with torch.no_grad():
        detector.net.backbone.conv1.weight.mul_(2)  # type: ignore[union-attr, operator]
    changed = narrow.maps(photo()).maps
    assert not torch.equal(changed[0], rounded[0])
    for other in ("float32", "int8"):
        assert detector.changed(precision=other).inference_features().backbone is detector.net.backbone
    whole = small_detector().to(torch.bfloat16)
    assert whole.inference_features() is whole.features


class Trained:
    """`RegionHead.predict` in the place of an `InferenceHead`."""

    dtype = torch.float32

    def __init__(self, head: RegionHead) -> None:
        self.head = head

    def __call__(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(each for each in self.head.predict(rows) if each is not None)


def test_weights_that_change_are_used() -> None:
    detector = small_detector(score_threshold=0.0)
    before = detector.detect(photo(), windows_of()).scores[:10]
    assert detector._head() is detector._head()
    with torch.no_grad():
        detector.net.head.score.weight.mul_(2)
    after = detector.detect(photo(), windows_of()).scores[:10]
    assert not np.allclose(before, after)
    detector.net.load_state_dict(small_detector().net.state_dict())
    np.testing.assert_array_equal(detector.detect(photo(), windows_of()).scores[:10], before)


@pytest.mark.parametrize(("hardware", "faster"), [(False, True), (True, True), (True, False)])
def test_auto_takes_bfloat16_where_it_is_faster(hardware: bool, faster: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 2.0] if faster else [2.0, 1.0])
    monkeypatch.setattr(heads, "computes_bfloat16", lambda device: hardware)
    monkeypatch.setattr(heads, "_seconds", lambda work: next(times))
    chosen = InferenceHead(make_head("softmax", "trunk", (24,)), "auto").dtype
    assert chosen == (torch.bfloat16 if hardware and faster else torch.float32)


def test_auto_measures() -> None:
    assert InferenceHead(make_head("softmax", "trunk", ()), "auto").dtype in (torch.float32, torch.bfloat16)


def test_precision_is_part_of_the_record(tmp_path: Any) -> None:
    small_detector(precision="auto").save(tmp_path)
    assert SPPDetector.load(tmp_path).config.precision == "auto"
    with pytest.raises(ValueError, match="precision: expected one of float32, bfloat16, int8, auto, got 'float16'"):
        small_detector(precision="float16")
    with pytest.raises(ValueError, match="precision: expected float32, bfloat16, int8 or auto, got 'float16'"):
        InferenceHead(make_head("softmax", "trunk", ()), "float16")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="row_scale: expected a positive number, got 0"):
        InferenceHead(make_head("softmax", "trunk", (), scale=0.0))
