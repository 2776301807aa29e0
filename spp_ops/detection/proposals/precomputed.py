"""Boxes computed before, by any program, read from a file of many images' boxes.

Four formats, told apart by the file's ending. An image is found by its file's name, with or without the ending.

* ``.npz``: an array [R, 4] an image, under the image's name: x1, y1, x2, y2 in 0-based pixels, last pixel included.
* ``.json``: an object from the image's name to a list of such boxes.
* ``.mat`` (MATLAB, up to version 7): the layout in which R-CNN's and SPP-net's authors give their selective-search
  boxes: ``images``, a cell array of names, and ``boxes``, a cell array with an [R, 4] matrix for each of them: y1, x1,
  y2, x2 in 1-based pixels, last pixel included.
* ``.pkl``: what Detectron and detectron2 read: a dict of ``ids`` (names or numbers of images; also ``indexes``) and
  ``boxes``, an array [R, 4] for each of them: left, top, right and bottom edges in pixels. Nothing but arrays and plain
  data is taken from such a file: no code in it is run.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_ops.detection.proposals.boxes import Boxes

ENDINGS = (".npz", ".json", ".mat", ".pkl")


class BoxFile:
    """The boxes of a file, by image.

    Args:
        path: .npz, .json, .mat or .pkl, laid out as the module says.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: its ending is none of these, or it is damaged or laid out otherwise.
    """

    def __init__(self, path: Path) -> None:
        self._where = _at(path)
        self._arrays = _read(path)
        self._by_stem = {Path(name).stem: name for name in self._arrays}

    def boxes(self, image: Path, width: int, height: int) -> Boxes:
        """Boxes [R, 4] of an image of that many pixels, in the file's order, clipped to it.

        Raises:
            ValueError: the file has none for this image, or they are no boxes of it: another shape than [R, 4], a
                NaN or inf, reversed corners, wholly outside the image.
        """
        name = image.name if image.name in self._arrays else self._by_stem.get(image.stem)
        if name is None:
            raise ValueError(f"{self._where}: no boxes for image {image.name}, {len(self._arrays)} others are there")
        try:
            boxes = np.asarray(self._arrays[name], np.float32)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self._where}: image {name}: expected boxes of four numbers ({error})") from error
        boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"{self._where}: image {name}: expected boxes [R, 4], got {list(boxes.shape)}")
        last = np.array([width, height], np.float32) - 1
        fault, row = _first_fault(boxes, last)
        if fault:
            raise ValueError(
                f"{self._where}: image {name} ({width} x {height}), box {row}: expected corners {fault}, "
                f"got {boxes[row].tolist()}"
            )
        return np.clip(boxes, 0, np.tile(last, 2)).astype(np.float32)


def _first_fault(boxes: Boxes, last: npt.NDArray[np.float32]) -> tuple[str, int]:
    """Say what the first bad row should have been, and which row that is; "" where all are good."""
    rules = {
        "finite": np.isfinite(boxes),
        "x1 <= x2 and y1 <= y2": boxes[:, :2] <= boxes[:, 2:],
        "inside the image": (boxes[:, :2] <= last) & (boxes[:, 2:] >= 0),
    }
    for fault, held in rules.items():
        bad = np.flatnonzero(~held.all(axis=1))
        if len(bad):
            return fault, int(bad[0])
    return "", -1


def _at(path: Path) -> str:
    """Begin an error: the option and the file."""
    return f"proposals: {path}"


def _read(path: Path) -> Mapping[str, Any]:
    readers = dict(zip(ENDINGS, (_read_npz, _read_json, _read_mat, _read_pickle), strict=True))
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"proposals: expected a file ending in {', '.join(ENDINGS)}, got {path}")
    if not path.is_file():
        raise FileNotFoundError(f"proposals: no file of boxes at {path}; --proposals names another")
    return reader(path)


def _read_npz(path: Path) -> Mapping[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{_at(path)}: expected an .npz file of one array [R, 4] an image: {error}") from error


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{_at(path)}: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{_at(path)}: expected an object from image name to boxes, got a {type(content).__name__}")
    return content


def _read_mat(path: Path) -> Mapping[str, Any]:
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=["images", "boxes"])
    except NotImplementedError as error:
        raise ValueError(f"{_at(path)}: MATLAB 7.3 files are not read; save it with -v7") from error
    except Exception as error:  # scipy's reader raises whatever damaged bytes lead it into
        raise ValueError(f"{_at(path)}: not a MATLAB file, or damaged: {error}") from error
    missing = [name for name in ("images", "boxes") if name not in content]
    if missing:
        raise ValueError(f"{_at(path)}: expected cell arrays 'images' and 'boxes', got no {' and no '.join(missing)}")
    images, boxes = content["images"].ravel(), content["boxes"].ravel()
    if len(images) != len(boxes):
        raise ValueError(
            f"{_at(path)}: expected as many cells in 'boxes' as in 'images', got {len(boxes)}, {len(images)}"
        )
    return {_cell_text(image): _from_matlab(cell) for image, cell in zip(images, boxes, strict=True)}


class _PlainUnpickler(pickle.Unpickler):
    """Takes NumPy's arrays and numbers, and no other object."""

    _ALLOWED = frozenset({"_reconstruct", "scalar", "_frombuffer", "dtype", "ndarray"})

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".", maxsplit=1)[0] == "numpy" and name in self._ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds a {module}.{name}")


def _read_pickle(path: Path) -> Mapping[str, Any]:
    try:
        content = _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # damaged bytes lead the reader into errors of many kinds
        raise ValueError(f"{_at(path)}: expected a pickle of plain data and arrays: {error}") from error
    ids = content.get("ids", content.get("indexes")) if isinstance(content, dict) else None
    boxes = content.get("boxes") if isinstance(content, dict) else None
    if ids is None or boxes is None or len(ids) != len(boxes):
        raise ValueError(f"{_at(path)}: expected a dict of 'ids' and as many 'boxes'")
    if content.get("bbox_mode", 0) != 0:
        raise ValueError(f"{_at(path)}: expected bbox_mode 0 (left, top, right, bottom), got {content['bbox_mode']!r}")
    return {str(name): _from_edges(rows) for name, rows in zip(ids, boxes, strict=True)}


def _from_edges(rows: Any) -> npt.NDArray[np.generic]:
    """Right and bottom edges -> last pixels; other shapes as they are, for the check to name."""
    matrix = np.asarray(rows)
    return matrix - np.array([0, 0, 1, 1], matrix.dtype) if matrix.ndim == 2 and matrix.shape[1] == 4 else matrix


def _cell_text(cell: Any) -> str:
    return str(np.asarray(cell).ravel()[0]) if np.size(cell) else ""


def _from_matlab(cell: Any) -> npt.NDArray[np.generic]:
    """(y1, x1, y2, x2), 1-based -> (x1, y1, x2, y2), 0-based; other shapes as they are, for the check to name."""
    matrix = np.asarray(cell)
    return matrix[:, [1, 0, 3, 2]].astype(np.float64) - 1 if matrix.ndim == 2 and matrix.shape[1] == 4 else matrix
