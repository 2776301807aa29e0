"""What `detect` looks at: image files, folders, patterns, videos, cameras, and paths on standard input."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spp_ops.datasets.image import Pixels
from spp_ops.datasets.image_files import image_files
from spp_ops.datasets.problems import Notice, Problems
from spp_ops.datasets.summary import names_summary
from spp_ops.detection.proposals.boxes import opencv

STANDARD_INPUT = "-"
VIDEO_ENDINGS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv"})


@dataclass(frozen=True)
class Still:
    """An image file, or a frame of a video, decoded already.

    Attributes:
        image: path of the file, or the camera's number.
        frame: of the video, counted from 0; None for an image file.
        pixels: of the frame.
    """

    image: str
    frame: int | None = None
    pixels: Pixels | None = None


@dataclass(frozen=True)
class Sources:
    """What the arguments stand for, in their order.

    Attributes:
        places: image files, videos, cameras' numbers and `STANDARD_INPUT`, folders and patterns replaced by the files
            in them.
    """

    places: tuple[str, ...]

    @staticmethod
    def of(arguments: Sequence[str], notice: Notice) -> Sources:
        """Find the files of folders and patterns.

        Args:
            arguments: as given.
            notice: told of files in folders that are no images.

        Raises:
            FileNotFoundError: there is no such file, or nothing that fits a pattern.
            ValueError: a folder holds no images.
        """
        found = [place for argument in arguments for place in _places(argument, notice)]
        return Sources(tuple(dict.fromkeys(found)))

    @property
    def files(self) -> list[Path]:
        """The files among them."""
        return [Path(place) for place in self.places if place != STANDARD_INPUT and not _is_camera(place)]

    @property
    def images(self) -> list[Path]:
        """The image files among them."""
        return [path for path in self.files if not _is_video(path)]

    @property
    def count(self) -> int | None:
        """Number of images, where that can be told."""
        return len(self.places) if len(self.images) == len(self.places) else None

    @property
    def endless(self) -> bool:
        """Whether there is a camera, which the user stops."""
        return any(map(_is_camera, self.places))

    def stills(self) -> Iterator[Still]:
        """Yield every image and every frame, as they come.

        Raises:
            ValueError: a video or a camera can't be opened.
        """
        for place in self.places:
            if place == STANDARD_INPUT:
                yield from (Still(line) for line in map(str.rstrip, sys.stdin) if line)
            elif _is_camera(place) or _is_video(Path(place)):
                yield from _frames(place)
            else:
                yield Still(place)


def _places(argument: str, notice: Notice) -> list[str]:
    path = Path(argument)
    if argument == STANDARD_INPUT or path.is_file() or _is_camera(argument):
        return [argument]
    if path.is_dir():
        return _in_folder(path, notice)
    if glob.has_magic(argument):
        found = sorted(name for name in glob.glob(argument, recursive=True) if Path(name).is_file())
        if found:
            return found
        raise FileNotFoundError(f"no image file fits {argument}")
    raise FileNotFoundError(f"no image file at {argument}")


def _in_folder(folder: Path, notice: Notice) -> list[str]:
    """Images and videos in a folder and below; what is left out is told."""
    problems = Problems(notice=notice)
    files = image_files(folder, problems, also=VIDEO_ENDINGS, below=True)
    problems.finish()
    if not files:
        raise ValueError(f"images: expected some in {folder}, got none")
    return [str(path) for path in files]


def sources_summary(sources: Sources) -> str:
    """Return what is looked at, in one line."""
    noun = "image" if sources.count is not None else "source"
    return names_summary([Path(place).name for place in sources.places], noun)


def _is_camera(place: str) -> bool:
    return place.isdecimal() and not Path(place).exists()


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_ENDINGS


def _frames(place: str) -> Iterator[Still]:
    cv2: Any = opencv()
    video = cv2.VideoCapture(int(place) if _is_camera(place) else place)
    try:
        if not video.isOpened():
            what = "camera" if _is_camera(place) else "video"
            raise ValueError(f"images: cannot open {what} {place}")
        number = 0
        while True:
            there, pixels = video.read()
            if not there:
                break
            yield Still(place, number, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
            number += 1
        if number == 0:
            raise ValueError(f"images: cannot read a frame of {place}")
    finally:
        video.release()
