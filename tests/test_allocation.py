"""Large results lie in memory for which the system was asked for huge pages."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import spp_ops

MAPPINGS = Path("/proc/self/smaps")
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def flags_of(tensor: torch.Tensor) -> list[str]:
    """Flags of the mapping in which the middle of a tensor lies."""
    middle = tensor.data_ptr() + tensor.numel() * tensor.element_size() // 2
    inside = False
    for line in MAPPINGS.read_text(encoding="utf-8", errors="replace").splitlines():
        first = line.split(maxsplit=1)[0]
        if first == "VmFlags:" and inside:
            return line.split()[1:]
        if not first.endswith(":"):
            begin, end = (int(number, 16) for number in first.split("-"))
            inside = begin <= middle < end
    raise AssertionError("no mapping holds the tensor")


@pytest.mark.skipif(not (MAPPINGS.exists() and HUGE_PAGES.exists()), reason="no huge pages on this system")
def test_large_results_ask_for_huge_pages() -> None:
    features = torch.randn(1, 256, 13, 13)
    rois = torch.tensor([[0.0, 0.0, 0.0, 12.0, 12.0]]).repeat(1000, 1)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (6, 3, 2, 1))  # 51 MB
    assert "hg" in flags_of(pooled)
