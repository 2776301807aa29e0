"""The part of docs/benchmarks.md on photos, from the record of `spp-ops benchmark detect`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.markdown import table
from spp_ops.benchmarks.bars import photo_verdicts
from spp_ops.benchmarks.detect.images import save_chart
from spp_ops.benchmarks.detect.parts import PARTS
from spp_ops.benchmarks.detect.report import part_rows, rows
from spp_ops.benchmarks.detect.results import DetectRecord

RECORD, IMAGE = "detect.json", "detect.png"

INTRODUCTION = """\
## A photo from its file to boxes

`spp-ops benchmark detect`: a photo is decoded, windows are proposed, the network is run, boxes are suppressed.
{detector}; photos: {photos}.
Contestants take turns on the same photos. Peers have random weights and as many classes as ours.
"""


def section(results: Path, images: Path) -> Iterator[str]:
    """Yield the section's lines, and draw its image beside the record; nothing where there is no record.

    Args:
        results: folder of the record.
        images: that folder, as seen from the page.
    """
    if not (results / RECORD).exists():
        return
    record = DetectRecord.load(results / RECORD)
    save_chart(results / IMAGE, record)
    detector = f"Ours is {record.detector}, threads: {record.machine.get('threads')}"
    yield "\n" + INTRODUCTION.format(detector=detector, photos=", ".join(record.photos))
    verdicts = photo_verdicts(record)
    yield from table(
        ("", "measured", ""), [(v.promise, v.measured, "kept" if v.kept else "**missed**") for v in verdicts]
    )
    yield f"![seconds a photo]({(images / IMAGE).as_posix()})\n"
    lines = [(f"`{name}`", *rest) for name, *rest in rows(record)]
    yield from table(("", "times ours", "quartiles", ""), lines)
    yield "Where the time goes; pooling is with finding windows that fall on equal cells:\n"
    yield from table(("", *PARTS), [(f"`{name}`", *rest) for name, *rest in part_rows(record)])
