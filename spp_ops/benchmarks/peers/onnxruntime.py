"""onnxruntime's ``MaxRoiPool``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers.base import CpuPeer, Pass, Run, map_by_map

OPSET = 17
ERRORS_ONLY = 3


class OnnxRuntime(CpuPeer):
    """onnxruntime MaxRoiPool, a node a level + Concat, output in place."""

    name = "onnxruntime"
    packages = ("onnx", "onnxruntime")

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        sessions = [_session(work, m) for m in range(len(work.maps))]
        in_place = work.output if len(sessions) == 1 else None

        def one_map(m: int, rois: Tensor) -> Tensor:
            pooled = torch.empty(len(rois), work.case.columns) if in_place is None else in_place
            binding = sessions[m].io_binding()
            for name, tensor in (("features", work.maps[m]), ("rois", rois)):
                binding.bind_input(name, "cpu", 0, "float32", list(tensor.shape), tensor.data_ptr())
            binding.bind_output("pooled", "cpu", 0, "float32", list(pooled.shape), pooled.data_ptr())
            sessions[m].run_with_iobinding(binding)
            return pooled

        return Run(lambda _: map_by_map(work, one_map, work.output))


def _session(work: Workload, m: int) -> Any:
    """Return a session for one map of the workload and any number of windows."""
    import onnxruntime
    from onnx import helper

    nodes = []
    for n in work.levels:
        shape: dict[str, Any] = {"pooled_shape": [n, n], "spatial_scale": work.spatial_scales[m]}
        nodes.append(helper.make_node("MaxRoiPool", ["features", "rois"], [f"bins{n}"], **shape))
        nodes.append(helper.make_node("Flatten", [f"bins{n}"], [f"flat{n}"]))
    nodes.append(helper.make_node("Concat", [f"flat{n}" for n in work.levels], ["pooled"], axis=1))
    inputs = [_float("features", list(work.maps[m].shape)), _float("rois", ["rows", 5])]
    graph = helper.make_graph(nodes, "pyramid", inputs, [_float("pooled", ["rows", work.case.columns])])
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=helper.find_min_ir_version_for([opset]))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = ERRORS_ONLY
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def _float(name: str, shape: list[Any]) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
