"""What each CUDA kernel takes of a multiprocessor, and what its loops execute: counted without a GPU.

``python -m benchmarks.kernel_resources [--arch 80 90 100 120] [--write PAGE] [--record JSON]`` compiles the kernels
with nvcc, asks the sources for the size of their blocks on MAIN, counts instructions in the machine code
(kernel_sass.py), and prints Markdown tables, or puts them at the end of a page. The record is what a test holds later
counts against. The exit code is 1 where a kernel spills registers, 2 where nvcc or cuobjdump is missing or fails.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kernel_sass import Counts, disassemble, loop_table, loops, summary
from spp_ops.engine.files import write_json

KERNELS = Path(__file__).resolve().parents[1] / "csrc" / "kernels" / "cuda"
FLAGS = ("-std=c++20", "-O3", "-fmad=false")  # as setup.py compiles them
ARCHS = (80, 90, 100, 120)
BEGIN = "<!-- from here on written by benchmarks/kernel_resources.py -->"

WARP = 32
REGISTERS = 16384  # of a quarter of a multiprocessor
REGISTER_UNIT = 256  # in which a warp gets them
MOST_WARPS = {120: 48}
USUAL_MOST_WARPS = 64
MOST_BLOCKS = 32
SHARED_BYTES = {80: 164 * 1024, 120: 100 * 1024}  # of a multiprocessor
USUAL_SHARED_BYTES = 228 * 1024
SYSTEM_SHARED_BYTES = 1024  # that every block takes besides its own

# Blocks on MAIN: 2,400 cells, 50 bins; `scatter_gradients` adds one channel a block there. `pool_resident` as on sm_90
# and sm_100: four tables.
PROBE = """
#include <cstdio>
#include "resident_plan.h"
#include "gather.cu"
#include "scatter.h"
#include "spans.cu"
using namespace spp::cuda;
template <typename Sums> void scatter(const char* name) {
  std::printf("%s %d %zu\\n", name, kScatterThreads, scatter_shared_bytes<Sums>(1, 40 * 60));
}
int main() {
  const int64_t levels[] = {6, 6, 3, 3, 2, 2, 1, 1};
  ResidentArgs resident{};
  resident.pyramid = spp::make_pyramid(levels, 4);
  resident.per_row = 36;
  resident.merged = 14;
  resident.table_vectors = 4 * 40 * 60;
  choose_batch(resident, 4, 227 * 1024, 228 * 1024);
  std::printf("project_bins %d 0\\n", kProjectBinsThreads);
  std::printf("pool_resident %d %zu\\n", kResidentThreads, resident_shared_bytes(resident.table_vectors, resident, 4));
  std::printf("prepare %d %zu\\n", kPrepareThreads, table_shared_bytes(kMaxDoublings));
  std::printf("pool_windows %d %zu\\n", kPairWarps * kWarpSize, pool_shared_bytes(50, 1));
  std::printf("note_ends %d 0\\n", kSpanThreads);
  std::printf("gather_bins %d 0\\n", kGatherThreads);
  scatter<PlainSums<float>>("PlainSums<float>");
  scatter<PlainSums<double>>("PlainSums<double>");
  scatter<ExactSums<float>>("ExactSums<float>");
  scatter<ExactSums<double>>("ExactSums<double>");
}
"""


@dataclass(frozen=True)
class Block:
    """The threads of a block, and the bytes of shared memory it asks for."""

    threads: int
    shared: int


@dataclass(frozen=True)
class Kernel:
    """One compiled kernel: registers a thread, and bytes of them that it spills to memory."""

    name: str
    registers: int
    spilled: int

    def warps(self, arch: int, block: Block) -> int:
        """Warps that share a multiprocessor."""
        per_warp = -(-self.registers * WARP // REGISTER_UNIT) * REGISTER_UNIT
        block_warps = block.threads // WARP
        by_registers = REGISTERS // per_warp * 4 // block_warps
        by_shared = SHARED_BYTES.get(arch, USUAL_SHARED_BYTES) // (block.shared + SYSTEM_SHARED_BYTES)
        most = MOST_WARPS.get(arch, USUAL_MOST_WARPS) // block_warps
        return min(by_registers, by_shared, most, MOST_BLOCKS) * block_warps


def nvcc(*arguments: str, source: str | None = None) -> str:
    """Run nvcc, on a source text if one is given, and return what it prints.

    Raises:
        RuntimeError: there is no nvcc, or it fails.
    """
    if shutil.which("nvcc") is None:
        raise RuntimeError("kernel_resources: nvcc is not on the PATH")
    done = subprocess.run(["nvcc", *FLAGS, *arguments], input=source, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kernel_resources: nvcc {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def compile_kernels(arch: int, folder: Path) -> list[Kernel]:
    """Compile all kernels for one architecture; the cubins stay in the folder."""
    found: list[Kernel] = []
    for source in sorted(KERNELS.glob("*.cu")):
        cubin = folder / f"{source.stem}.{arch}.cubin"
        found += parse(nvcc(f"-arch=sm_{arch}", "-Xptxas", "-v", "-cubin", "-o", str(cubin), str(source)))
    return sorted(found, key=lambda kernel: kernel.name)


def count_loops(arch: int, folder: Path) -> dict[str, dict[str, int]]:
    """Count the loops of all kernels of one architecture, in the cubins of the folder; make them if need be."""
    if not any(folder.glob(f"*.{arch}.cubin")):
        compile_kernels(arch, folder)
    counted = {
        readable(name): summary(loops(code))
        for cubin in sorted(folder.glob(f"*.{arch}.cubin"))
        for name, code in disassemble(cubin).items()
    }
    return dict(sorted(counted.items()))


def parse(report: str) -> Iterator[Kernel]:
    """Read what ptxas says of each kernel."""
    for part in report.split("Compiling entry function ")[1:]:
        name = part.split("'")[1]
        registers = re.search(r"Used (\d+) registers", part)
        spilled = re.search(r"(\d+) bytes spill stores", part)
        if registers is None or spilled is None:
            raise RuntimeError(f"kernel_resources: ptxas says nothing of {name}")
        yield Kernel(readable(name), int(registers.group(1)), int(spilled.group(1)))


def readable(mangled: str) -> str:
    """Return a kernel's name with its template arguments, without namespaces and parameters."""
    if shutil.which("c++filt") is None:
        return mangled
    done = subprocess.run(["c++filt", mangled], capture_output=True, text=True, check=True)
    name = re.sub(r"spp::(cuda::)?|\(anonymous namespace\)::|^void ", "", done.stdout.strip())
    name = name.replace("unsigned short", "uint16").replace("NoIndex", "none").replace(", int", ", int32")
    return re.sub(r"\(.*\)$", "", name).replace("> >", ">>")


def blocks() -> dict[str, Block]:
    """Ask the sources for the size of every kernel's block on MAIN, by the beginning or a part of its name."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe"
        nvcc(f"-I{KERNELS}", "-x", "cu", "-", "-o", str(probe), source=PROBE)
        lines = subprocess.run([probe], capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: Block(int(threads), int(shared)) for name, threads, shared in map(str.split, lines)}


def block_of(kernel: str, found: dict[str, Block]) -> Block:
    """Return a kernel's block."""
    return next(block for part, block in found.items() if part in kernel)


def table(compiled: dict[int, list[Kernel]], found: dict[str, Block]) -> str:
    """Return a Markdown table of kernels by architectures."""
    heads = ["kernel", "threads", "shared bytes", *(f"sm_{arch}" for arch in compiled)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for kernels in zip(*compiled.values(), strict=True):
        block = block_of(kernels[0].name, found)
        cells = [f"`{kernels[0].name}`", f"{block.threads}", f"{block.shared:,}"]
        for arch, kernel in zip(compiled, kernels, strict=True):
            spilled = f", {kernel.spilled} bytes SPILLED" if kernel.spilled else ""
            warps = kernel.warps(arch, block)
            cells.append(f"{kernel.registers}, {f'{warps} warps' if warps else 'a smaller block'}{spilled}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def release() -> str:
    """Return nvcc's release, as 13.0.88."""
    found = re.search(r"release .*V([\d.]+)", nvcc("--version"))
    return found.group(1) if found else "unknown"


def report(compiled: dict[int, list[Kernel]], counts: Counts, found: dict[str, Block]) -> str:
    """Return the tables and what they say."""
    spilling = sum(kernel.spilled > 0 for kernels in compiled.values() for kernel in kernels)
    return (
        f"nvcc {release()}; {spilling or 'no'} kernels spill registers. A cell holds the "
        "registers of a thread and the warps that share a multiprocessor,\nof 64 at most; block and shared memory are "
        "those of MAIN.\n\n" + table(compiled, found) + "\n" + loop_table(counts)
    )


def main() -> int:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", type=int, nargs="+", default=ARCHS, help="compute capabilities, as 90")
    parser.add_argument("--write", type=Path, metavar="PAGE", help=f"replace what follows {BEGIN!r} on this page")
    parser.add_argument("--record", type=Path, metavar="JSON", help="write the counts of all loops to this file")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            compiled = {arch: compile_kernels(arch, folder) for arch in arguments.arch}
            counts = {str(arch): count_loops(arch, folder) for arch in arguments.arch}
            text = report(compiled, counts, blocks())
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if arguments.record is not None:
        write_json(arguments.record, {"nvcc": release(), "counts": counts})
    if arguments.write is None:
        sys.stdout.write(text)
    else:
        kept = arguments.write.read_text(encoding="utf-8").partition(BEGIN)[0]
        arguments.write.write_text(f"{kept}{BEGIN}\n\n{text}", encoding="utf-8")
    return int(any(kernel.spilled for kernels in compiled.values() for kernel in kernels))


if __name__ == "__main__":
    sys.exit(main())
