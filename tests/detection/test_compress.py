"""Smaller heads: truncated singular values, 8 bits, and the runs that hold them."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save
from small_detectors import photo, small_detector, windows_of
from torch import nn

from spp_ops.demo.digit_detector import digit_detector, digit_images
from spp_ops.detection import SPPDetector
from spp_ops.detection.detectors.compress import truncate
from spp_ops.detection.detectors.inference import run_detector
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.features.int8 import ByteWeights, rounded
from spp_ops.detection.features.linear import dense
from spp_ops.detection.features.low_rank import LowRankLinear, Spectrum


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digits")


@pytest.mark.parametrize(("inputs", "outputs"), [(30, 20), (20, 30), (25, 25)])
def test_truncation_is_the_best_of_its_rank(inputs: int, outputs: int) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(inputs, outputs)
    u, s, v = torch.linalg.svd(layer.weight.detach(), full_matrices=False)
    spectrum = Spectrum(layer)
    torch.testing.assert_close(spectrum.energy.float(), (s**2).cumsum(0) / (s**2).sum())
    for rank in (1, 7, 20):
        smaller = spectrum.truncated(rank)
        inner, outer = smaller.weights
        assert (inner.shape, outer.shape) == ((rank, inputs), (outputs, rank))
        expected = u[:, :rank] @ torch.diag(s[:rank]) @ v[:rank]
        torch.testing.assert_close(outer @ inner, expected, rtol=1e-4, atol=1e-5)
        rows = torch.randn(5, inputs)
        torch.testing.assert_close(smaller(rows), rows @ expected.t() + layer.bias, rtol=1e-4, atol=1e-4)
    for energy in (0.3, 0.9, 1.0):
        rank = spectrum.rank_of(energy)
        assert spectrum.energy[rank - 1] >= energy - 1e-12
        assert rank == 1 or spectrum.energy[rank - 2] < energy


def test_weights_of_zeros_can_be_truncated() -> None:
    layer = nn.Linear(8, 6)
    nn.init.zeros_(layer.weight)
    assert not Spectrum(layer).truncated(2)(torch.ones(1, 8)).detach().sub(layer.bias).any()


@pytest.mark.parametrize("rows", [0, 1, 2, 37])
def test_products_of_bytes_are_exact(rows: int) -> None:
    torch.manual_seed(0)
    weights = ByteWeights.of(torch.randn(33, 70))
    values = torch.randn(rows, 70) * torch.rand(rows, 1) * 100
    numbers, scale = rounded(values)
    assert (numbers.shape, scale.shape) == ((rows, 70), (rows, 1))
    expected = (numbers.double() * scale) @ weights.restored().double().t()
    torch.testing.assert_close(weights.product(values).double(), expected, rtol=1e-5, atol=1e-5)
    assert (numbers * scale - values).abs().le(scale * 0.501).all()
    assert (weights.product(values) - values @ weights.restored().t()).norm() <= 0.02 * values.norm() * 8


def test_bytes_of_rows_without_numbers_or_with_odd_ones() -> None:
    weights = ByteWeights.of(torch.tensor([[1.0, -2.0], [0.0, 0.0]]))
    rows = torch.tensor([[0.0, 0.0], [3.0, float("nan")], [1e30, 1e30]])
    zero, unknown, large = weights.product(rows)
    assert zero.tolist() == [0.0, 0.0]
    assert unknown.isnan().all()
    assert large.tolist() == pytest.approx([-1e30, 0.0], rel=0.01)
    assert ByteWeights.of(weights.restored()).numbers.equal(weights.numbers)


def test_a_head_of_the_comparison_with_rcnn() -> None:
    torch.manual_seed(0)
    head = nn.Sequential(LowRankLinear(40, 30, 12), nn.ReLU(), nn.Linear(30, 20))
    with torch.inference_mode():
        rows = torch.rand(9, 40)
        expected = head(rows)
        torch.testing.assert_close(dense(head)(rows), expected, rtol=1e-4, atol=1e-5)
        narrow = dense(head, "int8")(rows)
    assert 0 < (narrow - expected).norm() < 0.03 * expected.norm()


def test_a_full_rank_finds_the_same(tmp_path: Path) -> None:
    detector = small_detector(hidden=(48, 24), score_threshold=0.0)
    smaller, layers = truncate(detector, ranks=[40, 12])
    assert [(each.name, each.rank) for each in layers] == [("fc6", 40), ("fc7", 12)]
    assert smaller.config == replace(detector.config, ranks=(40, 12))
    assert layers[0].energy > layers[1].energy > 0.5
    smaller.save(tmp_path)
    again = SPPDetector.load(tmp_path)
    found, loaded = (each.detect(photo(), windows_of()) for each in (smaller, again))
    assert found.scores.tolist() == loaded.scores.tolist()
    with torch.no_grad():  # weights of low rank lose nothing
        for name, rank in (("fc6", 40), ("fc7", 12)):
            inner, outer = smaller.net.head.trunk.get_submodule(name).weights  # type: ignore[operator, misc]
            assert inner.shape[0] == rank
            detector.net.head.trunk.get_submodule(name).weight.copy_(outer @ inner)  # type: ignore[operator, union-attr]
    expected = detector.detect(photo(), windows_of())
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_a_run_in_8_bits_is_a_quarter_and_comes_back_as_it_was(tmp_path: Path) -> None:
    detector = small_detector(hidden=(256,), score_threshold=0.0)
    detector.save(tmp_path / "whole")
    detector.changed(precision="int8").save(tmp_path / "bytes")
    stored = load_file(tmp_path / "bytes" / "detector.safetensors")
    assert stored["head.trunk.fc6.weight"].dtype == torch.int8
    assert stored["head.trunk.fc6.weight_scale"].shape == (256,)
    assert stored["head.score.weight"].dtype == torch.float32
    sizes = [(tmp_path / run / "detector.safetensors").stat().st_size for run in ("whole", "bytes")]
    saved = 3 * 256 * stored["head.trunk.fc6.weight"].shape[1]
    assert sizes[0] - sizes[1] == pytest.approx(saved, abs=3000)
    again = SPPDetector.load(tmp_path / "bytes")
    assert again.config.precision == "int8"
    found, loaded, whole = (
        each.detect(photo(), windows_of()) for each in (detector.changed(precision="int8"), again, detector)
    )
    np.testing.assert_allclose(loaded.scores, found.scores, atol=1e-6)
    assert 0 < np.median(np.abs(np.sort(found.scores)[-20:] - np.sort(whole.scores)[-20:])) < 0.01
    again.save(tmp_path / "again")
    second = load_file(tmp_path / "again" / "detector.safetensors")
    assert second["head.trunk.fc6.weight"].equal(stored["head.trunk.fc6.weight"])


def test_a_file_in_8_bits_without_its_scales_is_refused(tmp_path: Path) -> None:
    small_detector(precision="int8").save(tmp_path)
    tensors = load_file(tmp_path / "detector.safetensors")
    del tensors["head.trunk.fc6.weight_scale"]
    content = save(tensors)
    (tmp_path / "detector.safetensors").write_bytes(content)
    record = json.loads((tmp_path / "detector.json").read_text())
    record["weights_sha256"] = sha256(content).hexdigest()
    (tmp_path / "detector.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"fc6\.weight is of 8 bits, without head\.trunk\.fc6\.weight_scale"):
        SPPDetector.load(tmp_path)


def test_a_trained_detector_finds_as_well_when_it_is_smaller(digits: Path) -> None:
    images = digit_images(digits, "test")
    few = images.subset(range(4))
    whole = digit_detector().changed(scales=(240,))
    smaller, (layer,) = truncate(whole, energy=0.98)
    assert layer.rank is not None
    smaller = smaller.changed(precision="int8")
    before, after = (evaluate_detections(few, run_detector(each, few)).eleven_point for each in (whole, smaller))
    assert before > 0.6
    assert after == pytest.approx(before, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "energy: expected a share above 0 and at most 1, got None"),
        ({"energy": 1.5}, "energy: expected a share above 0 and at most 1, got 1.5"),
        ({"ranks": [3], "energy": 0.5}, "ranks, energy: expected one of them, got both"),
        ({"ranks": [3, 3]}, "ranks: expected one of at least 1 for each of fc6, got \\[3, 3\\]"),
        ({"ranks": [0]}, "ranks: expected one of at least 1 for each of fc6, got \\[0\\]"),
        ({"ranks": [8]}, "ranks: \\[8\\] take no fewer weights than the layers have; expected less"),
        ({"energy": 1.0}, "energy: 1.0 takes no fewer weights than the layers have; expected less"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        truncate(small_detector(), **arguments)  # type: ignore[arg-type]


def test_what_has_no_layers_to_truncate() -> None:
    with pytest.raises(ValueError, match="expected one with hidden layers in its head"):
        truncate(small_detector(hidden=()), [3])
    once, _ = truncate(small_detector(hidden=(16,)), [3])
    with pytest.raises(ValueError, match=r"expected one whose layers are whole, got ranks \[3\]"):
        truncate(once, [2])
    with pytest.raises(ValueError, match="ranks: expected none, or a rank or None for each of 1 hidden layers"):
        small_detector(ranks=(3, 3))
