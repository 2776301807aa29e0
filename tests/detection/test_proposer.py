"""Learned proposals: anchors, their losses, windows inside the image, the files and the combination."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_detectors import CLASSES, photo, small_detector, windows_of
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from spp_ops.detection import CombinedDetector, DetectorConfig, ProposalConfig, SPPDetector
from spp_ops.detection.boxes import box_iou, half_open
from spp_ops.detection.detectors.proposer import (
    ProposerConfig,
    RegionProposer,
    image_windows,
    propose,
    resized_boxes,
)
from spp_ops.detection.detectors.rcnn import RCNNDetector
from spp_ops.detection.joint.anchors import cluster
from spp_ops.receptive_field import ReceptiveField

CONFIG = ProposerConfig(sizes=(16.0, 32.0), ratios=(0.5, 1.0, 2.0), width=8)
FIELD = ReceptiveField(size=20, stride=(8, 8), center=(3.5, 2.5))
LEARNED = ProposalConfig("learned", limit=40)


def proposer(**changes: object) -> RegionProposer:
    torch.manual_seed(0)
    made = RegionProposer(4, replace(CONFIG, **changes))  # type: ignore[arg-type]
    for layer in (made.network.head.cls_logits, made.network.head.bbox_pred):
        torch.nn.init.normal_(layer.weight, std=0.3)
    return made


def learned_detector(seed: int = 0, **changes: object) -> SPPDetector:
    settings = {"proposals": LEARNED, "proposer": CONFIG, "score_threshold": 0.1} | changes
    return small_detector(seed, **settings)


def test_anchors_are_torchvisions_about_the_centers_of_the_cells() -> None:
    maps = torch.randn(1, 4, 3, 5)
    found = proposer()(maps, FIELD)
    generator = AnchorGenerator((CONFIG.sizes,), (CONFIG.ratios,))
    (expected,) = generator(ImageList(torch.zeros(1, 3, 24, 40), [(24, 40)]), [maps])
    torch.testing.assert_close(found.anchors, expected + torch.tensor([4.0, 3.0, 4.0, 3.0]))
    assert found.logits.shape == (3 * 5 * 6,)
    assert found.corrections.shape == (3 * 5 * 6, 4)


def test_what_is_said_of_an_anchor_is_said_at_its_cell() -> None:
    made = proposer()
    maps = torch.zeros(1, 4, 6, 7)
    before = made(maps, FIELD)
    maps[0, :, 2, 5] = 10.0
    after = made(maps, FIELD)
    changed = (before.logits != after.logits).view(6, 7, 6).any(dim=2)
    assert changed.nonzero().amin(dim=0).tolist() == [1, 4]  # one convolution of 3 x 3
    assert changed.nonzero().amax(dim=0).tolist() == [3, 6]
    moved = (before.corrections != after.corrections).any(dim=1).view(6, 7, 6).any(dim=2)
    assert torch.equal(moved, changed)


def test_boxes_go_to_the_resized_image_and_back() -> None:
    boxes = windows_of(60, 80, 50)
    resized = resized_boxes(boxes, (1.5, 2.0))
    assert resized[0].tolist() == [
        1.5 * boxes[0, 0], 2 * boxes[0, 1], 1.5 * (boxes[0, 2] + 1), 2 * (boxes[0, 3] + 1)
    ]  # fmt: skip
    torch.testing.assert_close(image_windows(resized, (1.5, 2.0), 60, 80), boxes)
    outside = torch.tensor([[-50.0, -10.0, -20.0, 500.0], [30.0, 30.0, 20.0, 20.0]])
    assert image_windows(outside, (1.0, 1.0), 60, 80).tolist() == [[0, 0, 0, 59], [30, 30, 30, 30]]


def test_windows_are_inside_apart_and_the_likeliest_first() -> None:
    made = proposer(nms_iou=0.6)
    maps, scales = [torch.randn(1, 4, 8, 10), torch.randn(1, 4, 12, 15)], [(1.0, 1.0), (1.5, 1.5)]
    windows, logits = propose(made, maps, scales, FIELD, (60, 80), None)
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, 2] <= 79).all()
    assert (windows[:, 3] <= 59).all()
    assert (windows[:, :2] <= windows[:, 2:]).all()
    assert torch.equal(logits, logits.sort(descending=True)[0])
    ious = box_iou(windows, windows).fill_diagonal_(0)
    assert (ious <= 0.6).all()
    fewer, _ = propose(made, maps, scales, FIELD, (60, 80), 7)
    assert torch.equal(fewer, windows[:7])
    from_each = [propose(made, [one], [scale], FIELD, (60, 80), None)[1][0] for one, scale in zip(maps, scales)]  # noqa: B905
    assert logits[0] == max(from_each)


def test_the_loss_wants_anchors_on_objects_and_leaves_difficult_ones_alone() -> None:
    made = proposer()
    found = made(torch.randn(1, 4, 8, 10), FIELD)
    ious = box_iou(found.anchors, found.anchors)
    on = int(((ious > 0.99).sum(dim=1) == 1).nonzero()[40])
    objects, none = found.anchors[on : on + 1], found.anchors[:0]

    def gradient(objects: torch.Tensor, difficult: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = found.logits.detach().requires_grad_()
        corrections = found.corrections.detach().requires_grad_()
        generator = torch.Generator().manual_seed(0)
        torch.manual_seed(torch.seed() % 1000)  # whatever was drawn before must not matter
        losses = made.losses(
            found._replace(logits=logits, corrections=corrections), objects, difficult, generator, 9999
        )
        return torch.autograd.grad(sum(losses), [logits, corrections])  # type: ignore[return-value, arg-type]

    logits, corrections = gradient(objects, none)
    overlap = box_iou(found.anchors, objects)[:, 0]
    assert logits[on] < 0  # to be larger
    assert (logits[overlap < 0.29] > 0).all()
    assert set(corrections.abs().sum(dim=1).nonzero()[:, 0].tolist()) == set((logits < 0).nonzero()[:, 0].tolist())
    assert (gradient(none, none)[0] > 0).all()  # an image without objects is background
    logits, _ = gradient(none, objects)
    assert (logits[overlap >= 0.31] == 0).all()
    assert (logits[overlap < 0.29] > 0).all()


def test_sampled_anchors_follow_from_the_generator_alone() -> None:
    made = proposer()
    found = made(torch.randn(1, 4, 8, 10), FIELD)
    objects = torch.tensor([[10.0, 10.0, 40.0, 40.0]])
    losses = []
    for seed in (1, 1, 2):
        before = torch.random.get_rng_state()
        generator = torch.Generator().manual_seed(seed)
        losses.append(float(made.losses(found, objects, objects[:0], generator, 20).objectness.detach()))
        assert torch.equal(before, torch.random.get_rng_state())
        torch.rand(7)
    assert losses[0] == losses[1] != losses[2]


def test_a_detector_looks_at_what_it_proposes() -> None:
    detector = learned_detector()
    pixels = photo()
    windows, _ = detector.propose(pixels)
    assert 0 < len(windows) <= 40
    found, given = detector.detect(pixels), detector.detect(pixels, windows)
    np.testing.assert_array_equal(found.boxes, given.boxes)
    np.testing.assert_array_equal(found.scores, given.scores)
    fewer = detector.changed(proposals=replace(LEARNED, limit=3)).propose(pixels)[0]
    assert torch.equal(fewer, windows[:3])
    (batched,) = detector.detect_batch([pixels])
    np.testing.assert_array_equal(batched.boxes, found.boxes)


def test_a_saved_detector_proposes_the_same(tmp_path: Path) -> None:
    detector = learned_detector()
    detector.save(tmp_path)
    loaded = SPPDetector.load(tmp_path)
    assert loaded.config == detector.config
    assert torch.equal(loaded.propose(photo())[0], detector.propose(photo())[0])


def test_the_proposals_do_not_change_what_else_is_drawn() -> None:
    torch.manual_seed(0)
    with_proposer = DetectorConfig(CLASSES, "small5", (2, 1), (8,), proposer=CONFIG).build()
    torch.manual_seed(0)
    without = DetectorConfig(CLASSES, "small5", (2, 1), (8,)).build()
    tensors = with_proposer.state_dict()
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in without.state_dict().items())


def test_combined_detectors_look_at_all_that_they_propose() -> None:
    one, other = learned_detector(0), learned_detector(1)
    pixels = photo()
    windows = torch.cat([one.propose(pixels)[0], other.propose(pixels)[0]])
    both = CombinedDetector([one, other])
    found, given = both.detect(pixels), both.detect(pixels, windows)
    assert len(found) > 0
    np.testing.assert_array_equal(found.boxes, given.boxes)
    np.testing.assert_array_equal(found.scores, given.scores)
    with pytest.raises(ValueError, match="detectors: expected the same proposals in all"):
        CombinedDetector([one, small_detector()])


def test_networks_that_have_not_learned_to_propose_are_refused() -> None:
    plain = small_detector()
    with pytest.raises(ValueError, match="proposals: expected a method, as the network has not learned to propose"):
        plain.changed(proposals=LEARNED)
    with pytest.raises(ValueError, match="proposer: expected the network's, None, got ProposerConfig"):
        plain.changed(proposer=CONFIG)
    with pytest.raises(ValueError, match="proposals: expected a detector that has learned to propose windows"):
        plain.propose(photo())
    with pytest.raises(ValueError, match="proposals: expected a method, as R-CNN has no map"):
        RCNNDetector(learned_detector().config, learned_detector().net).detect(photo())


def test_sizes_and_ratios_follow_from_the_boxes() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([center * np.exp(random.normal(0, 0.05, 30)) for center in (20, 60, 200)])
    assert cluster(values, 3) == pytest.approx((20, 60, 200), rel=0.03)
    assert cluster(values, 3) == cluster(values[::-1].copy(), 3)
    assert cluster(np.array([7.0, 7.0]), 3) == (7.0,)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"sizes": ()}, "sizes: expected one or more positive numbers"),
        ({"ratios": (1.0, -1.0)}, "ratios: expected one or more positive numbers"),
        ({"width": 0}, "width: expected a whole number of at least 1, got 0"),
        ({"nms_iou": 0.0}, "nms_iou: expected a number above 0, up to 1, got 0.0"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(CONFIG, **settings)  # type: ignore[arg-type]


def test_half_open_boxes_of_objects_match_the_anchors_scale() -> None:
    # An object of one pixel covers one pixel of an image that is not resized.
    assert resized_boxes(torch.tensor([[3.0, 4.0, 3.0, 4.0]]), (1.0, 1.0)).tolist() == [[3, 4, 4, 5]]
    assert half_open(torch.zeros(1, 4)).tolist() == [[0, 0, 1, 1]]
