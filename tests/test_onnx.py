"""An exported model gives in onnxruntime, and as far as it can in OpenVINO, what the operator gives."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from agreement import assert_same
from strategies import BOXES, DTYPES, VALUES
from torch import Tensor, nn
from torch.export import Dim

import spp_ops
from spp_ops import Projection, ReceptiveField
from spp_ops.models import SPPNet

pytest.importorskip("onnxscript", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")

PROJECTIONS = [
    Projection.rounded(0.25),
    Projection.rounded((0.3, 0.2)),
    Projection.cells(),
    Projection.receptive_field(ReceptiveField(size=9, stride=4, center=1.5), image_scale=0.7, inset=1.5),
    Projection.floor_ceil(4, image_scale=(1.0, 1.3)),
]
Run = Callable[..., Tensor]


class Pool(nn.Module):
    """The operator as a module of tensors alone."""

    def __init__(self, levels: Sequence[Any], projection: Any, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.levels, self.projection, self.dtype = tuple(levels), projection, dtype

    def forward(self, features: Any, rois: Tensor, map_index: Tensor | None = None) -> Tensor:
        features = [each.to(self.dtype) for each in ([features] if isinstance(features, Tensor) else features)]
        pooled = spp_ops.roi_spatial_pyramid_pool(
            features, rois, self.levels, self.projection, map_index=map_index, target_area=900.0
        )
        return pooled.float() if self.dtype == torch.bfloat16 else pooled  # NumPy has no bfloat16


def export(module: nn.Module, inputs: tuple[Any, ...], file: Path, dynamic: Any = None, optimize: bool = False) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter, on its own parts
        torch.onnx.export(
            module.eval(),
            inputs,
            file,
            dynamo=True,
            verbose=False,
            optimize=optimize,
            dynamic_shapes=dynamic,
            custom_translation_table=spp_ops.onnx.translation_table(),
        )


def in_onnxruntime(file: Path) -> Run:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(*inputs: Tensor) -> Tensor:
        arrays = {name: each.numpy() for name, each in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, arrays)[0])

    return run


def in_openvino(file: Path) -> Run:
    openvino = pytest.importorskip("openvino")
    model = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda *inputs: torch.from_numpy(model([each.numpy() for each in inputs])[0])


def boxes(count: int, images: int, width: int, height: int, seed: int = 0) -> Tensor:
    """Boxes of every kind, in turn, on images of `width` x `height` pixels; many with corners where rules differ."""
    generator = torch.Generator().manual_seed(seed)
    extent = torch.tensor([width, height] * 2)
    kinds = list(BOXES.values())
    rows = [kinds[i % len(kinds)](torch.rand(4, generator=generator)) * extent for i in range(count)]
    corners = torch.stack(rows) if rows else torch.empty(0, 4)
    corners[::2] = (corners[::2] * 2).round() / 2
    return torch.cat([torch.randint(images, (count, 1), generator=generator), corners], dim=1)


@pytest.fixture(params=[in_onnxruntime, in_openvino])
def runtime(request: pytest.FixtureRequest) -> Callable[[Path], Run]:
    run: Callable[[Path], Run] = request.param
    return run


@pytest.fixture(scope="module", params=PROJECTIONS, ids=repr)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pool]:
    """A file with open sizes, and the module it is of."""
    file, pool = tmp_path_factory.mktemp("onnx") / "pool.onnx", Pool((6, 3, (1, 2), 1), request.param)
    dynamic = {"features": {0: Dim("n"), 2: Dim("h"), 3: Dim("w")}, "rois": {0: Dim("r")}}
    export(pool, (torch.randn(2, 5, 13, 9), boxes(30, 2, 36, 52)), file, dynamic)
    return file, pool


def test_any_number_of_windows_on_maps_of_any_size(exported: tuple[Path, Pool], runtime: Callable[[Path], Run]) -> None:
    file, pool = exported
    run = runtime(file)
    for images, height, width, windows in [(2, 38, 50, 300), (1, 1, 1, 20), (3, 5, 130, 50), (1, 64, 63, 0)]:
        features, rois = torch.randn(images, 5, height, width), boxes(windows, images, 4 * width, 4 * height, seed=1)
        assert_same(run(features, rois), pool(features, rois))


@pytest.mark.parametrize("projection", [PROJECTIONS[0], PROJECTIONS[3]], ids=repr)
@pytest.mark.parametrize("rois_dtype", [torch.float16, torch.float32, torch.float64])
def test_fixed_sizes_and_boxes_of_any_type(projection: Projection, rois_dtype: torch.dtype, tmp_path: Path) -> None:
    features, rois = torch.randn(2, 3, 17, 16), boxes(200, 2, 64, 68).to(rois_dtype)
    pool = Pool((7, 4, 2), projection)
    export(pool, (features, rois), tmp_path / "pool.onnx")
    assert_same(in_onnxruntime(tmp_path / "pool.onnx")(features, rois), pool(features, rois))


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_and_types_of_features(dtype: torch.dtype, tmp_path: Path) -> None:
    pool, rois = Pool((3, 2, 1), 0.25, dtype), boxes(50, 2, 40, 44)
    export(pool, (torch.randn(2, 4, 11, 10), rois), tmp_path / "pool.onnx")
    run = in_onnxruntime(tmp_path / "pool.onnx")
    for values in VALUES.values():
        features = values((2, 4, 11, 10), torch.Generator().manual_seed(0))
        assert_same(run(features, rois), pool(features, rois))


@pytest.mark.parametrize("chosen", [False, True])
def test_several_maps(chosen: bool, runtime: Callable[[Path], Run], tmp_path: Path) -> None:
    maps = [torch.randn(2, 4, *size) for size in [(5, 7), (12, 9), (20, 31)]]
    rules = [Projection.floor_ceil(4, image_scale=scale) for scale in (0.5, 1.0, 2.0)]
    rois = boxes(100, 2, 60, 44)
    pool = Pool((3, 1), rules)
    inputs = (maps, rois, torch.arange(100) % 3) if chosen else (maps, rois)
    export(pool, inputs, tmp_path / "pool.onnx")
    assert_same(runtime(tmp_path / "pool.onnx")(*maps, *inputs[1:]), pool(*inputs))


@pytest.mark.parametrize("row", [[2, 0, 0, 9, 9], [-1, 0, 0, 9, 9], [0.5, 0, 0, 9, 9], [0, 0, float("nan"), 9, 9]])
def test_a_bad_row_gives_nan(row: list[float], tmp_path: Path) -> None:
    features, good = torch.randn(2, 3, 8, 8), boxes(2, 2, 8, 8)
    pool = Pool((2, 1), 1.0)
    export(pool, (features, boxes(3, 2, 8, 8)), tmp_path / "pool.onnx")
    pooled = in_onnxruntime(tmp_path / "pool.onnx")(features, torch.cat([good, torch.tensor([row])]))
    assert_same(pooled[:2], pool(features, good))
    assert pooled[2].isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_infinite_corners_and_missing_maps_give_nan(dtype: torch.dtype, tmp_path: Path) -> None:
    features = [torch.randn(1, 3, 8, 8), torch.randn(1, 3, 4, 4)]
    rois = torch.tensor([[0, 0, 0, 9, 9], [0, 0, 0, float("inf"), 9], [0] * 5, [0] * 5], dtype=dtype)
    pool = Pool((2, 1), [1.0, 0.5])
    export(pool, (features, rois[[0, 0, 0, 0]], torch.tensor([1, 0, 0, 0])), tmp_path / "pool.onnx")
    pooled = in_onnxruntime(tmp_path / "pool.onnx")(*features, rois, torch.tensor([1, 0, 2, -1]))
    assert_same(pooled[:1], pool(features, rois[:1], torch.tensor([1])))
    assert pooled[1:].isnan().all()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SPPNet]:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3), nn.ReLU())
    net = SPPNet(backbone, (4, 2, 1), num_classes=5, hidden=(16,)).eval()
    file = tmp_path_factory.mktemp("onnx") / "net.onnx"
    dynamic = ({0: Dim("n"), 2: Dim("h", min=32), 3: Dim("w", min=32)},)
    export(net, (torch.randn(2, 3, 64, 60),), file, dynamic, optimize=True)
    return file, net


def test_a_network_for_images_of_any_size(network: tuple[Path, SPPNet], runtime: Callable[[Path], Run]) -> None:
    file, net = network
    run = runtime(file)
    for shape in [(2, 3, 64, 60), (1, 3, 224, 180), (5, 3, 33, 97)]:
        images = torch.randn(shape)
        with torch.no_grad():
            torch.testing.assert_close(run(images), net(images))


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    for name in [name for name in sys.modules if name.startswith("spp_ops.onnx._")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r'onnxscript.*pip install "spp_ops\[onnx\]"'):
        spp_ops.onnx.translation_table()
