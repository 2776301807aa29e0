"""OpenVINO's ``ROIPooling``, compiled for this processor.

float32 is forced: by default OpenVINO computes in bfloat16 where the processor can, and is off by whole units then.
Maps and boxes are read, and the output written, where they lie.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers.base import CpuPeer, Pass, Run, map_by_map


class OpenVINO(CpuPeer):
    """OpenVINO ROIPooling, a node a level + Concat, float32 forced, output in place."""

    name = "openvino"
    packages = ("openvino",)

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        import openvino

        rows = torch.bincount(work.map_index, minlength=len(work.maps)).tolist()
        outputs = [work.output] if len(rows) == 1 else [torch.empty(count, work.case.columns) for count in rows]
        requests = [_compile(work, m, count) for m, count in enumerate(rows)]
        for request, features, output in zip(requests, work.maps, outputs, strict=True):
            request.set_input_tensor(0, openvino.Tensor(features.numpy(), shared_memory=True))
            request.set_output_tensor(0, openvino.Tensor(output.numpy(), shared_memory=True))

        def one_map(m: int, rois: Tensor) -> Tensor:
            requests[m].set_input_tensor(1, openvino.Tensor(rois.numpy(), shared_memory=True))
            requests[m].infer()
            return outputs[m]

        return Run(lambda _: map_by_map(work, one_map, work.output))


def _compile(work: Workload, m: int, rows: int) -> Any:
    """Return an inference request for one map of the workload and the windows it serves."""
    import openvino
    from openvino import opset13 as ops

    features = ops.parameter(list(work.maps[m].shape), openvino.Type.f32)
    rois = ops.parameter([rows, 5], openvino.Type.f32)
    scale = work.spatial_scales[m]
    bins = [ops.roi_pooling(features, rois, [level, level], scale, "max") for level in work.levels]
    flat = [ops.reshape(level, [rows, -1], special_zero=False) for level in bins]
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    model = openvino.Model([ops.concat(flat, 1)], [features, rois])
    return openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
