"""What a peer is: a way to do a workload, prepared once and then run many times."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload


class Pass(Enum):
    """The part of the work that is timed; ``FORWARD`` is without gradients."""

    FORWARD = "forward"
    TRAINING = "forward+backward"
    BACKWARD = "backward"


class Agreement(Enum):
    """Where a peer's pooled features must equal ours bit for bit, and its gradients but for the order of sums."""

    EVERYWHERE = "everywhere"
    INSIDE = "in windows inside the map"  # of others the peer pools the part on the map: the bins lie elsewhere
    NOWHERE = "nowhere"  # another operation


@dataclass(frozen=True)
class Run:
    """Work made ready: ``call(before())`` does it, and only ``call`` is timed.

    ``tensors`` reads what a call made: the pooled features, or the gradient of each map.
    """

    call: Callable[[Any], Any]
    before: Callable[[], Any] = lambda: None
    tensors: Callable[[Any], list[Tensor]] = lambda result: [result]


class Peer(ABC):
    """One way to pool windows, at its best setting. The first line of a class's docstring says what it calls.

    Attributes:
        name: short, for tables and ``--peers``.
        packages: what must be importable.
        agreement: what the peer's numbers are held to.
        passes: what it can do.
    """

    name: str
    packages: tuple[str, ...] = ()
    agreement: Agreement = Agreement.EVERYWHERE
    passes: frozenset[Pass] = frozenset({Pass.FORWARD})

    @property
    def about(self) -> str:
        """What is called, and how."""
        return (self.__doc__ or "").splitlines()[0].rstrip(".")

    def missing(self) -> str | None:
        """Say why the peer can't run here, if it can't."""
        absent = [package for package in self.packages if importlib.util.find_spec(package) is None]
        return f"not installed: {', '.join(absent)} (pip install 'spp_ops[benchmarks]')" if absent else None

    def declines(self, work: Workload) -> str | None:
        """Say why the peer takes no part in this work, if it doesn't."""
        return None

    @abstractmethod
    def run(self, work: Workload, timed: Pass) -> Run:
        """Make one of the peer's passes over the workload ready to be timed."""


class TorchPeer(Peer):
    """A peer made of differentiable PyTorch calls: `pool` is all it has to say."""

    passes = frozenset(Pass)

    @abstractmethod
    def pool(self, work: Workload, maps: list[Tensor], out: Tensor | None) -> Tensor:
        """Return pooled features [R, C * M], in ``out`` where it is given, which is when no gradients are wanted."""

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        if timed is Pass.FORWARD:

            def forward(_: None) -> Tensor:
                with torch.no_grad():
                    return self.pool(work, work.maps, work.output)

            return Run(forward)

        leaves = [m.detach().requires_grad_() for m in work.maps]

        def pooled() -> Tensor:
            return self.pool(work, leaves, None)

        def gradients(output: Tensor) -> list[Tensor]:
            # A map without windows has no part in the graph of a peer that goes window by window.
            return list(torch.autograd.grad(output, leaves, work.grad, materialize_grads=True))

        if timed is Pass.BACKWARD:
            return Run(gradients, before=pooled, tensors=list)
        return Run(lambda _: gradients(pooled()), tensors=list)


class CpuPeer(Peer):
    """A library of its own, measured on the CPU in float32."""

    @override
    def declines(self, work: Workload) -> str | None:
        on_its_ground = work.device.type == "cpu" and work.dtype == torch.float32
        return super().declines(work) if on_its_ground else "measured on the CPU in float32"


def map_by_map(work: Workload, pool: Callable[[int, Tensor], Tensor], out: Tensor | None) -> Tensor:
    """Return [R, C * M] of an operation that knows one map: ``pool(m, rois)`` a map, rows brought back into order.

    With a single map nothing is to be brought back, and ``pool`` writes to its place by itself if it can.
    """
    if len(work.maps) == 1:
        return pool(0, work.rois)
    rows = [(work.map_index == m).nonzero().squeeze(1) for m in range(len(work.maps))]
    pooled = torch.cat([pool(m, work.rois[of_map]) for m, of_map in enumerate(rows)])
    order = torch.cat(rows).argsort()
    return pooled.index_select(0, order) if out is None else torch.index_select(pooled, 0, order, out=out)
