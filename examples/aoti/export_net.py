"""Compile a network with region pooling ahead of time, for run_net.cpp to run without Python.

    python export_net.py DIR

writes DIR/net.pt2 (the package), DIR/images.pt and DIR/rois.pt (inputs, of other sizes than those it was exported with)
and DIR/expected.pt (what the network gives for them here).
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, export

from spp_ops.nn import RoISpatialPyramidPool


class RegionNet(nn.Module):
    """Scores for regions of images: convolutions over the whole image once, one pooled row for each region."""

    def __init__(self, classes: int = 5, channels: int = 8) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, channels, 5, stride=4, padding=2), nn.ReLU())
        self.pool = RoISpatialPyramidPool(levels=(3, 2, 1), projection=1 / 4)
        self.head = nn.Linear(channels * (9 + 4 + 1), classes)

    def forward(self, images: Tensor, rois: Tensor) -> Tensor:
        """[N, 3, H, W] and [R, 5] -> [R, classes]."""
        scores: Tensor = self.head(self.pool(self.backbone(images), rois))
        return scores


def inputs(images: int, height: int, width: int, regions: int) -> tuple[Tensor, Tensor]:
    """Images [N, 3, H, W], and rois [R, 5] on them."""
    corners = torch.rand(regions, 2, 2) * torch.tensor([width, height])
    image = torch.randint(images, (regions, 1))
    return torch.randn(images, 3, height, width), torch.cat([image, corners.amin(1), corners.amax(1)], dim=1)


def main(directory: Path) -> None:
    """Write all four files."""
    torch.manual_seed(0)
    net = RegionNet().eval()
    sizes = {0: Dim("images", max=64), 2: Dim("height", min=16, max=8192), 3: Dim("width", min=16, max=8192)}
    rows = {0: Dim("regions", max=100_000)}
    with torch.no_grad():
        program = export(net, inputs(2, 120, 160, 20), dynamic_shapes=(sizes, rows))
        torch._inductor.aoti_compile_and_package(program, package_path=str(directory / "net.pt2"))
        images, rois = inputs(3, 101, 203, 50)
        for name, tensor in [("images", images), ("rois", rois), ("expected", net(images, rois))]:
            torch.save(tensor, directory / f"{name}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
