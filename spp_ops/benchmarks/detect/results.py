"""The record of a run of `spp-ops benchmark detect`; kept as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spp_ops.benchmarks.results import FORMAT, Contest, read_record, require_positive, require_texts
from spp_ops.engine.files import write_json

CASE, TIMED = "PHOTOS", "detect"


@dataclass(frozen=True)
class DetectRecord:
    """What was measured.

    Attributes:
        machine: and versions.
        photos: names and sizes, "NAME 640 x 427".
        detector: what it is, in words.
        contest: seconds a photo of each contestant, a number a round.
        parts: seconds a photo by part, by our contestant.
        peak_bytes: of the command on a photo of 12 megapixels; None: not measured.
    """

    machine: dict[str, Any]
    photos: list[str]
    detector: str
    contest: Contest
    parts: dict[str, dict[str, float]] = field(default_factory=dict)
    peak_bytes: int | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        require_texts(self.detector, *self.photos, *self.parts)
        for parts in self.parts.values():
            require_texts(*parts)
        if self.peak_bytes is not None:
            require_positive([self.peak_bytes])

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, asdict(self))

    @staticmethod
    def load(path: Path) -> DetectRecord:
        """Read what `save` wrote.

        Raises:
            ValueError: the file is something else.
        """
        content = read_record(path)
        try:
            return DetectRecord(**(content | {"contest": Contest(**content["contest"])}))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: expected a record of `spp-ops benchmark detect`, got other JSON") from error
