"""The peers, by name."""

from __future__ import annotations

from spp_ops.benchmarks.peers.adaptive import AdaptiveMaxPool, AdaptiveMaxPoolChannelsLast
from spp_ops.benchmarks.peers.base import Agreement, Pass, Peer, Run
from spp_ops.benchmarks.peers.floor import FreshWriteFloor, WriteFloor
from spp_ops.benchmarks.peers.numba_tables import NumbaTables
from spp_ops.benchmarks.peers.onnxruntime import OnnxRuntime
from spp_ops.benchmarks.peers.openvino import OpenVINO
from spp_ops.benchmarks.peers.ours import (
    MainAndLargerMaps,
    Ours,
    OursAtLevel,
    OursChannelsLast,
    OursFresh,
    OursReading,
    OursRecomputed,
    OursWithIndices,
)
from spp_ops.benchmarks.peers.paddle import Paddle
from spp_ops.benchmarks.peers.tables import RangeMaximumTables
from spp_ops.benchmarks.peers.torchvision import OneCall, RoIAlign, RoIPool

__all__ = ["OTHERS", "OURS", "PEERS", "READINGS", "Agreement", "Pass", "Peer", "Run"]

CPU_LEVELS = ("avx512", "avx2", "baseline")

OURS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Ours(),
        OursFresh(),
        OursWithIndices(),
        OursRecomputed(),
        OursChannelsLast(),
        *(OursAtLevel(level) for level in CPU_LEVELS),
        MainAndLargerMaps(),
        WriteFloor(),
        FreshWriteFloor(),
    )
}
"""Ours and the floors: part of every contest, since ratios are taken to them."""

READINGS: dict[str, Peer] = {peer.name: peer for peer in (OursReading("cells"), OursReading("tables"))}
"""What the cost model chooses from: beside ours where windows' size varies."""

OTHERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        RoIPool(),
        OpenVINO(),
        RangeMaximumTables(),
        NumbaTables(),
        OnnxRuntime(),
        Paddle(),
        AdaptiveMaxPool(),
        AdaptiveMaxPoolChannelsLast(),
        RoIAlign(),
        OneCall(),
    )
}

PEERS = OURS | READINGS | OTHERS
