"""Running a graph that was written: NumPy arrays in, NumPy arrays out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from spp_ops.export.files import RECORD, Interface

Array: TypeAlias = npt.NDArray[Any]
Run: TypeAlias = Callable[[Sequence[Array]], Sequence[Array]]


@dataclass(frozen=True)
class Graph:
    """A graph, ready to run.

    Attributes:
        interface: what it is.
        run: inputs in the interface's order -> outputs in its order.
    """

    interface: Interface
    run: Run


def load_graph(path: str | os.PathLike[str], runtime: str | None = None, *, threads: int = 0) -> Graph:
    """Read a graph's file for use on the CPU.

    Args:
        path: of a .onnx, .xml or .pt2 file that `write_graph` wrote.
        runtime: "onnxruntime", "openvino" or "torch"; None: that of the file's format. OpenVINO runs .onnx too.
        threads: of the runtime; 0: as it likes, and PyTorch's own number for .pt2.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: the runtime is not installed.
        ValueError: the file is no graph of this package, or the runtime does not know its format.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"no exported graph at {file}")
    usual = {".onnx": "onnxruntime", ".xml": "openvino", ".pt2": "torch"}.get(file.suffix)
    if usual is None:
        raise ValueError(f"path: expected a file ending in .onnx, .xml or .pt2, got {str(file)!r}")
    chosen = runtime or usual
    if chosen != usual and (chosen, usual) != ("openvino", "onnxruntime"):
        raise ValueError(f"runtime: expected {usual} for {file.name}, got {runtime!r}")
    load = {"onnxruntime": _in_onnxruntime, "openvino": _in_openvino, "torch": _in_torch}[chosen]
    try:
        return load(file, threads)
    except ImportError:
        raise
    except Exception as error:  # each runtime has errors of its own for files that it can't read
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{file} is no graph that {chosen} can run: {reason}") from error


def _in_onnxruntime(file: Path, threads: int) -> Graph:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    interface = Interface.from_json(session.get_modelmeta().custom_metadata_map.get(RECORD, ""))

    def run(inputs: Sequence[Array]) -> Sequence[Array]:
        results: Sequence[Array] = session.run(
            list(interface.outputs), dict(zip(interface.inputs, inputs, strict=True))
        )
        return results

    return Graph(interface, run)


def _in_openvino(file: Path, threads: int) -> Graph:
    import openvino

    core = openvino.Core()
    model = core.read_model(file)
    if file.suffix == ".onnx":
        import onnx

        kept = {each.key: each.value for each in onnx.load(file, load_external_data=False).metadata_props}
        interface = Interface.from_json(kept.get(RECORD, ""))
    else:
        interface = Interface.from_json(str(model.get_rt_info(RECORD).value))
    # Without the hint processors with bfloat16 round to it.
    settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    compiled = core.compile_model(model, "CPU", settings)

    def run(inputs: Sequence[Array]) -> Sequence[Array]:
        results = compiled(dict(zip(interface.inputs, inputs, strict=True)))
        return [np.array(results[name]) for name in interface.outputs]

    return Graph(interface, run)


def _in_torch(file: Path, threads: int) -> Graph:
    import torchvision  # noqa: F401  # its operators are part of detectors

    kept = {RECORD: ""}
    program = torch.export.load(file, extra_files=kept)
    interface = Interface.from_json(kept[RECORD])
    module = program.module()

    def run(inputs: Sequence[Array]) -> Sequence[Array]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads or before)
        try:
            with torch.inference_mode():
                results = module(*map(torch.from_numpy, inputs))
        finally:
            torch.set_num_threads(before)
        return [each.numpy() for each in ([results] if isinstance(results, torch.Tensor) else results)]

    return Graph(interface, run)
