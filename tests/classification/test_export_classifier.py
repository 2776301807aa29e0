"""A classifier in a file gives the probabilities that `classify` gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.config import NetworkConfig, TrainingConfig
from spp_ops.classification.export import export_classifier
from spp_ops.classification.scoring import ViewScorer
from spp_ops.classification.views import make_views
from spp_ops.export import load_graph

SIZES = [(60, 80), (333, 500), (110, 110), (20, 300), (301, 20), (480, 640)]
CLASSES = ("ant", "bee", "cat")


def checkpoint(arch: str, levels: tuple[int, ...] | None, side: int) -> Checkpoint:
    torch.manual_seed(0)
    network, training = NetworkConfig(arch, levels, (16,)), TrainingConfig(sizes=(side,))
    net = network.build(len(CLASSES))
    torch.nn.init.normal_(next(reversed(net.head)).weight, std=0.5)
    return Checkpoint(network, training, CLASSES, net.state_dict(), None, {}, [])


def photos() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (1 + height // 9, 1 + width // 9, 3), dtype=np.uint8) for height, width in SIZES]
    return [
        np.ascontiguousarray(each.repeat(9, 0).repeat(9, 1)[:height, :width])
        for each, (height, width) in zip(coarse, SIZES, strict=True)
    ]


def check(run: Checkpoint, file: Path, runtime: str, view: str, window: int) -> None:
    graph = load_graph(file, runtime)
    assert graph.interface.kind == "classifier"
    assert graph.interface.classes == CLASSES
    scorer = ViewScorer(run.classifier(), make_views(view, window), "images" if view == "crop" else "maps")
    for pixels in photos():
        expected = scorer(torch.from_numpy(pixels).permute(2, 0, 1)).mean(dim=0).numpy()
        assert 0.01 < expected.max() < 0.999  # else the scores would say little
        np.testing.assert_allclose(graph.run([pixels])[0], expected, rtol=0, atol=1e-3)


def test_a_network_for_images_of_any_size(tmp_path: Path) -> None:
    run = checkpoint("small5", (3, 2, 1), 96)
    export_classifier(run, tmp_path / "net.pt2", "pt2")
    check(run, tmp_path / "net.pt2", "torch", "full", 96)


def test_the_same_in_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    run = checkpoint("small5", (3, 2, 1), 96)
    export_classifier(run, tmp_path / "net.onnx", "onnx")
    for runtime in ("onnxruntime", "openvino"):
        pytest.importorskip(runtime, reason="needs the extras onnx and openvino")
        check(run, tmp_path / "net.onnx", runtime, "full", 96)


def test_the_side_of_the_usual_inputs(tmp_path: Path) -> None:
    run = checkpoint("small5", (3, 2, 1), 96)
    export_classifier(run, tmp_path / "net.pt2", "pt2", window=64)
    check(run, tmp_path / "net.pt2", "torch", "full", 64)


def test_a_network_without_pyramid_sees_the_middle(tmp_path: Path) -> None:
    run = checkpoint("zf5", None, 224)
    export_classifier(run, tmp_path / "net.pt2", "pt2")
    check(run, tmp_path / "net.pt2", "torch", "crop", 224)
