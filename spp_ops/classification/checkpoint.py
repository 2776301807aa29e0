"""The one file that holds all of a classifier's run: RUN/checkpoint.pt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spp_ops.classification.config import (
    NetworkConfig,
    TrainingConfig,
    network_from_data,
    training_from_data,
)
from spp_ops.engine.checkpoint import read_checkpoint, write_checkpoint
from spp_ops.engine.config import expect
from spp_ops.engine.skeleton import skeleton
from spp_ops.models import SPPNet

_FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """All that a run is at some step.

    Attributes:
        network: what is trained.
        training: how.
        classes: names, in the order of the scores.
        model: the network's tensors by name.
        average: the moving average of them; None where none is kept.
        progress: what `Trainer.state` gives: how far the run is, and its optimizer; empty where training is over for
            good.
        history: a record an epoch.
    """

    network: NetworkConfig
    training: TrainingConfig
    classes: tuple[str, ...]
    model: dict[str, Tensor]
    average: dict[str, Tensor] | None
    progress: dict[str, Any]
    history: list[dict[str, float]]

    def save(self, path: Path) -> None:
        """Write the file, atomically."""
        write_checkpoint(path, self, _FORMAT)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Checkpoint:
        """Read a run's folder, or the file itself. No code in the file is run.

        Raises:
            FileNotFoundError: there is none.
            ValueError: the file holds something else.
        """
        return read_checkpoint(path, "a classifier", _FORMAT, _build)

    def classifier(self) -> SPPNet:
        """Return the network that the run would be tested with, in evaluation mode: the average where one is kept."""
        net = self._without_numbers()
        net.load_state_dict(self.model if self.average is None else self.average, assign=True)
        return net.eval()

    def _without_numbers(self) -> SPPNet:
        with skeleton():
            return self.network.build(len(self.classes))

    def _check(self) -> None:
        """Raise an error for what no run has saved: names that are no text, tensors of another network."""
        named = len(self.classes) > 0 and all(isinstance(name, str) for name in self.classes)
        expect(named, "classes", "one or more names", self.classes)
        expect(isinstance(self.history, list) and isinstance(self.progress, dict), "progress", "a dict", self.progress)
        expected = self._without_numbers().state_dict()
        for tensors in (self.model, *(() if self.average is None else (self.average,))):
            if tensors.keys() != expected.keys():
                raise ValueError(f"tensors of another network than {self.network.arch}")
            for name, like in expected.items():
                if _kind(tensors[name]) != _kind(like) or tensors[name].is_meta:
                    raise ValueError(f"{name}: expected {_kind(like)}, got {_kind(tensors[name])}")


def _build(content: dict[str, Any]) -> Checkpoint:
    checkpoint = Checkpoint(
        network_from_data(content["network"]),
        training_from_data(content["training"]),
        tuple(content["classes"]),
        content["model"],
        content["average"],
        content["progress"],
        content["history"],
    )
    checkpoint._check()
    return checkpoint


def _kind(tensor: object) -> str:
    """What must agree for one tensor to take another's place, whatever device they are on."""
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
        return "something else"
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
