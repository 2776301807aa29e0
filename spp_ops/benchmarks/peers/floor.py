"""The write floor: the time to write the output once, which no pooling can beat."""

from __future__ import annotations

import mmap

import torch
from torch import Tensor
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers.base import Agreement, Pass, Peer, Run


class WriteFloor(Peer):
    """The output written once (fill_), memory in place."""

    name = "floor"
    agreement = Agreement.NOWHERE

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        return Run(lambda _: work.output.fill_(0))


class FreshWriteFloor(Peer):
    """The output written once into memory fresh from the system: every page faults."""

    name = "floor-fresh"
    agreement = Agreement.NOWHERE

    @override
    def declines(self, work: Workload) -> str | None:
        return super().declines(work) if work.device.type == "cpu" else "page faults are a matter of CPUs"

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        def write(_: None) -> Tensor:
            memory = mmap.mmap(-1, work.output.nbytes)  # goes back to the system with the tensor
            return torch.frombuffer(memory, dtype=work.dtype).fill_(0)

        return Run(write)
