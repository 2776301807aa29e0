"""Holds every contestant's numbers against ours before its time is taken."""

from __future__ import annotations

import torch
from torch import Tensor

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers import Agreement, Pass, Peer

# Gradients are sums whose order is each library's own.
GRADIENT_TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


class DisagreementError(Exception):
    """A contestant's numbers are not what they should be."""


def check(peer: Peer, work: Workload, timed: Pass, ours: Peer) -> str:
    """Say how far the peer's result equals ours.

    Raises:
        DisagreementError: it should and doesn't.
    """
    if peer.agreement is Agreement.NOWHERE or peer is ours:
        return ""
    inside = work.inside() if peer.agreement is Agreement.INSIDE else torch.ones_like(work.inside())
    where = "" if inside.all() else f" on the {int(inside.sum())} of {len(inside)} windows inside the map"
    if timed is Pass.FORWARD:
        theirs, expected = (_result(p, work, timed)[0][inside] for p in (peer, ours))
        return _equal(theirs, expected) + where
    masked = work.with_grad(work.grad * inside[:, None])
    return _near(_result(peer, masked, timed), _result(ours, masked, timed)) + where


def _result(peer: Peer, work: Workload, timed: Pass) -> list[Tensor]:
    """Copy what the peer makes of the workload."""
    work.output.fill_(float("nan"))
    run = peer.run(work, timed)
    return [tensor.clone() for tensor in run.tensors(run.call(run.before()))]


def _equal(theirs: Tensor, expected: Tensor) -> str:
    if theirs.shape != expected.shape:
        raise DisagreementError(f"shape {list(theirs.shape)}, expected {list(expected.shape)}")
    different = int((theirs != expected).sum())
    if different:
        raise DisagreementError(f"{different:,} of {theirs.numel():,} values differ from ours")
    return "equal"


def _near(theirs: list[Tensor], expected: list[Tensor]) -> str:
    worst = 0.0
    for gradient, wanted in zip(theirs, expected, strict=True):
        if gradient.shape != wanted.shape:
            raise DisagreementError(f"gradient of shape {list(gradient.shape)}, expected {list(wanted.shape)}")
        if torch.equal(gradient, wanted):  # both may be zeros: of a map without windows
            continue
        error = (gradient.double() - wanted.double()).abs().max() / wanted.double().abs().max()
        worst = max(worst, float(error.nan_to_num(nan=float("inf"))))
    if worst > GRADIENT_TOLERANCE[expected[0].dtype]:
        raise DisagreementError(f"gradients differ from ours by {worst:.1g} of the largest")
    return f"within {worst:.0e}"
