"""What every detector offers, one network or several combined."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from spp_ops.datasets.image import ImageSource
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.inputs import Prepared, Windows, ahead, prepare
from spp_ops.detection.proposals import ProposalConfig


class Detector(ABC):
    """Finds objects in photos."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the labels."""

    @property
    @abstractmethod
    def proposals(self) -> ProposalConfig:
        """Which windows are looked at where none are given."""

    @abstractmethod
    def find(self, image: Prepared) -> Detections:
        """Find the objects in an image that has been read already."""

    def detect(self, image: ImageSource, windows: Windows | None = None) -> Detections:
        """Find the objects in one image.

        Args:
            image: path of a file, a Pillow image, or a uint8 array [H, W] (gray) or [H, W, 3] (RGB).
            windows: [R, 4] x1, y1, x2, y2 in 0-based pixels of the upright image, last pixels included; None: what
                `proposals` finds, or the detector's own network proposes.

        Returns:
            The objects, best first.

        Raises:
            FileNotFoundError, ImageError: there is no such image, or it can't be used.
            ValueError: the windows are not what they should be, or `proposals` names a file that has none for it.
        """
        return self.find(prepare(image, windows, self.proposals))

    def detect_batch(
        self, images: Sequence[ImageSource], windows: Sequence[Windows] | None = None, *, workers: int = 2
    ) -> list[Detections]:
        """Find the objects in several images of any sizes.

        Args:
            images: as for `detect`.
            windows: for each image as for `detect`.
            workers: threads that read images and find their windows ahead of the network; 0: none.
        """
        given = [None] * len(images) if windows is None else windows
        if len(given) != len(images):
            raise ValueError(f"windows: expected some for each of {len(images)} images, got {len(given)}")
        pairs = zip(images, given, strict=True)
        return [self.find(each) for each in ahead(lambda pair: prepare(*pair, self.proposals), pairs, workers)]
