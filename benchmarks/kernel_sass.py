"""What can be counted in the machine code of the CUDA kernels without a GPU: the instructions of their loops.

cuobjdump disassembles a cubin; a loop is what lies between a branch backwards and its target, without the loops inside
it. Branches not taken count as well, so the numbers are upper bounds of what one turn executes.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_INSTRUCTION = re.compile(r"^\s+/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)\s*([^;]*);", re.MULTILINE)
_REGISTER = re.compile(r"\bR(\d+)\b")
_WORDS = {"64": 2, "128": 4}  # of a load, by the suffix of its opcode


Counts = dict[str, dict[str, dict[str, int]]]  # by architecture and kernel: see `summary`

# Kernels whose loops the page shows: those that time goes to.
SHOWN = (
    "pool_resident<float, none>",
    "pool_resident<BFloat16, none>",
    "pool_resident<float, uint16>",
    "prepare<float, none>",
    "pool_windows<float, none>",
    "scatter_gradients<float, uint16, PlainSums<float>>",
    "scatter_gradients<float, uint16, ExactSums<float>>",
    "gather_bins<float, uint16>",
)


@dataclass(frozen=True)
class Instruction:
    """One line of a disassembly."""

    address: int
    opcode: str
    operands: str

    @property
    def kind(self) -> str:
        """What it does, without its suffixes."""
        return self.opcode.split(".")[0]

    @property
    def target(self) -> int | None:
        """Where a branch goes."""
        found = re.search(r"0x([0-9a-f]+)\s*$", self.operands) if self.kind == "BRA" else None
        return int(found.group(1), 16) if found else None


@dataclass(frozen=True)
class Loop:
    """Counts of one loop: all instructions, and those that go to memory."""

    instructions: int
    global_loads: int
    under_way: int  # the most global loads whose result no instruction has asked for yet
    shared_loads: int
    shared_stores: int
    atomics: int
    global_stores: int

    @property
    def touches_memory(self) -> bool:
        """Whether any of its instructions goes to memory."""
        return self.global_loads + self.shared_loads + self.shared_stores + self.atomics + self.global_stores > 0


def cuobjdump() -> str | None:
    """The path of cuobjdump: on the PATH, or in the Triton package, which brings one; None where there is none."""
    found = shutil.which("cuobjdump")
    package = importlib.util.find_spec("triton")
    if found or package is None or package.origin is None:
        return found
    beside = Path(package.origin).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    return str(beside) if beside.exists() else None


def disassemble(cubin: Path) -> dict[str, list[Instruction]]:
    """The instructions of every kernel of a cubin, by mangled name.

    Raises:
        RuntimeError: there is no cuobjdump, or it fails.
    """
    program = cuobjdump()
    if program is None:
        raise RuntimeError("kernel_sass: cuobjdump is neither on the PATH nor in an installed triton")
    done = subprocess.run([program, "-sass", str(cubin)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kernel_sass: cuobjdump failed: {done.stderr.strip()}")
    return dict(parse(done.stdout))


def parse(listing: str) -> Iterator[tuple[str, list[Instruction]]]:
    """Read what cuobjdump prints."""
    for part in listing.split("Function : ")[1:]:
        name, _, body = part.partition("\n")
        lines = [Instruction(int(a, 16), opcode, rest.strip()) for a, opcode, rest in _INSTRUCTION.findall(body)]
        yield name.strip(), lines


def loops(code: list[Instruction]) -> list[Loop]:
    """The loops of a kernel that touch memory, in the order of their ends."""
    spans = [(i.target, i.address) for i in code if i.target is not None and i.target < i.address]
    found = []
    for first, last in spans:
        inner = [(a, b) for a, b in spans if first <= a and b <= last and (a, b) != (first, last)]
        body = [i for i in code if first <= i.address <= last and not any(a <= i.address <= b for a, b in inner)]
        found.append(count(body))
    return [loop for loop in found if loop.touches_memory]


def count(body: list[Instruction]) -> Loop:
    """The counts of some instructions."""
    kinds = [instruction.kind for instruction in body]
    return Loop(
        instructions=len(body),
        global_loads=kinds.count("LDG"),
        under_way=under_way(body),
        shared_loads=kinds.count("LDS"),
        shared_stores=kinds.count("STS"),
        atomics=kinds.count("ATOMS") + kinds.count("ATOMG") + kinds.count("RED"),
        global_stores=kinds.count("STG"),
    )


def under_way(body: list[Instruction]) -> int:
    """The most global loads that have been issued before one of their results is read."""
    waiting: list[set[int]] = []
    most = 0
    for instruction in body:
        registers = [int(number) for number in _REGISTER.findall(instruction.operands)]
        load = instruction.kind == "LDG"
        read = set(registers[1:] if load else registers)
        waiting = [results for results in waiting if not results & read]
        if load and registers:
            words = next((_WORDS[part] for part in instruction.opcode.split(".") if part in _WORDS), 1)
            waiting.append(set(range(registers[0], registers[0] + words)))
            most = max(most, len(waiting))
    return most


def summary(found: list[Loop]) -> dict[str, int]:
    """Return the instructions of a kernel's loops, and the most loads under way in one of them."""
    return {
        "instructions": sum(loop.instructions for loop in found),
        "under_way": max((loop.under_way for loop in found), default=0),
    }


def loop_table(counts: Counts) -> str:
    """Return a Markdown table of the loops of what time goes to."""
    heads = ["kernel", *(f"sm_{arch}" for arch in counts)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for kernel in SHOWN:
        cells = [f"{kernels[kernel]['instructions']}, {kernels[kernel]['under_way']}" for kernels in counts.values()]
        lines.append(f"| {' | '.join([f'`{kernel}`', *cells])} |")
    return (
        "Instructions in the loops that touch memory, all together, and the most global loads that one of these loops\n"
        "has under way:\n\n" + "\n".join(lines) + "\n"
    )
