"""A module as a graph in a file: ONNX, OpenVINO's own format, or PyTorch's exported program."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

import spp_ops
from spp_ops.engine.files import atomic_write
from spp_ops.export.nodes import translation_table

GraphFormat: TypeAlias = Literal["onnx", "openvino", "pt2"]
GRAPH_FORMATS: tuple[GraphFormat, ...] = get_args(GraphFormat)

RECORD = "spp_ops"  # name of the interface in every format's metadata
_ENDINGS: dict[GraphFormat, str] = {"onnx": ".onnx", "openvino": ".xml", "pt2": ".pt2"}
_NEEDED: dict[GraphFormat, tuple[tuple[str, str], ...]] = {  # package, and the extra that brings it
    "onnx": (("onnxscript", "onnx"),),
    "openvino": (("onnxscript", "openvino"), ("openvino", "openvino")),
    "pt2": (),
}


@dataclass(frozen=True)
class Interface:
    """What a graph is, kept in its file.

    Attributes:
        kind: "detector" or "classifier".
        classes: names, in the order of the labels or scores.
        inputs: names of the inputs.
        outputs: names of the outputs.
    """

    kind: str
    classes: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def as_json(self) -> str:
        """The text that is kept."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Interface:
        """Invert `as_json`.

        Raises:
            ValueError: it is something else.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            lists = (tuple(map(str, fields[name])) for name in ("classes", "inputs", "outputs"))
            return Interface(str(fields["kind"]), *lists)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"it says nothing of its inputs and outputs: {error}") from error


def check_graph_file(path: Path, format_: GraphFormat) -> None:
    """Find out, before long work, whether a graph can be written.

    Raises:
        ValueError: the name's ending is not the format's.
        ImportError: a package that the format needs is not installed; the message names the extra.
    """
    if path.suffix != _ENDINGS[format_]:
        raise ValueError(f"out: expected a name that ends in {_ENDINGS[format_]} for {format_}, got {str(path)!r}")
    for package, extra in _NEEDED[format_]:
        if find_spec(package) is None:
            raise ImportError(f'{package} is needed for format {format_}: pip install "spp_ops[{extra}]"')


def graph_files(path: Path, format_: GraphFormat) -> tuple[Path, ...]:
    """All files of a graph."""
    return (path.with_suffix(".bin"), path) if format_ == "openvino" else (path,)


def write_graph(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    open_sizes: Mapping[str, Mapping[int, str]],
    interface: Interface,
    path: str | os.PathLike[str],
    format_: GraphFormat,
) -> None:
    """Write a module as a graph, atomically.

    Args:
        module: in evaluation mode, on the CPU; its results are a tensor or a tuple of tensors.
        inputs: an example of each input, by the names of the module's arguments.
        open_sizes: axes whose sizes are open, and how these are called, by input.
        interface: kept in the file.
        path: of the file; of OpenVINO's two files the .xml, beside which the .bin is written.
        format_: of the file.

    Raises:
        ValueError, ImportError: as `check_graph_file`.
        CannotWriteError: the file can't be written.
    """
    target = Path(path)
    check_graph_file(target, format_)
    with torch.no_grad(), _quiet():
        program = torch.export.export(
            module.eval(),
            tuple(inputs.values()),
            dynamic_shapes={
                name: {axis: torch.export.Dim(size) for axis, size in open_sizes.get(name, {}).items()}
                for name in inputs
            },
        )
        if format_ == "pt2":
            with atomic_write(target) as temporary:
                torch.export.save(program, temporary, extra_files={RECORD: interface.as_json()})
            return
        graph = torch.onnx.export(
            program,
            tuple(inputs.values()),
            dynamo=True,
            verbose=False,
            input_names=list(interface.inputs),
            output_names=list(interface.outputs),
            custom_translation_table=translation_table(),
        )
    assert graph is not None
    graph.model.metadata_props[RECORD] = interface.as_json()
    graph.model.producer_name, graph.model.producer_version = "spp_ops", spp_ops.__version__
    if format_ == "onnx":
        with atomic_write(target) as temporary:
            graph.save(temporary)
    else:
        _write_openvino(graph, interface, target)


def _write_openvino(graph: torch.onnx.ONNXProgram, interface: Interface, target: Path) -> None:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        graph.save(Path(folder) / "graph.onnx")
        model = openvino.convert_model(Path(folder) / "graph.onnx")
        model.set_rt_info(interface.as_json(), RECORD)
        weights, structure = graph_files(target, "openvino")
        openvino.save_model(model, Path(folder) / "graph.xml", compress_to_fp16=False)
        del model  # it holds its file open
        for written, place in ((Path(folder) / "graph.bin", weights), (Path(folder) / "graph.xml", structure)):
            with atomic_write(place) as temporary:
                temporary.write_bytes(written.read_bytes())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporters tell of their own parts from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
