"""Which windows are proposed, as a record that goes into a run's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from spp_ops.datasets.image import Pixels
from spp_ops.detection.proposals.boxes import Boxes, check_size
from spp_ops.detection.proposals.edges import edge_boxes
from spp_ops.detection.proposals.selective import selective_search

Method: TypeAlias = Literal[
    "selective-search-fast",
    "selective-search-quality",
    "opencv-selective-search-fast",
    "opencv-selective-search-quality",
    "edge-boxes",
    "learned",
    "file",
]
LEARNED_LIMIT = 300  # learned windows an image, unless said otherwise: the surest cover what 2,000 others do
Proposer: TypeAlias = Callable[[Pixels], Boxes]


@dataclass(frozen=True)
class ProposalConfig:
    """How the windows of an image are found.

    Attributes:
        method: "selective-search-fast" (the paper's) or "selective-search-quality"; the same by OpenCV, with "opencv-"
            before it; "edge-boxes"; "learned" for those that the detector's own network proposes; or "file" for boxes
            computed before.
        side: the image is resized so that its longer side has this many pixels; boxes in a file and learned ones know
            nothing of it.
        limit: at most this many windows an image, chosen as `selective_search` and `edge_boxes` say; of a file's boxes
            the first ones, of learned ones the surest. None: all.
        file: for method "file", what `read_boxes` reads.
    """

    method: Method = "selective-search-fast"
    side: int = 500
    limit: int | None = 2000
    file: str | None = None

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ValueError(f"method: expected one of {', '.join(get_args(Method))}, got {self.method!r}")
        check_size(self.side, self.limit)
        if (self.method == "file") != (self.file is not None):
            raise ValueError(f"file: expected a path for method 'file' only, got {self.file!r} for {self.method!r}")


def from_data(data: Mapping[str, Any]) -> ProposalConfig:
    """Invert `spp_ops.engine.config.as_data`."""
    return ProposalConfig(**data)


def make_proposer(config: ProposalConfig) -> Proposer:
    """Return the function from an image (uint8 [H, W, 3], RGB) to its boxes.

    Raises:
        ValueError: the method is "file", whose boxes belong to images by name; `propose` gives those. Or it is
            "learned", whose boxes come from a detector's maps; `SPPDetector.propose` gives those.
    """
    match config.method:
        case "selective-search-fast":
            return lambda image: selective_search(image, "fast", side=config.side, limit=config.limit)
        case "selective-search-quality":
            return lambda image: selective_search(image, "quality", side=config.side, limit=config.limit)
        case "opencv-selective-search-fast":
            return lambda image: selective_search(image, "fast", side=config.side, limit=config.limit, library="opencv")
        case "opencv-selective-search-quality":
            return lambda image: selective_search(
                image, "quality", side=config.side, limit=config.limit, library="opencv"
            )
        case "edge-boxes":
            return lambda image: edge_boxes(image, side=config.side, limit=config.limit)
        case "learned":
            raise ValueError("method: learned windows come from a trained detector's maps; expected another method")
        case "file":
            raise ValueError("method: boxes of a file belong to images by name; expected a method for any image")
