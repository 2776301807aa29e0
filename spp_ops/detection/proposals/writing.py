"""Boxes written for other programs, and for `BoxFile` to read again; the ending of the file's name says how.

``.npz``, ``.json`` and ``.mat`` are laid out as in `spp_ops.detection.proposals.precomputed`. ``.pkl`` is what
Detectron and detectron2 read: a dict of ``ids``, ``boxes`` (float32 [R, 4]: left, top, right and bottom edges in
pixels, so that a box of one pixel is 1 wide), ``objectness_logits``, also under the older name ``scores`` (no more than
the order of the boxes, as numbers from 1 down to 0), and ``bbox_mode`` 0.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spp_ops.detection.proposals.boxes import Boxes
from spp_ops.engine.files import atomic_write


def write_boxes(
    path: Path, names: Sequence[str], boxes: Sequence[Boxes], ids: Sequence[Hashable] | None = None
) -> None:
    """Write the boxes of many images to one file.

    Args:
        path: where to; its ending is one of `WRITERS`.
        names: of the images' files, under which `BoxFile` finds their boxes.
        boxes: [R, 4] an image: x1, y1, x2, y2 in 0-based pixels, last pixels included.
        ids: under which detectron2 finds them; None: the names without their endings.

    Raises:
        ValueError: the ending is another, two images have the same name, or the lists differ in length.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ValueError(f"out: expected a name ending in {', '.join(WRITERS)}, got {str(path)!r}")
    ids = [Path(name).stem for name in names] if ids is None else ids
    if not len(names) == len(boxes) == len(ids):
        raise ValueError(f"boxes: expected as many as names and ids, got {len(boxes)}, {len(names)}, {len(ids)}")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f"names: expected each image once, got {twice[0]!r} more than once")
    with atomic_write(path) as temporary:
        writer(temporary, names, boxes, ids)


def _write_npz(path: Path, names: Sequence[str], boxes: Sequence[Boxes], ids: Sequence[Hashable]) -> None:
    with path.open("wb") as file:  # savez puts an ending of its own to a name
        np.savez_compressed(file, **dict(zip(names, boxes, strict=True)))  # type: ignore[arg-type]  # they are names


def _write_json(path: Path, names: Sequence[str], boxes: Sequence[Boxes], ids: Sequence[Hashable]) -> None:
    content = {name: rows.tolist() for name, rows in zip(names, boxes, strict=True)}
    path.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _write_mat(path: Path, names: Sequence[str], boxes: Sequence[Boxes], ids: Sequence[Hashable]) -> None:
    from scipy.io import savemat

    cells = np.empty((2, 1, len(names)), object)
    for index, (name, rows) in enumerate(zip(names, boxes, strict=True)):
        cells[0, 0, index] = Path(name).stem
        cells[1, 0, index] = rows[:, [1, 0, 3, 2]].astype(np.float64) + 1
    with path.open("wb") as file:
        savemat(file, {"images": cells[0], "boxes": cells[1]})


def _write_pickle(path: Path, names: Sequence[str], boxes: Sequence[Boxes], ids: Sequence[Hashable]) -> None:
    scores = [np.linspace(1, 0, len(rows), dtype=np.float32) for rows in boxes]
    edges = [(rows + np.array([0, 0, 1, 1], np.float32)).astype(np.float32) for rows in boxes]
    content = {"ids": list(ids), "boxes": edges, "objectness_logits": scores, "scores": scores, "bbox_mode": 0}
    with path.open("wb") as file:
        pickle.dump(content, file)


Writer = Callable[[Path, Sequence[str], Sequence[Boxes], Sequence[Hashable]], Any]
WRITERS: dict[str, Writer] = {".npz": _write_npz, ".json": _write_json, ".mat": _write_mat, ".pkl": _write_pickle}
