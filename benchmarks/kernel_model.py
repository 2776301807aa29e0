"""What the CUDA kernels move on the benchmark's workloads, worked out without a GPU: a model, not a measurement.

``python -m benchmarks.kernel_model`` prints two Markdown tables. The first is of many windows by resident slices: the
bytes that the output must have, the sectors of 32 bytes that the stores touch for them, the squares that bins read from
shared memory, and the times that these take at the rates below if nothing else did. Bank conflicts, instructions and
latency are left out: a kernel takes longer. The second is of few windows by tables in global memory, where latency is
what there is to wait for: how many reads of a group of eight lanes follow each other, alone and in a team of warps.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from spp_ops import Projection
from spp_ops._core.geometry import place_boxes
from spp_ops.benchmarks.cases import CASES, Case, Workload, half_to_whole

MULTIPROCESSORS, GIGAHERTZ = 132, 1.755  # of an H100 SXM
DEVICE_BYTES = 4.3e12  # a second, written or read; an H200's copy
SHARED_BYTES = 128  # a cycle and multiprocessor
SECTOR, VECTOR = 32, 16
NAMES = ("MAIN", "SMALL", "BATCH")
L2_BYTES = 5.5e12  # a second
READ_MICROSECONDS = 0.35  # from one read of L2 to the next one that follows from it: 600 cycles
WARP_GROUPS, TEAM_GROUPS = 4, 32  # of eight lanes, each with a bin: of a warp, of a block that is one team

# Few windows: the work, and how many tables beyond the map itself csrc/kernels/cuda/forward_plan.h makes for it.
FEW = (
    (CASES["ONE"], 0),
    (CASES["WHOLE"], 0),
    (Case("20 windows on 200 x 336", "large windows", (5376, 3200), ((200, 336),), half_to_whole, windows=20), 4),
)


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


def reads(height: int, width: int, doublings: int = 31) -> int:
    """Fours of largest squares of a power of two, of up to 2^doublings cells a side, that cover a bin."""
    side = 1 << min(min(height, width).bit_length() - 1, doublings)
    return (-(-height // (2 * side))) * (-(-width // (2 * side)))


def window_sizes(work: Workload) -> list[tuple[int, int]]:
    """Height and width of all windows in cells; windows of the benchmark lie inside of their maps."""
    sizes = [(m.shape[2], m.shape[3]) for m in work.maps]
    windows = place_boxes(work.rois, sizes, [Projection.rounded(1 / 16)], work.maps[0].shape[0]).windows
    return [(int(height), int(width)) for _, _, width, height in windows.tolist()]


def bin_reads(work: Workload, doublings: int = 31) -> list[list[int]]:
    """The reads of each bin of each window that is read from the map."""
    return [
        [
            reads(h, w, doublings)
            for n in read_levels(work.levels)
            for h in bin_sizes(height, n)
            for w in bin_sizes(width, n)
        ]
        for height, width in window_sizes(work)
    ]


def squares_read(work: Workload) -> int:
    """Of all windows."""
    return 4 * sum(map(sum, bin_reads(work)))


def chain(of_bins: list[int], groups: int) -> int:
    """The most reads that follow each other where groups take a window's bins in turn."""
    return max(sum(of_bins[group::groups]) for group in range(groups))


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


def few_row(case: Case, doublings: int) -> str:
    """One line of the table of few windows, float32 without indices."""
    work = case.draw(device="cpu", seed=0)
    of_bins = bin_reads(work, doublings)
    alone, team = (max(chain(bins, groups) for bins in of_bins) for groups in (WARP_GROUPS, TEAM_GROUPS))
    size = work.output.element_size()
    made = work.maps[0].numel() * size * (2 + doublings)  # read once, then each table written
    squares = 4 * sum(map(sum, of_bins)) * work.maps[0].shape[1] * size
    moved = (made + work.output.numel() * size) / DEVICE_BYTES + squares / L2_BYTES
    cells = [case.name, f"{made / 1e6:.1f} MB", f"{squares / 1e6:.1f} MB", f"{moved * 1e6:.1f} us"]
    cells += [f"{turns}, {turns * READ_MICROSECONDS:.1f} us" for turns in (alone, team)]
    return f"| {' | '.join(cells)} |"


def few_table() -> str:
    """The table of few windows."""
    heads = ["workload", "map and tables", "squares from L2", "to move these", "reads in a row: a warp", "a team"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join(lines + [few_row(case, doublings) for case, doublings in FEW]) + "\n"


def main() -> int:
    """Print the tables."""
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
    sys.stdout.write("\n".join(lines) + "\n\n" + few_table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
