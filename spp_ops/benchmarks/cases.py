"""The workloads, by name: feature maps, windows and pyramid of every benchmark.

Maps hold normal noise, so that no two cells tie and peers' gradients can be compared cell by cell; boxes have whole
pixels, as proposals do. Both are drawn with seed 0, so two machines measure the same work.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

SEED = 0
STRIDE = 16  # image pixels a cell
TARGET_AREA = 224.0**2  # pixels; the scale whose window area is nearest serves the window (paper, section 4.1)

SCALES = (480, 576, 688, 864, 1200)  # the paper's five: length of the photo's shorter side, pixels

BoxLaw = Callable[[tuple[int, int], int, torch.Generator], Tensor]  # (image size, count, ...) -> [count, 4]


@dataclass(frozen=True)
class Case:
    """The shape of a workload; `draw` fills it with numbers.

    Attributes:
        about: the work in a line.
        image: width and height in pixels of what the boxes lie on.
        maps: height and width in cells, one an image scale.
        boxes: how boxes are drawn.
        windows: of one image.
        scales: how much larger than the image each map's input was.
        whole: whether each window is its whole map.
    """

    name: str
    about: str
    image: tuple[int, int]
    maps: tuple[tuple[int, int], ...]
    boxes: BoxLaw
    images: int = 1
    channels: int = 256
    windows: int = 2000
    levels: tuple[int, ...] = (6, 3, 2, 1)
    scales: tuple[float, ...] = (1.0,)
    whole: bool = False

    @property
    def rows(self) -> int:
        """Windows of all images: rows of the output."""
        return self.images * self.windows

    @property
    def columns(self) -> int:
        """Numbers a window: channels times bins."""
        return self.channels * sum(level**2 for level in self.levels)

    def draw(
        self,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        output: Tensor | None = None,
        seed: int = SEED,
    ) -> Workload:
        """Draw maps, boxes and the output's gradient.

        Args:
            dtype: of maps, output and gradient.
            device: of everything.
            output: memory [R, C * M] to use, by what is only run forward: no gradient is drawn then.
            seed: of all chance.
        """
        generator = torch.Generator().manual_seed(seed)
        maps = [
            torch.randn(self.images, self.channels, height, width, generator=generator).to(device, dtype)
            for height, width in self.maps
        ]
        boxes = self.boxes(self.image, self.rows, generator)
        images = torch.arange(self.images).repeat_interleave(self.windows)
        rois = torch.cat([images[:, None].double(), boxes], 1)
        grad = torch.randn(self.rows if output is None else 0, self.columns, generator=generator)
        return Workload(
            case=self,
            maps=maps,
            rois=rois.to(device, torch.promote_types(dtype, torch.float32)),
            map_index=nearest_map(boxes, self.scales).to(device),
            grad=grad.to(device, dtype),
            output=torch.zeros(self.rows, self.columns, dtype=dtype, device=device) if output is None else output,
        )


@dataclass(frozen=True)
class Workload:
    """A case with its numbers.

    Attributes:
        maps: [N, C, H, W] of each image scale.
        rois: [R, 5] image, x1, y1, x2, y2.
        map_index: [R] the map that serves each window.
        grad: [R, C * M] the output's gradient.
        output: [R, C * M] memory given to whoever can write in place.
    """

    case: Case
    maps: list[Tensor]
    rois: Tensor
    map_index: Tensor
    grad: Tensor
    output: Tensor

    @property
    def levels(self) -> tuple[int, ...]:
        """Bins a side of each level."""
        return self.case.levels

    @property
    def spatial_scales(self) -> list[float]:
        """Cells an image pixel, one a map."""
        return [scale / STRIDE for scale in self.case.scales]

    @property
    def dtype(self) -> torch.dtype:
        """Of maps, output and gradient."""
        return self.output.dtype

    @property
    def device(self) -> torch.device:
        """Of all tensors."""
        return self.output.device

    def channels_last(self) -> Workload:
        """Return the same with maps whose channels lie together in memory."""
        return replace(self, maps=[m.contiguous(memory_format=torch.channels_last) for m in self.maps])

    def with_grad(self, grad: Tensor) -> Workload:
        """Return the same with another gradient of the output."""
        return replace(self, grad=grad)

    def windows(self) -> Tensor:
        """Return half-open windows x1, y1, x2, y2 of cells, [R, 4], rounded as ``roi_pool`` rounds, not clipped."""
        scales = torch.tensor(self.spatial_scales, dtype=self.rois.dtype, device=self.rois.device)
        cells = self.rois[:, 1:] * scales[self.map_index, None]
        cells = (cells.double() + 0.5).floor().long()  # halves away from zero, for the positive numbers drawn here
        cells[:, 2:] += 1
        return cells

    def inside(self) -> Tensor:
        """Say which windows rounding leaves inside their map, [R] bool."""
        limits = torch.tensor([m.shape[:1:-1] for m in self.maps], device=self.rois.device)  # width, height a map
        return (self.windows()[:, 2:] <= limits[self.map_index]).all(1)


def nearest_map(boxes: Tensor, scales: tuple[float, ...]) -> Tensor:
    """Return the index of the scale at which each box's area is nearest 224 x 224 pixels, [R]."""
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(1, keepdim=True) * torch.tensor(scales, dtype=torch.float64) ** 2
    return (areas - TARGET_AREA).abs().argmin(1)


def proposals(shortest: int, longest: int) -> BoxLaw:
    """Draw boxes centerd anywhere in the image, sides uniform between two lengths in pixels, clipped to the image."""

    def boxes(image: tuple[int, int], count: int, generator: torch.Generator) -> Tensor:
        size = torch.tensor(image)
        sides = torch.randint(shortest, longest + 1, (count, 2), generator=generator)
        low = (torch.rand(count, 2, generator=generator) * size).long() - sides // 2
        high = low + sides - 1
        return torch.cat([low.clamp(min=0), torch.minimum(high, size - 1)], 1).double()

    return boxes


def of_all_sizes(shortest: int, longest: int) -> BoxLaw:
    """Draw boxes inside the image, as many of them in one octave of sizes as in the next, up to 2 : 1 in shape."""

    def boxes(image: tuple[int, int], count: int, generator: torch.Generator) -> Tensor:
        size = torch.tensor(image)
        places = torch.randperm(count, generator=generator)[:, None] + torch.rand(count, 1, generator=generator)
        lengths = shortest * (longest / shortest) ** (places / count)
        shapes = 2 ** (torch.rand(count, 1, generator=generator) - 0.5)
        sides = torch.minimum(torch.cat([lengths * shapes, lengths / shapes], 1).long(), size)
        low = (torch.rand(count, 2, generator=generator) * (size - sides + 1)).long()
        return torch.cat([low, low + sides - 1], 1).double()

    return boxes


def half_to_whole(image: tuple[int, int], count: int, generator: torch.Generator) -> Tensor:
    """Draw boxes inside the image, each side 50 to 100 % of the image's."""
    size = torch.tensor(image)
    sides = ((0.5 + 0.5 * torch.rand(count, 2, generator=generator)) * size).long()
    low = (torch.rand(count, 2, generator=generator) * (size - sides + 1)).long()
    return torch.cat([low, low + sides - 1], 1).double()


def whole_map(image: tuple[int, int], count: int, generator: torch.Generator) -> Tensor:
    """Repeat the box whose rounded window is exactly the map."""
    width, height = image
    return torch.tensor([0, 0, width - STRIDE, height - STRIDE]).double().repeat(count, 1)


def zf5_cells(pixels: int) -> int:
    """Return the length of ZF-5's last feature map for an image side: convolutions 7/2 and 5/2, two 3/2 pools."""
    conv1 = (pixels + 2 - 7) // 2 + 1
    pool1 = math.ceil((conv1 - 3) / 2) + 1
    conv2 = (pool1 - 5) // 2 + 1
    return math.ceil((conv2 - 3) / 2) + 1


def _cases() -> list[Case]:
    main = Case("MAIN", "one image, 2,000 proposals, {6,3,2,1}", (960, 640), ((40, 60),), proposals(48, 450))
    small = replace(main, name="SMALL", about="MAIN with {4,2,1}", levels=(4, 2, 1))
    grid = replace(main, name="GRID", about="MAIN with {7}: one call of roi_pool", levels=(7,))
    pyramid = Case(
        "PYRAMID",
        "1,000 proposals, {7}, each from one of the four maps of a feature pyramid, by nearest area",
        (1216, 800),
        ((200, 304), (100, 152), (50, 76), (25, 38)),
        of_all_sizes(16, 700),
        windows=1000,
        levels=(7,),
        scales=(4.0, 2.0, 1.0, 0.5),
    )
    batch = Case(
        "BATCH",
        "8 images of 512 channels, 512 proposals each, {4,3,2,1}",
        (608, 608),
        ((38, 38),),
        proposals(48, 450),
        images=8,
        channels=512,
        windows=512,
        levels=(4, 3, 2, 1),
    )
    large = Case(
        "LARGE", "2,000 windows of half to all of each side of the image", (1600, 1200), ((75, 100),), half_to_whole
    )
    whole = Case("WHOLE", "64 whole maps", (208, 208), ((13, 13),), whole_map, images=64, windows=1, whole=True)
    photo = (500, 375)
    scales = tuple(shorter_side / photo[1] for shorter_side in SCALES)
    five = Case(
        "FIVE",
        "MAIN's proposals on a 500 x 375 photo at five scales, one map each by nearest area",
        photo,
        tuple((zf5_cells(round(photo[1] * scale)), zf5_cells(round(photo[0] * scale))) for scale in scales),
        proposals(round(48 * photo[1] / 640), round(450 * photo[1] / 640)),
        scales=scales,
    )
    one = Case(
        "ONE", "one window on a small map: call overhead", (208, 208), ((13, 13),), whole_map, channels=16, windows=1
    )
    one_map = replace(one, name="ONE_MAP", about="one small map whole: call overhead", whole=True)
    return [main, small, grid, batch, large, whole, five, pyramid, one, one_map]


CASES: dict[str, Case] = {case.name: case for case in _cases()}
