"""What the comparison measured."""

from __future__ import annotations

from dataclasses import dataclass

ONE = "SPP-net, 1 scale"
FIVE = "SPP-net, 5 scales"
ONCE = ", equal windows once"  # after either of these
BFLOAT16 = ", fc in bfloat16"  # after that, as the following ones
INT8 = ", fc in int8"
TRUNCATED = ", fc truncated"  # by singular values; INT8 may follow
FEWER = {  # ways to make the fully connected layers cheaper, and what they are called below the method's name
    TRUNCATED + INT8: "truncated, int8",
    TRUNCATED: "fc truncated",
    INT8: "fc in int8",
    BFLOAT16: "fc in bfloat16",
}


@dataclass(frozen=True)
class Stages:
    """Seconds an image.

    Attributes:
        prepare: resizing the photo to every scale; warping the windows.
        conv: the convolutions.
        pool: pooling every window from the maps, finding equal windows included where they are pooled once; pooling
            every warped window's map.
        fc: the fully connected layers.
        windows: finding the windows by selective search, which serves both.
    """

    prepare: float
    conv: float
    pool: float
    fc: float = 0.0
    windows: float = 0.0

    @property
    def conv_and_pool(self) -> float:
        """What the paper's claim is about."""
        return self.conv + self.pool

    @property
    def total(self) -> float:
        """All five."""
        return self.windows + self.prepare + self.conv + self.pool + self.fc


@dataclass(frozen=True)
class Comparison:
    """Times of SPP-net and R-CNN on one photo.

    Attributes:
        methods: SPP-net's times by name: `ONE` and `FIVE` do the same work for each window as R-CNN, in the same
            precision; `ONCE` and one of `FEWER` are added to the names of those that save some of it.
        windows: windows of the photo; times are for all of them.
        rcnn_windows: those that R-CNN was timed on. Where they are fewer, its times (save fc) are extrapolated.
        rcnn_batch: windows a pass.
        feature_length: pooled numbers a window.
        checked_windows: windows whose pooled features were compared with the reference, and were equal to the bit.
        distinct: fraction of the windows that fall on cells of their own, for `ONE` and `FIVE`.
        products: multiplications of the convolutions, for `ONE`, `FIVE` and "R-CNN".
        bfloat16_difference: root mean square of what bfloat16 changes in the features, relative to theirs; None where
            the device is not faster in it.
        int8_difference: the same of int8; None where the device multiplies no bytes.
        ranks: of the layers that are truncated; None for one that would not get smaller.
    """

    methods: dict[str, Stages]
    rcnn: Stages
    windows: int
    rcnn_windows: int
    rcnn_batch: int
    feature_length: int
    checked_windows: int
    distinct: dict[str, float]
    products: dict[str, int]
    bfloat16_difference: float | None = None
    int8_difference: float | None = None
    ranks: tuple[int | None, ...] = ()

    @property
    def extrapolated(self) -> bool:
        """Whether R-CNN was timed on fewer windows than there are."""
        return self.rcnn_windows < self.windows

    def speed_ups(self, stages: Stages) -> tuple[float, float]:
        """How many times less than R-CNN a method takes: for convolutions and pooling, and in total."""
        return self.rcnn.conv_and_pool / stages.conv_and_pool, self.rcnn.total / stages.total

    def less_work(self, name: str) -> float:
        """How many times more multiplications R-CNN's convolutions are than SPP-net's (`ONE` or `FIVE`)."""
        return self.products["R-CNN"] / self.products[name]
