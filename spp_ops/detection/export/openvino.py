"""A detector that OpenVINO runs: made of a detector of this package, used like one."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import spp_ops
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.inputs import Prepared
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.export.detector import export_detector
from spp_ops.detection.export.exported import ExportedDetector, load_exported
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.proposals.cache import default_cache
from spp_ops.engine.config import as_data
from spp_ops.engine.files import CannotWriteError
from spp_ops.export.files import check_graph_file, graph_files


class OpenVINODetector(Detector):
    """Finds objects in photos by OpenVINO: convolutions, proposals, pooling and head, in float32 on the CPU.

    A detector's graph takes some seconds to write, so it is kept on disk under a hash of weights and record.

    Args:
        detector: in float32 on the CPU; what windows it looks at stays as it is.
        cache: folder for graphs; None: openvino in `default_cache()`.

    Raises:
        ImportError: OpenVINO is not installed.
        ValueError: the detector is not in float32 on the CPU, or a kept graph is damaged.
    """

    def __init__(self, detector: SPPDetector, cache: Path | None = None) -> None:
        self._proposals = detector.proposals
        check_graph_file(Path("graph.xml"), "openvino")
        kept = default_cache()
        folder = cache or (None if kept is None else kept / "openvino")
        self._exported = _written_anew(detector) if folder is None else _kept(detector, folder)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the labels."""
        return self._exported.classes

    @property
    def proposals(self) -> ProposalConfig:
        """Which windows are looked at where none are given."""
        return self._proposals

    def find(self, image: Prepared) -> Detections:
        """Find the objects in an image that has been read already."""
        return self._exported(*image)


def _kept(detector: SPPDetector, folder: Path) -> ExportedDetector:
    file = folder / f"{_digest(detector)}.xml"
    if not all(each.is_file() for each in graph_files(file, "openvino")):
        try:
            export_detector(detector, file, "openvino")
        except CannotWriteError:
            return _written_anew(detector)
    return load_exported(file)


def _written_anew(detector: SPPDetector) -> ExportedDetector:
    """The graph where none can be kept."""
    with tempfile.TemporaryDirectory() as folder:
        export_detector(detector, Path(folder) / "graph.xml", "openvino")
        return load_exported(Path(folder) / "graph.xml")


def _digest(detector: SPPDetector) -> str:
    """What the graph follows from: weights, record, and the version that writes it."""
    digest = hashlib.sha256(json.dumps([spp_ops.__version__, as_data(detector.config)]).encode())
    for name, tensor in detector.net.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:32]
