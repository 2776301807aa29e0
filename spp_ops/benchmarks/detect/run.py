"""Times all contestants in turns, then our parts, then the memory of a large photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from spp_ops.benchmarks.detect.contestants import CONTESTANTS, Finder
from spp_ops.benchmarks.detect.memory import peak_bytes
from spp_ops.benchmarks.detect.parts import part_seconds
from spp_ops.benchmarks.detect.results import CASE, TIMED, DetectRecord
from spp_ops.benchmarks.detect.setting import large_photo
from spp_ops.benchmarks.harness import keep_freed_memory, take_turns
from spp_ops.benchmarks.peers.base import Run
from spp_ops.benchmarks.results import Contest, describe_run
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.proposals.config import Method

PARTS_OF: dict[str, Method | None] = {"ours": None, "ours-selective-search": "selective-search-fast"}
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes:
        contestants: names, besides "ours".
        rounds: of turns.
        memory: whether to measure the peak memory of a large photo.
        threads: of every contestant.
    """

    contestants: tuple[str, ...]
    rounds: int
    memory: bool
    threads: int


def turns(options: Options) -> int:
    """How often `run` calls `progress`."""
    return (1 + options.rounds) * (1 + len(options.contestants)) + len(PARTS_OF) + options.memory


def run(
    detector: SPPDetector,
    about: str,
    photos: Sequence[Path],
    folder: Path,
    options: Options,
    progress: Callable[[str], None] = lambda _: None,
) -> DetectRecord:
    """Measure.

    Args:
        detector: ours, with learned proposals, on the CPU.
        about: what it is, in words.
        photos: files.
        folder: for files that are needed on the way.
        options: what to measure.
        progress: called before each piece of work with its name.
    """
    kept = keep_freed_memory()
    left_out: dict[str, str] = {}
    finders: dict[str, Finder] = {}
    for name in ("ours", *(name for name in options.contestants if name != "ours")):
        reason = CONTESTANTS[name].missing()
        try:
            if reason is None:
                finders[name] = CONTESTANTS[name].ready(detector)
        except (ValueError, ImportError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
        if reason is not None:
            left_out[name] = reason
    runs = {name: Run(_on_each(finder, photos)) for name, finder in finders.items()}
    seconds = take_turns(runs, _CPU, options.rounds, progress)
    contest = Contest(
        CASE,
        TIMED,
        "float32",
        {name: [each / len(photos) for each in rounds] for name, rounds in seconds.items()},
        left_out=left_out,
    )
    parts = {}
    for name, method in PARTS_OF.items():
        progress(f"parts of {name}")
        one = detector if method is None else detector.changed(proposals=ProposalConfig(method))
        parts[name] = part_seconds(one, photos, options.rounds)
    peak = None
    if options.memory:
        progress("peak memory of a large photo")
        peak = peak_bytes(detector, large_photo(photos, folder), options.threads)
    return DetectRecord(describe_run(_CPU, kept), [_described(photo) for photo in photos], about, contest, parts, peak)


def _on_each(find: Finder, photos: Sequence[Path]) -> Callable[[None], None]:
    def call(_: None) -> None:
        for photo in photos:
            find(photo)

    return call


def _described(photo: Path) -> str:
    with Image.open(photo) as image:
        return f"{photo.name} {image.width} x {image.height}"
