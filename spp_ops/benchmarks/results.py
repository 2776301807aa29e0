"""The record of a run: seconds of every contestant in every round, and what is needed to judge them; kept as JSON."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch

from spp_ops.engine.files import write_json
from spp_ops.engine.machine import describe_machine

FORMAT = 1
PEER_PACKAGES = ("torchvision", "openvino", "onnxruntime", "paddlepaddle", "numpy")


@dataclass(frozen=True)
class Ratio:
    """A median over rounds, with the quartiles around it."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: list[float]) -> Ratio:
        """Return the median and quartiles of some numbers."""
        if len(values) == 1:
            return Ratio(values[0], values[0], values[0])
        low, _, high = quantiles(values, n=4, method="inclusive")
        return Ratio(median(values), low, high)

    @property
    def spread(self) -> float:
        """Distance between the quartiles as a part of the median."""
        return (self.high - self.low) / self.median


@dataclass(frozen=True)
class Contest:
    """Contestants that took turns at one piece of work.

    Attributes:
        seconds: of one call, a number a round, by contestant.
        checks: how far each one's numbers equal ours, in words.
        left_out: why others did not take part.
        disagreements: contestants left out because their numbers are wrong, and how wrong.
    """

    case: str
    timed: str
    dtype: str
    seconds: dict[str, list[float]]
    checks: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    disagreements: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_texts(self.case, self.timed, self.dtype)
        for notes in (self.checks, self.left_out, self.disagreements):
            require_texts(*notes, *notes.values())
        require_texts(*self.seconds)
        for rounds in self.seconds.values():
            require_positive(rounds)

    @property
    def key(self) -> str:
        """For instance MAIN/forward/float32."""
        return f"{self.case}/{self.timed}/{self.dtype}"

    def ratio(self, name: str, other: str) -> Ratio | None:
        """How many times longer `name` takes than `other`; None where one of them did not take part."""
        if name not in self.seconds or other not in self.seconds:
            return None
        pairs = zip(self.seconds[name], self.seconds[other], strict=True)
        return Ratio.of([mine / theirs for mine, theirs in pairs])


@dataclass(frozen=True)
class Peaks:
    """Peak memory of a forward and backward pass in MiB above what was there before, by contestant.

    Attributes:
        head: what follows the pooling and decides what is kept for backward.
    """

    case: str
    head: str
    mebibytes: dict[str, float]

    def __post_init__(self) -> None:
        require_texts(self.case, self.head, *self.mebibytes)
        if not all(isinstance(size, int | float) and 0 <= size < math.inf for size in self.mebibytes.values()):
            raise TypeError(f"expected sizes, got {self.mebibytes!r}")


@dataclass(frozen=True)
class Record:
    """A run of `spp-ops benchmark op`."""

    machine: dict[str, Any]
    contests: list[Contest]
    peaks: list[Peaks] = field(default_factory=list)
    format: int = FORMAT

    def contest(self, case: str, timed: str, dtype: str = "float32") -> Contest | None:
        """Return the contest of that name, None if it was not held."""
        key = f"{case}/{timed}/{dtype}"
        return next((contest for contest in self.contests if contest.key == key), None)

    def added_to(self, path: Path) -> Record:
        """Return the record stored there with this one's contests put into it; this one where none is stored.

        Raises:
            ValueError: the file is something else, or of another machine.
        """
        if not path.exists():
            return self
        stored = Record.load(path)
        require_same_machine(path, stored.machine, self.machine)
        held = {contest.key for contest in self.contests}
        measured = {(peak.case, peak.head) for peak in self.peaks}
        return replace(
            self,
            contests=[c for c in stored.contests if c.key not in held] + self.contests,
            peaks=[p for p in stored.peaks if (p.case, p.head) not in measured] + self.peaks,
        )

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, asdict(self))

    @staticmethod
    def load(path: Path) -> Record:
        """Read what `save` wrote.

        Raises:
            ValueError: the file is something else.
        """
        content = read_record(path)
        try:
            contests = [Contest(**contest) for contest in content["contests"]]
            peaks = [Peaks(**peak) for peak in content["peaks"]]
            return Record(content["machine"], contests, peaks)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: expected a record of `spp-ops benchmark op`, got other JSON") from error


def require_same_machine(path: Path, stored: dict[str, Any], here: dict[str, Any]) -> None:
    """Raise a ValueError unless what is known of two runs' machines and versions is the same.

    Args:
        path: of the stored record.
        stored: what it says.
        here: what is so now.
    """
    for name in {**stored, **here}:
        if stored.get(name) != here.get(name):
            raise ValueError(
                f"{path}: expected a record of this machine and these versions; "
                f"{name} is {stored.get(name)!r} there and {here.get(name)!r} here"
            )


def require_texts(*values: object) -> None:
    """Raise a TypeError for what a record of another program might hold in the place of texts."""
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"expected texts, got {values!r}")


def require_positive(numbers: object) -> None:
    """Raise a TypeError unless these are one or more positive finite numbers, as times are."""
    if not isinstance(numbers, list) or not numbers:
        raise TypeError(f"expected a list of numbers, got {numbers!r}")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
            raise TypeError(f"expected positive numbers, got {number!r}")


def read_record(path: Path) -> dict[str, Any]:
    """Read a record's JSON.

    Raises:
        ValueError: it is no JSON, or of another format or program.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("machine"), dict):
        raise ValueError(f"{path}: expected a record of `spp-ops benchmark`, got other JSON")
    if content.get("format") != FORMAT:
        raise ValueError(f"{path}: expected format {FORMAT}, got {content.get('format')!r}")
    return content


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: it can't be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: expected a JSON file: {error}") from error


def describe_run(device: torch.device, memory_kept: bool) -> dict[str, Any]:
    """Return the machine, the versions, and how memory was treated."""
    installed = {package.name: package.version for package in metadata.distributions()}
    versions = {package: installed[package] for package in PEER_PACKAGES if package in installed}
    memory = "freed memory kept by the process" if memory_kept else "freed memory goes back to the system"
    huge = {"huge_pages": _huge_pages(), "THP_MEM_ALLOC_ENABLE": os.environ.get("THP_MEM_ALLOC_ENABLE", "0")}
    return {**describe_machine(device), **versions, "memory": memory, **huge}


def _huge_pages() -> str:
    """Whether Linux backs large allocations by huge pages, which makes fresh memory cheaper."""
    try:
        setting = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="ascii")
    except OSError:
        return "unknown"
    return setting.partition("[")[2].partition("]")[0] or setting.strip()
