"""What resident slices move on the benchmark's workloads, worked out without a GPU: a model, not a measurement.

``python -m benchmarks.kernel_model`` prints a Markdown table: the bytes that the output must have, the sectors of 32
bytes that the stores touch for them, the squares that bins read from shared memory, and the times that these take at
the rates below if nothing else did. Bank conflicts, instructions and latency are left out: a kernel takes longer.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from spp_ops import Projection
from spp_ops._core.geometry import place_boxes
from spp_ops.benchmarks.cases import CASES, Workload

MULTIPROCESSORS, GIGAHERTZ = 132, 1.755  # of an H100 SXM
DEVICE_BYTES = 4.3e12  # a second, written or read; an H200's copy
SHARED_BYTES = 128  # a cycle and multiprocessor
SECTOR, VECTOR = 32, 16
NAMES = ("MAIN", "SMALL", "BATCH")


@dataclass(frozen=True)
class Numbers:
    """The types of a call: bytes of a value, of an index, of what stands for a cell."""

    name: str
    value: int
    index: int
    entry: int

    @property
    def channels(self) -> int:
        """Of one slice."""
        return VECTOR // self.entry


TYPES = (
    Numbers("float32", 4, 0, 4),
    Numbers("bfloat16", 2, 0, 2),
    Numbers("float32, 16-bit indices", 4, 2, 8),
    Numbers("bfloat16, 16-bit indices", 2, 2, 4),
)


def read_levels(levels: tuple[int, ...]) -> list[int]:
    """The levels that divide no other one: their bins are read from the map."""
    return [n for n in levels if not any(other % n == 0 and other != n for other in levels)]


def bin_sizes(extent: int, bins: int) -> list[int]:
    """Cells of each bin of a window along one axis, as csrc/kernels/pyramid.h lays them."""
    return [-(-(i + 1) * extent // bins) - i * extent // bins for i in range(bins)]


def squares(height: int, width: int) -> int:
    """Largest squares of a power of two that cover a bin, four at a time."""
    side = 1 << (min(height, width).bit_length() - 1)
    return 4 * (-(-height // (2 * side))) * (-(-width // (2 * side)))


def squares_read(work: Workload) -> int:
    """Of all windows; windows of the benchmark lie inside of their maps."""
    sizes = [(m.shape[2], m.shape[3]) for m in work.maps]
    windows = place_boxes(work.rois, sizes, [Projection.rounded(1 / 16)], work.maps[0].shape[0]).windows
    total = 0
    for _, _, width, height in windows.tolist():
        for n in read_levels(work.levels):
            rows, columns = bin_sizes(int(height), n), bin_sizes(int(width), n)
            total += sum(squares(h, w) for h in rows for w in columns)
    return total


def sectors(first: int, count: int) -> int:
    """Sectors that bytes [first, first + count) touch."""
    return (first + count - 1) // SECTOR - first // SECTOR + 1


def sectors_of_row(levels: tuple[int, ...], channels: int, numbers: Numbers, size: int) -> int:
    """Sectors that the stores of one row touch, a slice after the other, of numbers of `size` bytes."""
    total = start = 0
    for n in levels:
        run = numbers.channels * n * n * size
        total += sum(sectors(start + slice_ * run, run) for slice_ in range(channels // numbers.channels))
        start += channels * n * n * size
    return total


def row(name: str, numbers: Numbers) -> str:
    """One line of the table."""
    work = CASES[name].draw(device="cpu", seed=0)
    rows, channels, levels = len(work.rois), work.maps[0].shape[1], work.levels
    bins = sum(n * n for n in levels)
    written = rows * channels * bins * (numbers.value + numbers.index)
    sizes = [size for size in (numbers.value, numbers.index) if size]
    touched = rows * SECTOR * sum(sectors_of_row(levels, channels, numbers, size) for size in sizes)
    slices = channels // numbers.channels
    read = squares_read(work) * slices * VECTOR
    floor = written / DEVICE_BYTES * 1e6
    shared = read / (SHARED_BYTES * MULTIPROCESSORS * GIGAHERTZ * 1e9) * 1e6
    cells = [name, numbers.name, f"{written / 1e6:.0f} MB", f"{touched / written:.2f}", f"{floor:.0f} us"]
    return f"| {' | '.join([*cells, f'{read / 1e6:.0f} MB', f'{shared:.0f} us'])} |"


def main() -> int:
    """Print the table."""
    heads = [
        "workload",
        "types",
        "written",
        "sectors touched",
        "at 4.3 TB/s",
        "squares, shared memory",
        "at 128 B a cycle",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    lines += [row(name, numbers) for name in NAMES for numbers in TYPES]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
