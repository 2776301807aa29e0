"""From a photo to pooled rows: resizing, projection, and the choice of a map."""

from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

import spp_ops
from spp_ops.detection import RCNNFeatures, RegionFeatures, WindowFeatures
from spp_ops.detection.features import resizing
from spp_ops.detection.features.regions import ProjectionRule
from spp_ops.models import SPPNet, zf5


@pytest.fixture(scope="module")
def backbone() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 5, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(2, 2)).eval()


def photo(height: int = 60, width: int = 90) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def windows(height: int = 60, width: int = 90, count: int = 30) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    corners = torch.rand(2, count, 2, generator=generator) * torch.tensor([width - 1.0, height - 1.0])
    return torch.cat([corners.amin(0), corners.amax(0)], dim=1).round()


def test_rows_are_those_of_the_resized_photo(backbone: nn.Sequential) -> None:
    regions = RegionFeatures(backbone, (3, 1), (120,))
    rows = regions(photo(), windows())
    pixels = torch.from_numpy(photo()).permute(2, 0, 1)[None].flip(1).float() - 128
    resized = nn.functional.interpolate(pixels, (120, 180), mode="bilinear", align_corners=False)
    projection = spp_ops.Projection.receptive_field(spp_ops.receptive_field(backbone), 2.0)
    rois = torch.cat([torch.zeros(30, 1), windows()], dim=1)
    expected = spp_ops.reference.roi_spatial_pyramid_pool(backbone(resized), rois, (3, 1), projection)
    torch.testing.assert_close(rows, expected)


class Rolled(nn.Module):
    """Its cells look around the image's edge: no field that can be read."""

    def __init__(self, stack: nn.Sequential) -> None:
        super().__init__()
        self.stack = stack

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.stack(images).roll(0, 3)


def test_a_field_that_cannot_be_read_may_be_given(backbone: nn.Sequential) -> None:
    expected = RegionFeatures(backbone, (3, 1), (120,))(photo(), windows())
    rolled, field = Rolled(backbone).eval(), spp_ops.receptive_field(backbone)
    with pytest.raises(ValueError, match=r"^module: Rolled: roll\(\) works along the map; .*receptive_field_step"):
        RegionFeatures(rolled, (3, 1), (120,))
    given = RegionFeatures(rolled, (3, 1), (120,), receptive_field=field)
    torch.testing.assert_close(given(photo(), windows()), expected)
    rolled.receptive_field_step = field
    torch.testing.assert_close(RegionFeatures(rolled, (3, 1), (120,))(photo(), windows()), expected)


@pytest.mark.parametrize("rule", get_args(ProjectionRule))
def test_each_window_is_pooled_from_the_map_its_area_suits(backbone: nn.Sequential, rule: ProjectionRule) -> None:
    scales = (60, 120, 240)
    regions = RegionFeatures(backbone, (2, 1), scales, target_area=50.0**2, projection=rule)
    rows = regions(photo(), windows())
    width, height = (windows()[:, 2:] - windows()[:, :2] + 1).unbind(1)
    distances = torch.stack([(width * height * (scale / 60) ** 2 - 50.0**2).abs() for scale in scales])
    chosen = distances.argmin(0)
    assert len(chosen.unique()) == 3
    for m, scale in enumerate(scales):
        single = RegionFeatures(backbone, (2, 1), (scale,), projection=rule)(photo(), windows())
        torch.testing.assert_close(rows[chosen == m], single[chosen == m])


def test_sides_that_do_not_divide_scale_by_axis(backbone: nn.Sequential) -> None:
    regions = RegionFeatures(backbone, (1,), (100,))
    ((resized, image_scale),) = regions.resized(photo(61, 97))
    assert resized.shape[2:] == (100, 159)
    assert image_scale == (159 / 97, 100 / 61)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (300, 1)])
def test_thin_images(backbone: nn.Sequential, height: int, width: int) -> None:
    regions = RegionFeatures(backbone, (2, 1), (120, 240), longest=480)
    for resized, _ in regions.resized(photo(height, width)):
        assert max(resized.shape[2:]) <= 480
    box = torch.tensor([[0.0, 0.0, width - 1, height - 1]])
    assert regions(photo(height, width), box).isfinite().all()


def crowded_windows() -> torch.Tensor:
    """Windows whose corners differ by a pixel, so that many fall on the same cells; in random order."""
    near = (windows(count=40)[:, None] + torch.tensor([0.0, 1, 0, 1])[None, :, None]).flatten(0, 1)
    return near[torch.randperm(len(near), generator=torch.Generator().manual_seed(3))]


@pytest.mark.parametrize(("height", "width"), [(60, 90), (61, 35), (12, 300)])
def test_large_photos_are_resized_by_rows_first(
    height: int, width: int, backbone: nn.Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = RegionFeatures(backbone, scales=(24, 40))
    expected = features.resized(photo(height, width))
    monkeypatch.setattr(resizing, "_LARGE", 100)
    for (pixels, image_scale), (other, other_scale) in zip(
        features.resized(photo(height, width)), expected, strict=True
    ):
        assert image_scale == other_scale
        assert pixels.stride()[1:] == other.stride()[1:]
        torch.testing.assert_close(pixels, other, rtol=0, atol=1e-3)  # of values up to 128


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_equal_windows_are_scored_once(backbone: nn.Sequential, chunk: int) -> None:
    regions = RegionFeatures(backbone, (2, 1), (60, 120), target_area=50.0**2)
    scored = []

    def head(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert len(rows) <= chunk
        scored.append(rows.clone())
        return rows, rows[:, :3] * 2

    with torch.inference_mode():
        scaled = regions.maps(regions.resized(photo()))
        rows = regions.pool(scaled, crowded_windows())
        same, doubled = regions.score(scaled, crowded_windows(), head, chunk)
        unique = regions.unique(scaled, crowded_windows())
    assert torch.equal(same, rows)
    assert torch.equal(doubled, rows[:, :3] * 2)
    assert torch.equal(torch.cat(scored), rows[unique.keep])
    assert len(unique.keep) == sum(map(len, scored)) < 0.8 * 160
    assert unique.distinct == len(unique.keep) / 160


def test_scores_carry_gradients(backbone: nn.Sequential) -> None:
    regions = RegionFeatures(backbone, (2, 1), (60,))
    scaled = regions.maps(regions.resized(photo()))
    wanted = torch.autograd.grad(regions.pool(scaled, crowded_windows()).square().sum(), scaled.maps, retain_graph=True)
    given = torch.autograd.grad(
        regions.score(scaled, crowded_windows(), lambda rows: rows, 16).square().sum(), scaled.maps
    )
    torch.testing.assert_close(given, wanted)


def test_both_kinds_of_features_serve_a_detector(backbone: nn.Sequential) -> None:
    net = SPPNet(backbone, (2, 1), num_classes=2, hidden=(4,)).eval()
    kinds: list[WindowFeatures] = [
        RegionFeatures(backbone, (2, 1), (60,)),
        RCNNFeatures(net, "spp", size=40, padding=4),
    ]
    for features in kinds:
        with torch.inference_mode():
            rows = features(photo(), windows())
            scores = features.scores(photo(), windows(), net.head)
            assert rows.shape == (30, 6 * 5)
            torch.testing.assert_close(scores, net.head(rows))


def test_maps_that_no_window_needs_are_not_computed(backbone: nn.Sequential) -> None:
    regions = RegionFeatures(backbone, (2, 1), (60, 120, 240), target_area=50.0**2)
    seen: list[int] = []
    handle = backbone[0].register_forward_pre_hook(
        lambda _, inputs: None if not len(inputs[0]) else seen.append(inputs[0].shape[2])
    )
    small = torch.tensor([[3.0, 4, 14, 15], [40, 30, 52, 42]])
    with torch.inference_mode():
        rows = regions(photo(), small)
        scores = regions.scores(photo(), small, lambda rows: rows)
        handle.remove()
        assert seen == [60, 240] * 2
        every = regions.pool(regions.maps(regions.resized(photo())), small)
    assert torch.equal(rows, every)
    assert torch.equal(scores, every)


def test_no_windows(backbone: nn.Sequential) -> None:
    regions = RegionFeatures(backbone, (2, 1), (60,))
    assert regions(photo(), torch.zeros(0, 4)).shape == (0, 6 * 5)
    with torch.inference_mode():
        assert regions.scores(photo(), torch.zeros(0, 4), lambda rows: rows[:, :7]).shape == (0, 7)


def test_zf5_gives_12800_numbers_a_window() -> None:
    torch.manual_seed(0)
    net = zf5(num_classes=2, hidden=()).eval()
    with torch.inference_mode():
        rows = RegionFeatures(net.backbone, scales=(96,), normalization=net.normalization)(photo(), windows(count=3))
    assert rows.shape == (3, 12_800)


def test_bad_arguments(backbone: nn.Sequential) -> None:
    with pytest.raises(ValueError, match="scales: expected one or more sides"):
        RegionFeatures(backbone, scales=())
    with pytest.raises(ValueError, match=r"windows: expected \[R, 4\], got \[2, 5\]"):
        RegionFeatures(backbone, scales=(60,))(photo(), torch.zeros(2, 5))
    regions = RegionFeatures(backbone, scales=(60,))
    with pytest.raises(ValueError, match="chunk: expected at least 1 window, got 0"):
        regions.score(regions.maps(regions.resized(photo())), windows(), lambda rows: rows, 0)
