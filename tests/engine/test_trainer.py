"""The order of batches, and what a step's numbers come to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.loading import stacked
from spp_ops.engine.seeds import Purpose, seed_of
from spp_ops.engine.trainer import Trainer, shuffled_batches


class Points:
    """Five points on a line, and what is to be learned of them; remembers the epochs that began."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def __len__(self) -> int:
        return 5

    def begin_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return torch.tensor([float(row)]), 2 * row


class LineTrainer(Trainer[tuple[Tensor, Tensor]]):
    names = ("error", "slope")
    order = Purpose.CLASSIFIER_ORDER
    noise = Purpose.CLASSIFIER_NOISE

    def __init__(self, data: Points, rate: float = 0.0) -> None:
        net = nn.Linear(1, 1, bias=False)
        nn.init.ones_(net.weight)
        optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
        fabric = make_fabric(torch.device("cpu"))
        super().__init__(net, net, optimizer, data, 2, fabric, seed=1, too_fast="rate: expected a smaller one")
        self.rate = rate

    def rates(self) -> list[float]:
        return [self.rate]

    def collate(self, items: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
        return stacked(items)

    def loss(self, batch: tuple[Tensor, Tensor], size: int, weight: float) -> tuple[Tensor, list[Tensor]]:
        inputs, targets = batch
        loss = (self.model(inputs)[:, 0] - targets).square().sum() * weight / size
        return loss, [loss]

    def before_update(self) -> list[Tensor]:
        gradient = self.net.get_parameter("weight").grad
        assert gradient is not None
        return [gradient.sum()]


def test_batches_hold_every_row_once_in_another_order_each_epoch() -> None:
    first, second = (shuffled_batches(27, 8, seed_of(3, Purpose.CLASSIFIER_ORDER, epoch)) for epoch in range(2))
    assert [len(batch) for batch in first] == [8, 8, 8, 3]
    assert sorted(row for batch in first for row in batch) == list(range(27))
    assert first != second
    assert first == shuffled_batches(27, 8, seed_of(3, Purpose.CLASSIFIER_ORDER, 0))


def test_an_epochs_means_are_over_its_rows_whatever_batch_they_are_in() -> None:
    data = Points()
    trainer = LineTrainer(data)
    steps: list[tuple[int, int]] = []
    means = trainer.train_epoch(after_numbers=lambda first, numbers: steps.append((first, len(numbers))))
    assert means["error"] == pytest.approx((0 + 1 + 4 + 9 + 16) / 5)
    assert means["slope"] == pytest.approx(-2 * 30 / 5)
    assert (trainer.epoch, trainer.batch, trainer.step, steps) == (1, 0, 3, [(0, 3)])
    trainer.train_epoch()
    assert data.epochs == [0, 1]


def test_a_step_moves_by_the_rate_of_the_moment() -> None:
    trainer = LineTrainer(Points(), rate=0.01)
    trainer.train_epoch(after_step=lambda: setattr(trainer, "rate", 0.0))
    rows = shuffled_batches(5, 2, seed_of(1, Purpose.CLASSIFIER_ORDER, 0))[0]
    expected = 1 + 0.01 * 2 * sum(row * row for row in rows) / len(rows)
    assert float(trainer.net.get_parameter("weight").detach()) == pytest.approx(expected)


def test_a_loss_that_is_not_finite_names_the_setting() -> None:
    with pytest.raises(ValueError, match="rate: expected a smaller one: the loss is no longer finite"):
        LineTrainer(Points(), rate=1e38).train_epoch()


def test_purposes_have_numbers_of_their_own() -> None:
    assert len({int(purpose) for purpose in Purpose}) == len(list(Purpose.__members__))
    assert seed_of(0, Purpose.JOINT_NOISE, 1) != seed_of(0, Purpose.JOINT_IMAGE, 1)
