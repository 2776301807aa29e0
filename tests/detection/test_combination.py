"""Combined detectors against the union of what their parts say."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_detectors import CLASSES, photo, small_detector, windows_of

from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.combined import CombinedDetector
from spp_ops.detection.detectors.postprocess import postprocess
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import ProposalConfig


def assert_same(one: Detections, other: Detections) -> None:
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
    np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)


@torch.no_grad()
def union(detectors: list[SPPDetector]) -> Detections:
    """All windows as often as there are detectors, with the scores and corrections of each."""
    parts = [each.net.head.predict(each.features(photo(), windows_of())) for each in detectors]
    scores = torch.cat([scores for scores, _ in parts])
    corrections = torch.cat([corrections for _, corrections in parts if corrections is not None])
    return postprocess(windows_of().repeat(len(detectors), 1), scores, corrections, (60, 80), detectors[0].config)


@pytest.mark.parametrize("changes", [{}, {"scales": (80,), "levels": (3,), "hidden": (5,)}])
def test_the_union_goes_through_one_suppression(changes: dict[str, object]) -> None:
    detectors = [small_detector(0), small_detector(1, **changes), small_detector(2)]
    combined = CombinedDetector(detectors)
    found = combined.detect(photo(), windows_of())
    assert_same(found, union(detectors))
    assert combined.classes == CLASSES
    best = max(float(each.detect(photo(), windows_of()).scores[0]) for each in detectors)
    assert found.scores[0] == pytest.approx(best)


def test_a_detector_combined_with_itself_finds_what_it_finds_alone() -> None:
    alone = small_detector()
    assert_same(CombinedDetector([alone, alone]).detect(photo(), windows_of()), alone.detect(photo(), windows_of()))


def test_equal_convolutions_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = small_detector(0), small_detector(1), small_detector(2)
    second.net.backbone.load_state_dict(first.net.backbone.state_dict())
    runs = itertools.count()
    maps = SPPDetector.maps
    monkeypatch.setattr(SPPDetector, "maps", lambda *args: (next(runs), maps(*args))[1])
    found = CombinedDetector([first, second, third]).detect(photo(), windows_of())
    assert next(runs) == 2
    assert_same(found, union([first, second, third]))


def test_windows_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    proposals = ProposalConfig("selective-search-fast", side=60, limit=30)
    detectors = [small_detector(seed, proposals=proposals) for seed in range(2)]
    from spp_ops.detection.detectors import inputs

    runs = itertools.count()
    make = inputs.make_proposer
    monkeypatch.setattr(inputs, "make_proposer", lambda config: (next(runs), make(config))[1])
    found = CombinedDetector(detectors).detect_batch([photo(), photo(50, 50)])
    assert next(runs) == 2  # images
    assert all(len(each) for each in found)


def test_each_keeps_its_threshold() -> None:
    first, silent = small_detector(0), small_detector(1, score_threshold=2.0)
    found = CombinedDetector([first, silent]).detect(photo(), windows_of())
    assert_same(found, first.detect(photo(), windows_of()))


def test_no_windows_are_no_objects() -> None:
    assert len(CombinedDetector([small_detector(0), small_detector(1)]).detect(photo(), np.zeros((0, 4)))) == 0


def test_what_cannot_be_combined_is_named() -> None:
    first = small_detector()
    with pytest.raises(ValueError, match="detectors: expected two or more, got 1"):
        CombinedDetector([first])
    with pytest.raises(ValueError, match="expected the same score in all, got 'softmax' and 'margin'"):
        CombinedDetector([first, small_detector(score="margin")])
    with pytest.raises(ValueError, match="expected the same classes in all"):
        CombinedDetector([first, SPPDetector(replace(first.config, classes=("a", "b", "c")), first.net)])
    with pytest.raises(ValueError, match="expected the same proposals in all"):
        CombinedDetector([first, first.changed(proposals=ProposalConfig(limit=7))])
