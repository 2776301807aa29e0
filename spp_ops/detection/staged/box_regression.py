"""Stage 4: box corrections by ridge regression on pooled rows, one for each class (R-CNN, appendix C).

``boxes.safetensors`` holds ``weight`` [K, 4, D] and ``bias`` [K, 4]: corrections as `encode_boxes` has them are
`rows @ weight.T + bias`, the scale of the features and the whitening of the targets worked in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from spp_ops.detection.boxes import encode_boxes
from spp_ops.detection.staged.config import BoxRegression
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.detection.staged.sources import RowSource
from spp_ops.engine.files import atomic_write

FILE_NAME = "boxes.safetensors"
_LEAST_VARIANCE = 0.001  # added to that of targets, so that whitening does not blow up what hardly varies


class Corrections(NamedTuple):
    """Box corrections of K classes: `rows @ weight.T + bias`."""

    weight: Tensor  # float32 [K, 4, D]
    bias: Tensor  # float32 [K, 4]

    def save(self, folder: Path) -> None:
        """Write ``boxes.safetensors``."""
        with atomic_write(folder / FILE_NAME) as temporary:
            save_file({"weight": self.weight, "bias": self.bias}, temporary)

    @staticmethod
    def load(folder: Path) -> Corrections:
        """Read ``boxes.safetensors``."""
        tensors = load_file(folder / FILE_NAME)
        return Corrections(tensors["weight"], tensors["bias"])


def fit_boxes(
    source: RowSource,
    images: list[TrainingSample],
    scale: float,
    config: BoxRegression,
    after_image: Callable[[], None] = lambda: None,
) -> Corrections:
    """Learn the corrections of all classes; those of a class without windows are 0.

    Args:
        source: of the rows.
        images: the images of `source`.
        scale: what rows are multiplied by before the regression.
        config: which windows, how much ridge.
        after_image: called after each image, once a class.
    """
    num_classes = images[0].num_classes
    weight, bias = torch.zeros(num_classes, 4, source.size), torch.zeros(num_classes, 4)
    for label in range(num_classes):
        chosen = _thinned([image.sure_ious[:, label] >= config.iou for image in images], config.most)
        rows, targets = [torch.empty(0, source.size)], [torch.empty(0, 4)]
        for index, (image, windows) in enumerate(zip(images, chosen, strict=True)):
            if len(windows):
                rows.append(source.rows(index, image.windows[windows]).cpu() * scale)
                targets.append(encode_boxes(image.windows, image.nearest_objects(label))[windows])
            after_image()
        if len(rows) > 1:
            matrix, offset = fit_ridge(torch.cat(rows).numpy(), torch.cat(targets).double().numpy(), config.ridge)
            weight[label] = torch.from_numpy(matrix) * scale
            bias[label] = torch.from_numpy(offset)
    return Corrections(weight, bias)


def fit_ridge(
    rows: npt.NDArray[np.float32], targets: npt.NDArray[np.float64], ridge: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ridge regression of whitened targets, whitening undone in what it gives: [4, D] and [4].

    Args:
        rows: [R, D].
        targets: [R, 4].
        ridge: lambda; as in the authors' code the bias is held back by it too.
    """
    from sklearn.linear_model import Ridge

    mean = targets.mean(axis=0)
    centerd = targets - mean
    variances, axes = np.linalg.eigh(centerd.T @ centerd / len(centerd))
    deviations = np.sqrt(np.maximum(variances, 0) + _LEAST_VARIANCE)
    whiten, unwhiten = (axes * scale @ axes.T for scale in (1 / deviations, deviations))
    with_constant = np.concatenate([rows, np.ones((len(rows), 1), rows.dtype)], axis=1)
    regression = Ridge(alpha=ridge, fit_intercept=False, solver="cholesky", copy_X=False)
    regression.fit(with_constant, (centerd @ whiten).astype(rows.dtype))
    matrix = unwhiten @ regression.coef_.astype(np.float64)
    return matrix[:, :-1], matrix[:, -1] + mean


def _thinned(wanted: list[Tensor], most: int) -> list[Tensor]:
    """Numbers of the wanted windows of each image, evenly thinned to at most so many in all."""
    counts = [int(some.sum()) for some in wanted]
    total = sum(counts)
    if total <= most:
        return [some.nonzero()[:, 0] for some in wanted]
    kept = torch.zeros(total, dtype=torch.bool)
    kept[torch.linspace(0, total - 1, most, dtype=torch.float64).round().long()] = True
    return [some.nonzero()[:, 0][part] for some, part in zip(wanted, kept.split(counts), strict=True)]
