"""Training: the loss falls, what is frozen stays, and a resumed run is the uninterrupted one to the bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from small_networks import small_net
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from spp_ops.classification import Checkpoint, Job, NetworkConfig, TrainingConfig, train
from spp_ops.classification.data import TrainingImages
from spp_ops.classification.training import ClassifierTrainer
from spp_ops.datasets.folders import read_folders
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.engine.distributed import make_fabric

CPU = torch.device("cpu")
NETWORK = NetworkConfig("squeezenet1_0", (2, 1), hidden=(16,))  # has dropout, and so uses random numbers
TRAINING = TrainingConfig(epochs=3, batch_size=8, sizes=(48, 40), lr=0.01, milestones=(2,), ema=0.5, seed=3)


def listed(folder: Path) -> tuple[LabeledImages, LabeledImages]:
    train_images = read_folders(folder / "train")
    return train_images, read_folders(folder / "val", classes=train_images.classes)


def run(folder: Path, job: Job, training: TrainingConfig = TRAINING) -> Checkpoint:
    torch.manual_seed(torch.seed() % 1000)  # whatever was drawn before must not matter
    return train(*listed(folder), NETWORK, training, job=job, device=CPU)


def assert_same(one: Checkpoint, two: Checkpoint) -> None:
    assert one.history == two.history
    assert one.average is not None
    assert two.average is not None
    for mine, other in ((one.model, two.model), (one.average, two.average)):
        assert mine.keys() == other.keys()
        for name, tensor in mine.items():
            assert torch.equal(tensor, other[name]), name
    states = one.progress["optimizer"]["state"], two.progress["optimizer"]["state"]
    for key, state in states[0].items():
        assert torch.equal(state["momentum_buffer"], states[1][key]["momentum_buffer"])


class StoppedError(Exception):
    pass


def test_a_resumed_run_equals_an_uninterrupted_one(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(shapes, Job(tmp_path / "whole"))
    assert [record["size"] for record in whole.history] == [48, 40, 48]
    assert [record["lr"] for record in whole.history] == pytest.approx([0.01, 0.01, 0.001])

    run(shapes, Job(tmp_path / "parts", stop_after=1))
    real_step = ClassifierTrainer._train_batch

    def fails_in_the_second_epoch(self: ClassifierTrainer, *arguments: object) -> None:
        if self.step == 5:
            raise StoppedError
        real_step(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ClassifierTrainer, "_train_batch", fails_in_the_second_epoch)
        with pytest.raises(StoppedError):
            run(shapes, Job(tmp_path / "parts", resume=True, checkpoint_every=2))
    saved = Checkpoint.load(tmp_path / "parts")
    assert (saved.progress["epoch"], saved.progress["batch"], len(saved.history)) == (1, 1, 1)
    assert_same(run(shapes, Job(tmp_path / "parts", resume=True)), whole)
    assert_same(Checkpoint.load(tmp_path / "parts"), whole)


def test_another_seed_gives_another_run(shapes: Path, tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=8, sizes=(40,))
    one, two = (
        run(shapes, Job(tmp_path / str(seed)), TrainingConfig(**{**vars(config), "seed": seed})) for seed in (0, 1)
    )
    assert one.history[0]["train_loss"] != two.history[0]["train_loss"]


def test_a_run_leaves_scalars_of_every_step_and_a_plot(shapes: Path, tmp_path: Path) -> None:
    result = run(shapes, Job(tmp_path, stop_after=2))
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in events.Scalars("loss/step")] == list(range(6))
    losses = [event.value for event in events.Scalars("epoch/train_loss")]
    assert losses == pytest.approx([record["train_loss"] for record in result.history])
    assert (tmp_path / "training.png").stat().st_size > 1000
    assert not list(tmp_path.glob(".*")), "temporary files are left"


def test_the_loss_falls(images: Path) -> None:
    net = small_net().train()
    config = TrainingConfig(epochs=24, batch_size=8, sizes=(64, 48), lr=0.01, milestones=(), color_shift=0.0)
    data = TrainingImages(listed(images)[0], config)
    trainer = ClassifierTrainer(
        net, data, config, make_fabric(CPU), prepare=lambda pixels: net.normalization(pixels.float())
    )
    losses = [trainer.train_epoch()["train_loss"] for _ in range(config.epochs)]
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])


def test_a_frozen_backbone_keeps_its_weights_and_statistics(shapes: Path) -> None:
    net = small_net()
    net.backbone.append(torch.nn.BatchNorm2d(8))
    before = {name: tensor.clone() for name, tensor in net.backbone.state_dict().items()}
    config = TrainingConfig(batch_size=8, sizes=(32,), backbone_lr=0.0)
    data = TrainingImages(listed(shapes)[0], config)
    trainer = ClassifierTrainer(net, data, config, make_fabric(CPU), prepare=torch.Tensor.float)
    head = net.head.state_dict()["fc6.weight"].clone()
    trainer.train_epoch()
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.backbone.state_dict().items())
    assert not torch.equal(net.head.state_dict()["fc6.weight"], head)


def test_a_new_head_on_trained_convolutions_starts_from_even_scores(shapes: Path, tmp_path: Path) -> None:
    torch.save(torchvision.models.squeezenet1_0().state_dict(), tmp_path / "weights.pt")
    config = TrainingConfig(epochs=1, batch_size=24, sizes=(40,), backbone_lr=0.0)
    result = run(shapes, Job(tmp_path / "run", weights=str(tmp_path / "weights.pt")), config)
    assert result.history[0]["train_loss"] == pytest.approx(math.log(2))  # of the only batch, before its step


def test_the_backbone_may_learn_slower(shapes: Path) -> None:
    config = TrainingConfig(lr=0.1, backbone_lr=0.01)
    trainer = ClassifierTrainer(small_net(), TrainingImages(listed(shapes)[0], config), config, make_fabric(CPU))
    rates = [(group["lr"], len(group["params"])) for group in trainer.optimizer.param_groups]
    assert rates == [(pytest.approx(0.001), 4), (0.1, 2)]
    assert trainer.lr == 0.1


def test_the_average_of_the_weights_is_what_is_tested(shapes: Path, tmp_path: Path) -> None:
    result = run(shapes, Job(tmp_path, stop_after=1))
    assert result.average is not None
    net = result.classifier()
    name = "head.fc6.weight"
    assert torch.equal(net.state_dict()[name], result.average[name])
    assert not torch.equal(net.state_dict()[name], result.model[name])


def test_mixed_precision_trains_float32_weights(shapes: Path, tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=8, sizes=(40,), precision="bf16-mixed")
    result = run(shapes, Job(tmp_path), config)
    assert {tensor.dtype for tensor in result.model.values()} == {torch.float32}
    exact = run(shapes, Job(tmp_path / "exact"), TrainingConfig(**{**vars(config), "precision": "32-true"}))
    loss, exact_loss = result.history[0]["train_loss"], exact.history[0]["train_loss"]
    assert loss != exact_loss
    assert loss == pytest.approx(exact_loss, rel=0.05)


def test_a_loss_that_leaves_the_numbers_is_an_error_of_the_learning_rate(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lr: expected a smaller one than 1e"):
        run(shapes, Job(tmp_path), TrainingConfig(epochs=2, batch_size=8, sizes=(40,), lr=1e30))


def test_a_folder_with_a_run_needs_resume_and_the_same_settings(shapes: Path, tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=12, sizes=(40,))
    run(shapes, Job(tmp_path), config)
    with pytest.raises(ValueError, match=r"out: .* holds a run already; give --resume"):
        run(shapes, Job(tmp_path), config)
    with pytest.raises(ValueError, match=r"lr: the run to be resumed has 0.01, got 0.02"):
        run(shapes, Job(tmp_path, resume=True), TrainingConfig(**{**vars(config), "lr": 0.02}))
    again = run(shapes, Job(tmp_path, resume=True), config)  # is done: nothing is left to do
    assert len(again.history) == 1


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"sizes": ()}, "sizes: expected one or more sides"),
        ({"sizes": (224, 180), "size_rule": "random"}, r"sizes: expected \(lowest, highest\)"),
        ({"sizes": (10**9,)}, "sizes: expected one or more sides from 1 to 10000 pixels"),
        ({"lr": 0.0}, "lr: expected a positive number, got 0.0"),
        ({"lr": math.inf}, "lr: expected a positive number, got inf"),
        ({"weight_decay": math.nan}, "weight_decay: expected 0 or more, got nan"),
        ({"ema": 1.0}, "ema: expected a number from 0 to below 1, got 1.0"),
        ({"precision": "8"}, "precision: expected 32-true|bf16-mixed"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TrainingConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"hidden": (0,)}, r"hidden: expected positive widths, got \(0,\)"),
        ({"hidden": ("wide",)}, "hidden: expected positive widths"),
        ({"dropout": math.nan}, "dropout: expected a number from 0 to 1, got nan"),
    ],
)
def test_bad_networks_are_named(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        NetworkConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("format", 99),
        ("classes", []),
        ("classes", [1, 2]),
        ("classes", ["a", "b", "c"]),
        ("model", {}),
        ("model", None),
        ("network", {"arch": "lenet"}),
        ("training", {"lr": "fast"}),
        ("progress", None),
        ("average", {"head.fc7.weight": torch.ones(2, 4)}),
    ],
)
def test_a_checkpoint_with_a_part_that_no_run_saves(part: str, value: object, tmp_path: Path) -> None:
    network = NetworkConfig("squeezenet1_0", (2, 1), (4,))
    model = network.build(2).state_dict()
    path = tmp_path / "checkpoint.pt"
    Checkpoint(network, TrainingConfig(), ("a", "b"), model, None, {}, []).save(path)
    assert Checkpoint.load(path).classifier()(torch.zeros(1, 3, 64, 64)).shape == (1, 2)
    torch.save({**torch.load(path), part: value}, path)
    with pytest.raises(ValueError, match="is not a checkpoint of a classifier"):
        Checkpoint.load(path)


@pytest.mark.parametrize("change", [Tensor.double, Tensor.to_sparse, lambda t: t[:1], lambda t: t.to("meta")])
def test_a_checkpoint_with_other_tensors(change: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    network = NetworkConfig("squeezenet1_0", (2, 1), (4,))
    model = {name: change(tensor) for name, tensor in network.build(2).state_dict().items()}
    path = tmp_path / "checkpoint.pt"
    Checkpoint(network, TrainingConfig(), ("a", "b"), model, None, {}, []).save(path)
    with pytest.raises(ValueError, match=r"is not a checkpoint of a classifier: .*: expected float32"):
        Checkpoint.load(path)


def test_sizes_too_small_for_the_network_are_named(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"sizes: expected at least \d+ pixels for squeezenet1_0, got 8"):
        run(shapes, Job(tmp_path), TrainingConfig(sizes=(8,)))


def test_other_files_are_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint of a classifier at"):
        Checkpoint.load(tmp_path)
    path = tmp_path / "checkpoint.pt"
    for content in (b"", b"nonsense", b"PK\x03\x04 nonsense", b"root:x:0:0:root"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a checkpoint of a classifier"):
            Checkpoint.load(path)
    torch.save({"format": 1}, path)
    with pytest.raises(ValueError, match="is not a checkpoint of a classifier"):
        Checkpoint.load(path)
