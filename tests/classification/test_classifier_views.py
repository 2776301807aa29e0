"""Views: how many, where, and that pooling them from maps gives what cutting them from the image gives."""

from __future__ import annotations

import pytest
import torch
from small_networks import small_net

import spp_ops
from spp_ops.classification.augmentation import resize_shorter
from spp_ops.classification.scoring import ViewScorer, window_cells, window_corners
from spp_ops.classification.views import NAMES, ScaleViews, Views, make_views
from spp_ops.models import zf5


@pytest.mark.parametrize(("name", "count"), [("crop", 1), ("full", 1), ("10", 10), ("96", 96), ("96+2", 98)])
def test_each_way_of_testing_has_the_papers_number_of_views(name: str, count: int) -> None:
    assert len(make_views(name)) == count


def test_multi_view_testing_has_eighteen_views_a_scale_and_six_at_the_smallest() -> None:
    scales = make_views("96").scales
    assert {scale.scale: len(scale) for scale in scales} == {224: 6, 256: 18, 300: 18, 360: 18, 448: 18, 560: 18}


def test_scales_follow_the_window() -> None:
    assert [scale.scale for scale in make_views("96", 112).scales] == [112, 128, 150, 180, 224, 280]


def test_nine_windows_are_center_corners_and_side_middles() -> None:
    corners = window_corners(make_views("96").scales[1].places, 256, 356, 224)
    assert {tuple(corner) for corner in corners.tolist()} == {(x, y) for x in (0, 66, 132) for y in (0, 16, 32)}


def test_smallest_scale_puts_its_windows_along_the_longer_side() -> None:
    places = make_views("96").scales[0].places
    assert window_corners(places, 224, 300, 224).tolist() == [[0, 0], [38, 0], [76, 0]]
    assert window_corners(places, 300, 224, 224).tolist() == [[0, 0], [0, 38], [0, 76]]


def test_windows_have_the_cells_of_a_crop_and_stay_on_the_map() -> None:
    # ZF-5: 13 x 13 cells for a window; 256 x 341 pixels give 15 x 20 of stride 16.
    corners = torch.tensor([[0, 0], [117, 32], [58, 16], [8, 7]])
    cells = window_cells(corners, (16, 16), (13, 13), (15, 20))
    assert cells.tolist() == [[0, 0, 13, 13], [7, 2, 20, 15], [4, 1, 17, 14], [0, 0, 13, 13]]


@pytest.mark.parametrize("name", NAMES)
def test_maps_give_what_the_views_give_as_images_where_cells_and_windows_are_aligned(name: str) -> None:
    """A backbone without padding and windows at multiples of its stride: then the two are the same sums."""
    image = torch.randint(0, 256, (3, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    views = make_views(name, 32)
    # Scales at which the room for the windows, and half of it, are multiples of 4 pixels; 1.5 is the aspect.
    scales = tuple(
        ScaleViews(scale, usual.places, usual.full, usual.flips)
        for scale, usual in zip((48, 64, 80, 96, 112, 128), views.scales, strict=False)
    )
    views = Views(name, 32, scales)
    net = small_net(3)
    from_maps, from_images = ViewScorer(net, views, "maps")(image), ViewScorer(net, views, "images")(image)
    assert from_maps.shape == (len(views), 3)
    torch.testing.assert_close(from_maps, from_images)
    assert len(from_maps.unique(dim=0)) > len(views) // 2  # views differ, so that the comparison says something


def test_a_given_receptive_field_goes_before_what_is_read() -> None:
    """At four times the stride, windows lie on other cells."""
    image = torch.randint(0, 256, (3, 60, 90), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    net, views = small_net(3), make_views("10", 32)
    x, y = spp_ops.receptive_field(net.backbone).stride
    same, other = (spp_ops.ReceptiveField(1, (factor * x, factor * y), 0) for factor in (1, 4))
    expected = ViewScorer(net, views)(image)
    torch.testing.assert_close(ViewScorer(net, views, receptive_field=same)(image), expected)
    assert not torch.allclose(ViewScorer(net, views, receptive_field=other)(image), expected)


def test_full_view_is_the_network_on_the_whole_image() -> None:
    image = torch.randint(0, 256, (3, 50, 90), dtype=torch.uint8)
    net = small_net(3, padding=1)
    pixels = net.normalization(resize_shorter(image, 64).float())[None]
    torch.testing.assert_close(ViewScorer(net, make_views("full", 56))(image), net(pixels).softmax(dim=1))


def test_flipped_views_of_a_flipped_image_are_the_views_of_the_image() -> None:
    image = torch.randint(0, 256, (3, 40, 64), dtype=torch.uint8)
    scorer = ViewScorer(small_net(3), make_views("10", 32), "images")
    torch.testing.assert_close(scorer(image.flip(2))[5:], scorer(image)[:5])


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (7, 5)])
@pytest.mark.parametrize("name", ["full", "96+2"])
def test_any_image_has_views(size: tuple[int, int], name: str) -> None:
    image = torch.full((3, *size), 90, dtype=torch.uint8)
    scores = ViewScorer(small_net(3), make_views(name, 28))(image)
    assert scores.isfinite().all()
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(len(scores)))


def test_a_network_without_a_pyramid_takes_windows_as_images_only() -> None:
    with torch.device("meta"):
        net = zf5(2, levels=None, hidden=(4,))
    with pytest.raises(ValueError, match="source: expected images"):
        ViewScorer(net, make_views("10"), "maps")
    with pytest.raises(ValueError, match="views: expected windows only"):
        ViewScorer(net, make_views("96+2"), "images")


def test_unknown_views_are_named() -> None:
    with pytest.raises(ValueError, match=r"views: expected one of crop, .*, got '12'"):
        make_views("12")
    with pytest.raises(ValueError, match="window: expected at least 1 pixel, got 0"):
        make_views("crop", 0)
