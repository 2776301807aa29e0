"""What a detector gives in training: the losses of windows drawn from each image (Fast R-CNN, section 2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from spp_ops.detection.detectors.inputs import Prepared, Windows, checked_windows
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.features.regions import RegionFeatures
from spp_ops.detection.losses import counted, window_losses
from spp_ops.detection.sampling import Drawn, WindowSampling, draw_object_windows


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
        "loss_classifier", cross-entropy, and "loss_box_reg", smooth L1 of the corrections; torchvision's names.

    Raises:
        ValueError: there are no images, or not a target for each, or a target is not what it should be; or the
            detector's scores are no softmax.
    """
    if net.head.score_kind != "softmax":
        raise ValueError(f"score: expected 'softmax' to train with, got {net.head.score_kind!r}")
    if len(images) != len(targets) or not images:
        raise ValueError(f"targets: expected one for each of one or more images, got {len(targets)} for {len(images)}")
    drawn = [
        _drawn(image, target, net.head.num_classes, sampling, f"targets[{row}]")
        for row, (image, target) in enumerate(zip(images, targets, strict=True))
    ]
    scales = features.scales
    rows = []
    for image, windows in zip(images, drawn, strict=True):
        scale = scales[int(torch.randint(len(scales), ()))]
        maps = features.maps(features.resized(image.pixels, (scale,)))
        rows.append(features.pool(maps, windows.windows))
    scores, corrections = net.head(torch.cat(rows))
    labels = torch.cat([each.labels for each in drawn]).to(scores.device)
    wanted = torch.cat([each.corrections for each in drawn]).to(scores.device) / net.head.box_std
    losses = counted(
        window_losses(scores, corrections, labels, wanted), [len(each.labels) for each in drawn], sampling.hard_share
    )
    return {
        "loss_classifier": losses.classes.sum() / max(len(losses.classes), 1),
        "loss_box_reg": losses.boxes.sum() / max(len(losses.boxes), 1),
    }


def _drawn(
    image: Prepared, target: Mapping[str, Windows], num_classes: int, sampling: WindowSampling, name: str
) -> Drawn:
    """An image's windows of this step, on the CPU."""
    for field in ("boxes", "labels"):
        if field not in target:
            raise ValueError(f"{name}: expected boxes and labels, got only {', '.join(target) or 'nothing'}")
    boxes = checked_windows(target["boxes"], f"{name}['boxes']")
    labels = _of_each(target["labels"], len(boxes), f"{name}['labels']").to(torch.int64)
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise ValueError(f"{name}['labels']: expected 0 to {num_classes - 1}, got {sorted(set(labels.tolist()))}")
    nothing = torch.zeros(len(boxes), dtype=torch.bool)
    difficult = _of_each(target.get("difficult", nothing), len(boxes), f"{name}['difficult']").bool()
    size = image.pixels.shape[0], image.pixels.shape[1]
    sure = boxes[~difficult], labels[~difficult], boxes[difficult]
    return draw_object_windows(image.windows, *sure, size, sampling, torch.default_generator)


def _of_each(values: Windows, count: int, name: str) -> Tensor:
    found = torch.as_tensor(values).detach().cpu()
    if found.shape != (count,):
        raise ValueError(f"{name}: expected one for each of {count} boxes, got {list(found.shape)}")
    return found
