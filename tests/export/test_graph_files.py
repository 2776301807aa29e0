"""Graphs in files: what is kept, what is refused, and that nobody sees half of one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from spp_ops.export import GraphFormat, Interface, load_graph, write_graph
from spp_ops.export.files import check_graph_file
from spp_ops.export.pixels import antialiased, bilinear, is_inside, sides_of

INTERFACE = Interface("classifier", ("a", "b"), ("image",), ("sums",))
FORMATS: list[tuple[GraphFormat, str]] = [("pt2", "g.pt2"), ("onnx", "g.onnx"), ("openvino", "g.xml")]


class Sums(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image.float().sum(dim=(0, 1))


def write(path: Path, format_: GraphFormat) -> None:
    image = torch.zeros(5, 7, 2, dtype=torch.uint8)
    write_graph(Sums(), {"image": image}, {"image": {0: "height", 1: "width"}}, INTERFACE, path, format_)


@pytest.mark.parametrize(("format_", "name"), FORMATS)
def test_a_graph_comes_back_with_its_interface(format_: GraphFormat, name: str, tmp_path: Path) -> None:
    if format_ != "pt2":
        pytest.importorskip("onnxscript", reason="needs the extra onnx")
        pytest.importorskip("openvino" if format_ == "openvino" else "onnxruntime")
    write(tmp_path / name, format_)
    graph = load_graph(tmp_path / name, threads=1)
    assert graph.interface == INTERFACE
    image = np.arange(3 * 4 * 2, dtype=np.uint8).reshape(3, 4, 2)
    np.testing.assert_array_equal(graph.run([image])[0], image.sum(axis=(0, 1)))
    assert {path.name for path in tmp_path.iterdir()} == {name, *(["g.bin"] if format_ == "openvino" else [])}


@pytest.mark.parametrize(
    ("name", "runtime", "message"),
    [
        ("none.onnx", None, "no exported graph at .*none.onnx"),
        ("bad.txt", None, r"expected a file ending in .onnx, .xml or .pt2, got .*bad.txt"),
        ("bad.onnx", "torch", "runtime: expected onnxruntime for bad.onnx, got 'torch'"),
        ("bad.onnx", None, "bad.onnx is no graph that onnxruntime can run"),
        ("bad.pt2", None, "bad.pt2 is no graph that torch can run"),
        ("bad.xml", None, "bad.xml is no graph that openvino can run"),
    ],
)
def test_what_is_no_graph_is_named(name: str, runtime: str | None, message: str, tmp_path: Path) -> None:
    if message.endswith("run"):
        pytest.importorskip(message.split()[-3] if "torch" not in message else "torch")
    if name.startswith("bad"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_graph(tmp_path / name, runtime)


def test_a_program_of_somebody_else_is_refused(tmp_path: Path) -> None:
    torch.export.save(torch.export.export(Sums(), (torch.zeros(2, 2, 2),)), tmp_path / "other.pt2")
    with pytest.raises(ValueError, match="says nothing of its inputs and outputs"):
        load_graph(tmp_path / "other.pt2")


def test_names_and_missing_packages_are_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"out: expected a name that ends in \.onnx for onnx, got 'net\.pt2'"):
        check_graph_file(Path("net.pt2"), "onnx")
    for package in ("onnxscript", "openvino"):
        monkeypatch.setitem(sys.modules, package, None)
    for format_, name, extra in (("onnx", "n.onnx", "onnx"), ("openvino", "n.xml", "openvino")):
        with pytest.raises(ImportError, match=rf'for format {format_}: pip install "spp_ops\[{extra}\]"'):
            check_graph_file(Path(name), format_)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(31, 57), (7, 20), (90, 40), (13, 17), (1, 1)])
def test_bilinear_is_that_of_interpolate(size: tuple[int, int]) -> None:
    image = torch.randint(256, (13, 17, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    wanted = torch.tensor(size[0]), torch.tensor(size[1])
    expected = F.interpolate(image.permute(2, 0, 1)[None].float(), size, mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(bilinear(image, sides_of(image), wanted), expected.permute(1, 2, 0), atol=5e-4, rtol=0)
    larger = bilinear(image, sides_of(image), wanted, least=40)
    assert larger.shape == (max(size[0], 40), max(size[1], 40), 3)
    assert is_inside(wanted, larger).sum() == size[0] * size[1]


@pytest.mark.parametrize("size", [(31, 57), (7, 20), (90, 40), (13, 17), (4, 5)])
def test_antialiasing_is_that_of_the_library(size: tuple[int, int]) -> None:
    image = torch.randint(256, (50, 70, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    begin, sides = (3, 5), (40, 60)
    part = image.permute(2, 0, 1)[:, 3:43, 5:65].contiguous()
    expected = transforms.resize(part, list(size), antialias=True).permute(1, 2, 0).float()
    numbers = [tuple(map(torch.tensor, pair)) for pair in (begin, sides, size)]
    resized = antialiased(image, *numbers)  # type: ignore[arg-type]
    difference = (resized - expected).abs()
    assert difference.max() <= 1
    assert difference.mean() < 0.05  # few are one away
