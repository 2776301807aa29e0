"""What a detector gives in training: the losses of windows drawn from each image (Fast R-CNN, section 2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from spp_ops.detection.detectors.inputs import Prepared, Windows, checked_windows
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.detectors.proposer import ProposalLosses, resized_boxes, windows_of
from spp_ops.detection.features.regions import RegionFeatures, ScaledMaps
from spp_ops.detection.losses import counted, window_losses
from spp_ops.detection.sampling import Drawn, Shown, WindowSampling, draw_object_windows

_CANDIDATES = 20  # anchors at most for each proposal that windows are drawn from


def training_losses(
    net: RegionNet,
    features: RegionFeatures,
    images: Sequence[Prepared],
    targets: Sequence[Mapping[str, Windows]],
    sampling: WindowSampling,
) -> dict[str, Tensor]:
    """Losses of a step, each a mean over the windows that count; their sum is what is learned from.

    Each image is resized to one of the detector's scales, drawn at random. Random numbers are torch's, of the CPU.

    Args:
        net: what learns.
        features: of `net`.
        images: one or more, with their proposals.
        targets: of each image "boxes" [G, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included, "labels" [G] from
            0, and, where some objects are to be ignored, "difficult" [G], booleans.
        sampling: how windows are drawn.

    Returns:
        "loss_classifier", cross-entropy, and "loss_box_reg", smooth L1 of the corrections; where windows are learned
        also "loss_objectness" and "loss_rpn_box_reg". The names are torchvision's.

    Raises:
        ValueError: there are no images, or not a target for each, or a target is not what it should be; or the
            detector's scores are no softmax.
    """
    if net.head.score_kind != "softmax":
        raise ValueError(f"score: expected 'softmax' to train with, got {net.head.score_kind!r}")
    if len(images) != len(targets) or not images:
        raise ValueError(f"targets: expected one for each of one or more images, got {len(targets)} for {len(images)}")
    shown = [_shown(target, net.head.num_classes, f"targets[{row}]") for row, target in enumerate(targets)]
    rows, drawn = [], []
    proposals: list[ProposalLosses] = []
    generator = torch.default_generator
    given = [_drawn(image, objects, sampling, generator) for image, objects in zip(images, shown, strict=True)]
    for image, objects, known in zip(images, shown, given, strict=True):
        scale = features.scales[int(torch.randint(len(features.scales), ()))]
        maps = features.maps(features.resized(image.pixels, (scale,)))
        windows = known
        if windows is None:
            windows, of_proposals = draw_proposed(net, features, maps, objects, _size(image), sampling, generator)
            proposals.append(of_proposals)
        drawn.append(windows)
        rows.append(features.pool(maps, windows.windows))
    scores, corrections = net.head(torch.cat(rows))
    labels = torch.cat([each.labels for each in drawn]).to(scores.device)
    wanted = torch.cat([each.corrections for each in drawn]).to(scores.device) / net.head.box_std
    losses = counted(
        window_losses(scores, corrections, labels, wanted), [len(each.labels) for each in drawn], sampling.hard_share
    )
    found = {
        "loss_classifier": losses.classes.sum() / max(len(losses.classes), 1),
        "loss_box_reg": losses.boxes.sum() / max(len(losses.boxes), 1),
    }
    if proposals:
        found["loss_objectness"] = torch.stack([each.objectness for each in proposals]).mean()
        found["loss_rpn_box_reg"] = torch.stack([each.boxes for each in proposals]).mean()
    return found


def draw_proposed(
    net: RegionNet,
    features: RegionFeatures,
    maps: ScaledMaps,
    shown: Shown,
    size: tuple[int, int],
    sampling: WindowSampling,
    generator: torch.Generator,
) -> tuple[Drawn, ProposalLosses]:
    """Learn from an image's anchors, and draw its windows among those that the network proposes.

    Args:
        net: has a proposer.
        features: of `net`.
        maps: of the image, at one scale.
        shown: its objects.
        size: its height and width.
        sampling: how anchors and windows are drawn.
        generator: of the random numbers, on the CPU.
    """
    assert net.proposer is not None
    shown = Shown(*(each.to(maps.maps[0].device) for each in shown))
    said = net.proposer(maps.maps[0], features.receptive_field)
    sure, unsure = (resized_boxes(boxes, maps.image_scales[0]) for boxes in (shown.boxes, shown.difficult))
    losses = net.proposer.losses(said, sure, unsure, generator, sampling.anchors_per_image)
    with torch.no_grad():
        # Among half of the anchors: the likeliest alone are all on objects, and leave no background to learn.
        limit = sampling.proposals_per_image
        candidates = min(len(said.logits) // 2, _CANDIDATES * limit)
        windows, _ = windows_of(net.proposer, [said], maps.image_scales, size, limit, max(candidates, 1))
        return draw_object_windows(windows, *shown, size, sampling, generator), losses


def _drawn(image: Prepared, shown: Shown, sampling: WindowSampling, generator: torch.Generator) -> Drawn | None:
    """An image's windows of this step, on the CPU; None: the network proposes them."""
    if image.windows is None:
        return None
    return draw_object_windows(image.windows, *shown, _size(image), sampling, generator)


def _size(image: Prepared) -> tuple[int, int]:
    return image.pixels.shape[0], image.pixels.shape[1]


def _shown(target: Mapping[str, Windows], num_classes: int, name: str) -> Shown:
    """The objects of an image, on the CPU."""
    for field in ("boxes", "labels"):
        if field not in target:
            raise ValueError(f"{name}: expected boxes and labels, got only {', '.join(target) or 'nothing'}")
    boxes = checked_windows(target["boxes"], f"{name}['boxes']")
    labels = _of_each(target["labels"], len(boxes), f"{name}['labels']").to(torch.int64)
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise ValueError(f"{name}['labels']: expected 0 to {num_classes - 1}, got {sorted(set(labels.tolist()))}")
    nothing = torch.zeros(len(boxes), dtype=torch.bool)
    difficult = _of_each(target.get("difficult", nothing), len(boxes), f"{name}['difficult']").bool()
    return Shown(boxes[~difficult], labels[~difficult], boxes[difficult])


def _of_each(values: Windows, count: int, name: str) -> Tensor:
    found = torch.as_tensor(values).detach().cpu()
    if found.shape != (count,):
        raise ValueError(f"{name}: expected one for each of {count} boxes, got {list(found.shape)}")
    return found
