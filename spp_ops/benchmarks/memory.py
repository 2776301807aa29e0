"""Peak memory of a forward and backward pass, ours beside torchvision's.

Each measurement has a process of its own, in which freed memory goes back to the system at once, so that resident
memory is live memory; the same settings hold for all. A pass over a tiny workload loads libraries and starts threads.
Then the system's high-water mark of resident memory is reset (``clear_refs``), the pass is made once, and the mark is
read (``VmHWM``). Maps, boxes and what the head brings along are there before and do not count. On a GPU the counters of
PyTorch's allocator say the same.

What follows the pooling decides what is kept for backward:

* ``gradient``: the pooled features are used and their gradient is given, as by a head that keeps nothing of them. It
  shows what the operator itself needs.
* ``linear``: a fully connected layer with learnt weights. It keeps the pooled features until its own backward, where
  they and their gradient are alive together, whoever pooled.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from spp_ops.benchmarks.cases import CASES, Workload
from spp_ops.benchmarks.peers import PEERS
from spp_ops.benchmarks.peers.base import TorchPeer
from spp_ops.benchmarks.results import Peaks

HEADS = ("gradient", "linear")
LINEAR_OUTPUTS = 128
MEBIBYTE = 2**20
CASE = "MAIN"
MEASURED = ("torchvision", "roi_align")

# glibc: large blocks are mapped one by one and freed ones unmapped; the heap is trimmed; there is but one.
RETURN_FREED_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "0",
    "MALLOC_TOP_PAD_": "0",
    "MALLOC_ARENA_MAX": "1",
}


def of_training(cases: Iterable[str], peers: Iterable[str], device: torch.device) -> list[Peaks]:
    """Measure MAIN, if it is among the cases, with every head: ours and torchvision's, if they are among the peers."""
    names = ("ours", *(name for name in MEASURED if name in tuple(peers) and not PEERS[name].missing()))
    return [peaks(case, head, names, device) for case in cases if case == CASE for head in HEADS]


def peaks(case: str, head: str, names: tuple[str, ...], device: torch.device) -> Peaks:
    """Measure the peers of these names, each in a process of its own.

    Raises:
        RuntimeError: a measurement failed; the message is the process's.
    """
    mebibytes = {}
    for name in names:
        command = [sys.executable, "-m", "spp_ops.benchmarks.memory", case, head, name, str(device)]
        settings = {"OMP_NUM_THREADS": str(torch.get_num_threads()), **RETURN_FREED_MEMORY}
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **settings}, check=False)
        if done.returncode:
            raise RuntimeError(f"peak memory of {name} on {case}: {done.stderr.strip().splitlines()[-1]}")
        mebibytes[name] = float(json.loads(done.stdout.splitlines()[-1]))
    return Peaks(case, head, mebibytes)


def peak(case: str, head: str, name: str, device: torch.device) -> float:
    """Return MiB above what was there before, in this process."""
    peer = PEERS[name]
    if not isinstance(peer, TorchPeer):
        raise ValueError(f"name: expected a peer that PyTorch can train through, got {name!r}")
    tiny = replace(CASES[case], channels=8, windows=1)
    _pass(peer, tiny.draw(device=device), head)()
    step = _pass(peer, CASES[case].draw(device=device), head)
    before = _reset_peak(device)
    step()
    return (_peak(device) - before) / MEBIBYTE


def _pass(peer: TorchPeer, work: Workload, head: str) -> Callable[[], None]:
    leaves = [m.requires_grad_() for m in work.maps]
    if head == "gradient":

        def given_gradient() -> None:
            torch.autograd.backward(peer.pool(work, leaves, None), work.grad)

        return given_gradient

    layer = torch.nn.Linear(work.case.columns, LINEAR_OUTPUTS, device=work.device, dtype=work.dtype)
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)

    def loss() -> Tensor:
        scores: Tensor = layer(peer.pool(work, leaves, None))
        return scores.square().mean()

    return lambda: torch.autograd.backward(loss())


def _reset_peak(device: torch.device) -> int:
    """Start a new high-water mark; return the bytes in use now."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return status_bytes("VmRSS")


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device)
    return status_bytes("VmHWM")


def status_bytes(field: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/self/status: no {field}")
    return int(found[1]) * 1024


if __name__ == "__main__":
    asked_case, asked_head, asked_peer, asked_device = sys.argv[1:]
    print(json.dumps(peak(asked_case, asked_head, asked_peer, torch.device(asked_device))))
