"""A detector's head as it is used: the numbers of `RegionHead.predict` in fewer passes over the rows.

At one photo's 2,000 rows of 25,600 numbers, multiplying the rows by `row_scale` takes longer than all that is computed
from them. So it is moved into the layers: as a ReLU takes no notice of a positive factor s, ``relu(W (s x) + b)`` is
``s relu(W x + b / s)``, layer for layer, and the last layer's weights take the s. Scores and boxes, which look at the
same numbers, are one layer. Results differ from `predict`'s by rounding: by 1e-5 of the largest number, or so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spp_ops.detection.detectors.network import RegionHead
from spp_ops.detection.features.int8 import ByteWeights
from spp_ops.detection.features.linear import Precision, computes_bfloat16, linear
from spp_ops.detection.features.low_rank import LowRankLinear

HeadPrecision: TypeAlias = Literal[Precision, "auto"]

_MEASURED_ROWS = 256

_Layer: TypeAlias = tuple[Tensor, Tensor]  # weights [D, C] and bias [D]
_Hidden: TypeAlias = tuple[Tensor | ByteWeights, Tensor | None]  # without bias: the inner one of two layers for one


class InferenceHead:
    """Scores and box corrections of rows, without gradients.

    Attributes:
        dtype: that rows are multiplied in; rows given in it need no conversion.

    Args:
        head: on the device to be used; the weights of its hidden layers are shared, but for bfloat16.
        precision: of the products, which are added up in float32; of weights that are not in float32 themselves, theirs
            unless it is bfloat16 or int8. "auto": the faster one by a short measurement, where the device has bfloat16
            in hardware. "int8" is of the hidden layers alone.
    """

    def __init__(self, head: RegionHead, precision: HeadPrecision = "float32") -> None:
        if precision not in (*get_args(Precision), "auto"):
            raise ValueError(f"precision: expected {', '.join(get_args(Precision))} or auto, got {precision!r}")
        scale = float(head.row_scale)
        if not scale > 0:
            raise ValueError(f"row_scale: expected a positive number, got {scale:g}")
        self._source = weights_state(head)
        self.dtype = head.score.weight.dtype
        self._row_scale: float | None = None
        if self.dtype == torch.float16 and precision != "int8":  # sums of rows that are not scaled may exceed 65,504
            self._row_scale, scale = scale, 1.0
        self._softmax = head.score_kind == "softmax"
        self._classes = head.num_classes
        self._scores = head.score.out_features
        hidden = [layer for layer in head.trunk if isinstance(layer, nn.Linear | LowRankLinear)]
        self._hidden: list[_Hidden] = [step for layer in hidden for step in _steps(layer, scale)]
        last: list[_Layer] = [_scaled(head.score, scale)]
        self._rows: _Layer | None = None
        if head.box is not None:
            std = head.box_std.float().repeat(head.num_classes)
            box = _scaled(head.box, scale, std)
            if head.box_input == "rows" and hidden:
                self._rows = box
            else:
                last.append(box)
        self._last: _Layer = torch.cat([weight for weight, _ in last]), torch.cat([bias for _, bias in last])
        if precision == "int8":
            self._convert(torch.float32, ByteWeights.of)
        elif precision == "bfloat16" or (precision == "auto" and self._is_faster_in_bfloat16()):
            self._convert(torch.bfloat16, lambda weight: weight.to(torch.bfloat16))

    def is_of(self, head: RegionHead) -> bool:
        """Whether the head's weights are still those that this one was made from."""
        return self._source == weights_state(head)

    def __call__(self, rows: Tensor) -> tuple[Tensor, ...]:
        """[R, D] -> probabilities or margins [R, K] and, unless windows stay as they are, corrections [R, K, 4]."""
        rows = rows.to(self.dtype)
        if self._row_scale is not None:
            rows = rows * self._row_scale
        above = rows
        for weight, bias in self._hidden:
            above = linear(above, weight, bias)
            if bias is not None:
                above = F.relu(above)
        last = self._product(above, self._last)
        scores, boxes = last[:, : self._scores], last[:, self._scores :]
        if self._rows is not None:
            boxes = self._product(rows, self._rows)
        if self._softmax:
            scores = scores.softmax(dim=1)[:, 1:]
        return (scores, boxes.unflatten(1, (self._classes, 4))) if boxes.shape[1] else (scores,)

    @staticmethod
    def _product(rows: Tensor, layer: _Layer) -> Tensor:
        """A layer's numbers in float32; its bias, which may be large beside them, is added there."""
        weight, bias = layer
        return linear(rows, weight, None).float() + bias

    def _convert(self, dtype: torch.dtype, hidden: Callable[[Any], Tensor | ByteWeights]) -> None:
        """Multiply rows in another type, by weights of the hidden layers as this function makes them."""
        self.dtype = dtype
        self._hidden = [(hidden(weight), None if bias is None else bias.to(dtype)) for weight, bias in self._hidden]
        self._last = self._last[0].to(dtype), self._last[1]
        if self._rows is not None:
            self._rows = self._rows[0].to(dtype), self._rows[1]

    def _is_faster_in_bfloat16(self) -> bool:
        weight = self._hidden[0][0] if self._hidden else self._last[0]
        assert isinstance(weight, Tensor)
        if weight.dtype != torch.float32 or not computes_bfloat16(weight.device):
            return False
        rows = torch.rand(_MEASURED_ROWS, weight.shape[1], device=weight.device)
        half, narrow = rows.to(torch.bfloat16), weight.to(torch.bfloat16)
        with torch.inference_mode():
            return _seconds(lambda: linear(half, narrow, None)) < _seconds(lambda: linear(rows, weight, None))


def _steps(layer: nn.Linear | LowRankLinear, scale: float) -> Iterator[_Hidden]:
    """A hidden layer of rows that were not multiplied by `scale`."""
    *inner, outer = layer.weights if isinstance(layer, LowRankLinear) else (layer.weight,)
    for weight in inner:
        yield weight.detach(), None
    yield outer.detach(), (layer.bias.detach().float() / scale).to(outer.dtype)


def _scaled(layer: nn.Linear, scale: float, units: float | Tensor = 1.0) -> _Layer:
    """A layer's weights, in its type, for rows that lack this factor; its bias in float32; both in other units."""
    units = torch.as_tensor(units, device=layer.weight.device)
    weight = layer.weight.detach().float() * (scale * units).reshape(-1, 1)
    return weight.to(layer.weight.dtype), layer.bias.detach().float() * units


def weights_state(module: nn.Module) -> list[tuple[int, int, torch.device]]:
    """What changes when a module's weights do: their places in memory, and how often they were written to."""
    tensors = [*module.parameters(), *module.buffers()]
    return [(tensor.data_ptr(), -1 if tensor.is_inference() else tensor._version, tensor.device) for tensor in tensors]


def _seconds(work: Callable[[], Tensor]) -> float:
    """The shortest of a few runs; a sum is asked for so that a GPU has finished."""
    times = []
    for _ in range(4):
        begun = time.perf_counter()
        work().sum().item()
        times.append(time.perf_counter() - begun)
    return min(times[1:])
