"""The folder of a `detect` run: boxes as they are found, a line an image, and at the end as JSON or COCO's results."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

from spp_ops.cli._sources import Still
from spp_ops.datasets.formats.coco_entries import Id
from spp_ops.datasets.formats.coco_ids import CocoIds
from spp_ops.datasets.image import Pixels
from spp_ops.detection.coco_results import write_coco_results
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.checkpoint import weights_digest
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.engine.config import as_data
from spp_ops.engine.files import atomic_write, is_free, is_within, numbered_folders, remove_leftovers, write_json
from spp_ops.engine.lines import InUseError, JsonLines

LINES_NAME = "detections.jsonl"
RESULT_NAMES = ("detections.json", "coco_results.json", "coco_images.json")

ResultsFormat: TypeAlias = Literal["json", "coco"]
Row: TypeAlias = dict[str, Any]  # of an image: image, frame (of videos), width, height, drawing, objects

_COMMAND = "spp-ops detect"
_INNER = "detections"  # folder for results where --out is the working folder
_LONGEST = 200  # bytes of a drawing's name before its ending: file systems take 255
_WRITTEN = {".jpg": ".jpg", ".jpeg": ".jpeg", ".png": ".png"}  # endings that drawings keep; the rest become .jpg
_DRAWN_LATER = 4  # images at most that wait to be drawn
_QUALITY = 92  # of the JPEG files


class Findings:
    """What is found so far, in memory and on disk.

    Attributes:
        folder: of the run.
        classes: the detector's.
    """

    def __init__(self, folder: Path, lines: JsonLines) -> None:
        self.folder = folder
        self.classes = tuple(lines.header["classes"])
        self._lines = lines
        self._rows: dict[tuple[str, int | None], Row] = {(row["image"], row.get("frame")): row for row in lines.rows}
        there = [path.name for path in folder.iterdir()]
        self._pool = ThreadPoolExecutor(1)  # draws while the next image is looked at
        self._drawings: deque[Future[None]] = deque()
        self._taken = {name.casefold() for name in (*there, LINES_NAME, *RESULT_NAMES)}

    def close(self) -> None:
        """Let other processes have the folder, once what is being drawn is there."""
        self._pool.shutdown()
        self._lines.close()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def objects(self) -> int:
        """Number of objects in all images."""
        return sum(len(row["objects"]) for row in self._rows.values())

    def knows(self, still: Still) -> bool:
        """Whether an image is done: its boxes there, and its drawing, if there was to be one."""
        row = self._rows.get((still.image, still.frame))
        return row is not None and (row["drawing"] is None or (self.folder / row["drawing"]).is_file())

    def add(self, row: Row, pixels: Pixels, found: Detections, *, draw: bool) -> Row:
        """Write what is found in an image, its line now and its drawing soon; return the line.

        Args:
            row: of `found_row`.
            pixels: of the image.
            found: in it.
            draw: whether to write the image with its boxes.
        """
        key = row["image"], row.get("frame")
        if key not in self._rows:  # else its drawing alone is missing
            self._rows[key] = row | {"drawing": self._free_name(*key) if draw else None}
            self._lines.add(self._rows[key])
        row = self._rows[key]
        if row["drawing"] is not None:
            if len(self._drawings) == _DRAWN_LATER:
                self._drawings.popleft().result()
            self._drawings.append(self._pool.submit(_draw, self.folder / row["drawing"], pixels, found))
        return row

    def finish(self, results_format: ResultsFormat, own: CocoIds | None = None) -> None:
        """Write all boxes, and the last drawings.

        Args:
            results_format: detections.json, or coco_results.json and coco_images.json.
            own: the ids that the data has; None: `image_ids`, and categories counted from 1.
        """
        self._write_results(results_format, own)
        while self._drawings:
            self._drawings.popleft().result()

    def _write_results(self, results_format: ResultsFormat, own: CocoIds | None) -> None:
        rows = list(self._rows.values())
        if results_format == "json":
            write_json(self.folder / "detections.json", {"classes": list(self.classes), "images": rows})
            return
        paths = [Path(row["image"]) for row in rows]
        ids: Sequence[Hashable] = image_ids(paths) if own is None else [own.of(path) for path in paths]
        names_by_id: Mapping[Id, str] = dict(enumerate(self.classes, 1)) if own is None else own.categories
        found = [Detections.from_data(row["objects"], self.classes) for row in rows]
        write_coco_results(self.folder / "coco_results.json", ids, found, names_by_id)
        names = ("frame", "width", "height", "drawing")
        images = [
            {"id": number, "file_name": row["image"]} | {name: row[name] for name in names if name in row}
            for number, row in zip(ids, rows, strict=True)
        ]
        categories = [{"id": number, "name": name} for number, name in names_by_id.items()]
        write_json(self.folder / "coco_images.json", {"images": images, "categories": categories})

    def _free_name(self, image: str, frame: int | None) -> str:
        """A file name for a drawing: the image's, with numbers where namesakes from other folders are there."""
        path = Path(image)
        stem = path.stem if frame is None else f"{path.stem}_{frame:06d}"
        ending = _WRITTEN.get(path.suffix.lower(), ".jpg")
        stem = stem.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore") or "image"
        number, name = 1, f"{stem}{ending}"
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}_{number}{ending}"
        self._taken.add(name.casefold())
        return name


def _draw(path: Path, pixels: Pixels, found: Detections) -> None:
    from spp_ops.detection.visualize import draw_detections

    with atomic_write(path) as temporary:
        draw_detections(pixels, found).save(temporary, quality=_QUALITY)


def found_row(still: Still, pixels: Pixels, found: Detections) -> Row:
    """What is found in an image, as plain data: its path, its size, and its objects, best first."""
    height, width = pixels.shape[:2]
    frame = {} if still.frame is None else {"frame": still.frame}
    return {"image": still.image, **frame, "width": width, "height": height, "objects": found.as_data()}


def run_header(runs: Sequence[Path], detectors: Sequence[SPPDetector], images: Sequence[str]) -> dict[str, Any]:
    """Say what a run is of, for its first line: what decides its boxes, and which images it was asked for."""
    return {
        "command": _COMMAND,
        "classes": list(detectors[0].classes),
        "weights": [weights_digest(run) for run in runs],
        "detectors": [as_data(each.config) for each in detectors],
        "images_sha256": hashlib.sha256("\0".join(images).encode(errors="surrogateescape")).hexdigest(),
    }


def open_findings(
    out: Path, header: dict[str, Any], inputs: Sequence[Path], *, resume: bool = False, overwrite: bool = False
) -> Findings:
    """Open the folder of a run.

    Where `out` has files already, the run gets the next free folder (out-2, out-3, ...), but for a run of the same
    detector on the same images that was stopped: it goes on.

    Args:
        out: the folder, which may not be there.
        header: of `run_header`.
        inputs: images.
        resume: go on with the run in `out`, which may have been asked for other images.
        overwrite: remove the files of the run in `out` first.

    Raises:
        ValueError: `out` holds no such run, or another process has it; or an image to be read is a file that would be
            removed.
    """
    header = json.loads(json.dumps(header))
    if resume or overwrite:
        place = next(numbered_folders(out, _INNER))
        lines = _lines_in(place)
        if overwrite:
            _remove_run(place, lines, inputs)
            return Findings(place, JsonLines.start(place / LINES_NAME, header))
        if lines is None:
            raise ValueError(f"resume: expected the folder of a detect run, but {place} holds no {LINES_NAME}")
        for name, value in header.items():
            if name != "images_sha256" and lines.header.get(name) != value:
                raise ValueError(f"resume: the run in {place} has other {name}; expected the detector it began with")
        return _going_on(place, lines)
    for folder in numbered_folders(out, _INNER):
        with suppress(FileExistsError, InUseError):  # another process was faster, or is at work there
            if is_free(folder):
                return Findings(folder, JsonLines.start(folder / LINES_NAME, header))
            lines = None if _is_finished(folder) else _lines_in(folder)
            if lines is not None and lines.header == header:
                return _going_on(folder, lines)
    raise AssertionError("numbers do not end")


def _going_on(folder: Path, lines: JsonLines) -> Findings:
    """Tidy up what a killed run has left half written."""
    remove_leftovers(folder, r".+\.(jpe?g|png|json)")
    return Findings(folder, lines)


def image_ids(paths: Sequence[Path]) -> list[int]:
    """The numbers that the images are called by, as COCO's are; 1, 2, ... where they are no different numbers."""
    numbers = {int(path.stem) for path in paths if path.stem.isdecimal()}
    return [int(path.stem) for path in paths] if len(numbers) == len(paths) else [*range(1, len(paths) + 1)]


def _lines_in(folder: Path) -> JsonLines | None:
    """The lines of the run in a folder; None where there is none. An InUseError if another process is at it."""
    try:
        lines = JsonLines.read(folder / LINES_NAME)
        if isinstance(lines.header, dict) and lines.header.get("command") == _COMMAND:
            return lines
        lines.close()
    except InUseError:
        raise
    except (OSError, ValueError):
        pass
    return None


def _is_finished(folder: Path) -> bool:
    return any((folder / name).is_file() for name in RESULT_NAMES)


def _remove_run(out: Path, lines: JsonLines | None, inputs: Sequence[Path]) -> None:
    if lines is None:
        if out.is_dir() and any(out.iterdir()):
            raise ValueError(f"overwrite: expected the folder of a detect run, but {out} holds no {LINES_NAME}")
        return
    files = list(_files_of(out, lines))
    for path in inputs:
        if any(is_within(file, path) for file in files):
            raise ValueError(f"overwrite: {path} is to be read, and a result of the run in {out}")
    for file in files:
        file.unlink(missing_ok=True)


def _files_of(out: Path, lines: JsonLines) -> Iterator[Path]:
    """The files that a run has written, the lines last."""
    names = [row.get("drawing") for row in lines.rows]
    for name in (*names, *RESULT_NAMES, LINES_NAME):
        if name is not None and Path(name).name == name:
            yield out / name
