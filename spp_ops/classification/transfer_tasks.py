"""Transfer on the kinds of data that the paper has: Pascal VOC's lists, Caltech's random splits, fixed folders."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from spp_ops.classification.metrics import mean_class_accuracy, tagged_results
from spp_ops.classification.transfer import Features, LayerFeatures, LinearSVMs, extract, random_split, tags_of
from spp_ops.datasets.folders import folders_into
from spp_ops.datasets.formats.voc_classification import read_voc_classification
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.datasets.problems import Notice, OnBad, Problems
from spp_ops.datasets.summary import folder_summary, tag_summary
from spp_ops.engine.progress import Progress


@dataclass(frozen=True)
class Setting:
    """How images are read, and what is learnt of them.

    Attributes:
        features: what is computed of an image.
        c: of the SVMs.
        seed: of the SVMs' solver and of random splits.
        on_bad: what is done about bad images.
        notice: told of each bad one.
        workers: processes that load ahead.
        progress: told how far it is.
        strict: what could be mended counts as bad.
    """

    features: LayerFeatures
    c: float = 1.0
    seed: int = 0

    on_bad: OnBad = "refuse"
    notice: Notice = print
    workers: int = 0
    progress: Progress = field(default_factory=Progress)
    strict: bool = False

    def folders(self, folder: Path, classes: tuple[str, ...] | None = None) -> LabeledImages:
        """Read image folders."""
        problems = Problems(self.on_bad, self.notice, self.strict)
        images = folders_into(folder, classes, problems)
        self.notice(folder_summary(images, str(folder), problems))
        problems.finish()
        return images

    def rows(self, paths: tuple[Path, ...]) -> Features:
        """Compute the features of images."""
        with self.progress.work("features", len(paths)) as work:
            return extract(self.features, paths, workers=self.workers, after_image=work.advance)

    def svms(self, classes: tuple[str, ...]) -> LinearSVMs:
        """Make the SVMs of these classes."""
        return LinearSVMs(classes, self.c, self.seed)


def voc(setting: Setting, data: Path, splits: tuple[str, str]) -> dict[str, Any]:
    """Train on one split of Pascal VOC's lists and test on another: average precisions."""
    train, test = (
        read_voc_classification(data, split, on_bad=setting.on_bad, strict=setting.strict, notice=setting.notice)
        for split in splits
    )
    for images, split in zip((train, test), splits, strict=True):
        setting.notice(tag_summary(images, f"{data}, {split}"))
    if train.classes != test.classes:
        raise ValueError(
            f"{data}: expected the same classes in both splits, got {', '.join(train.classes)} in {splits[0]} and "
            f"{', '.join(test.classes)} in {splits[1]}"
        )
    rows = setting.rows(train.paths), setting.rows(test.paths)
    decisions = setting.svms(train.classes).decide(rows[0], train.tags, rows[1])
    return tagged_results(test.tags, decisions, train.classes)


def train_and_val(setting: Setting, data: Path) -> dict[str, Any]:
    """Train on DATA/train and test on DATA/val: mean class accuracy."""
    train = setting.folders(data / "train")
    val = setting.folders(data / "val", train.classes)
    rows = setting.rows(train.paths), setting.rows(val.paths)
    tags = tags_of(np.array(train.labels), len(train.classes))
    decisions = setting.svms(train.classes).decide(rows[0], tags, rows[1])
    return {"mean_class_accuracy_percent": mean_class_accuracy(np.array(val.labels), decisions)}


def random_splits(setting: Setting, data: Path, counts: tuple[int, int, int]) -> dict[str, Any]:
    """Train and test on random splits of all images: mean class accuracy, its mean and spread.

    Args:
        setting: how; features are computed once for all splits.
        data: DATA/CLASS/*, or DATA/{train,val}/CLASS/*, which are then put together.
        counts: splits, training images a class, test images a class at most.
    """
    splits, train_per_class, test_per_class = counts
    images = setting.folders(data / "train") if (data / "train").is_dir() else setting.folders(data)
    if (data / "train").is_dir() and (data / "val").is_dir():
        more = setting.folders(data / "val", images.classes)
        images = replace(images, paths=images.paths + more.paths, labels=images.labels + more.labels)
    rows, labels = setting.rows(images.paths), np.array(images.labels)
    tags = tags_of(labels, len(images.classes))
    random = np.random.default_rng(setting.seed)
    accuracies = []
    for _ in range(splits):
        train, test = random_split(labels, train_per_class, test_per_class, random)
        decisions = setting.svms(images.classes).decide(rows[train], tags[train], rows[test])
        accuracies.append(mean_class_accuracy(labels[test], decisions))
    return {
        "mean_class_accuracy_percent": float(np.mean(accuracies)),
        "standard_deviation_percent": float(np.std(accuracies, ddof=1)) if splits > 1 else None,
        "accuracies_percent": accuracies,
    }


def headline(results: dict[str, Any]) -> str:
    """Return the one figure that a table shows, with its spread where there is one."""
    if "mean_ap_11_point_percent" in results:
        return f"{results['mean_ap_11_point_percent']:.2f}"
    spread = results.get("standard_deviation_percent")
    return f"{results['mean_class_accuracy_percent']:.2f}" + (f" ± {spread:.2f}" if spread is not None else "")
