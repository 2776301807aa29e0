"""Training and testing on one process or several."""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import torch
from torch import Tensor

from spp_ops.engine.processes import world_size

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Precision: TypeAlias = Literal["32-true", "bf16-mixed", "16-mixed"]  # of the arithmetic in training
Item = TypeVar("Item")


def make_fabric(device: torch.device, precision: Precision = "32-true") -> Fabric:
    """Return the launched runtime: one process, or, where torchrun started this one, its share of all.

    Nothing but torchrun makes several processes of one: not the job of a batch system either, of SLURM say, which has
    room for more tasks than this one.

    Args:
        device: "cpu", or "cuda" with or without a number; under torchrun each process of a machine takes a GPU of its
            own.
        precision: of the arithmetic in training.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    accelerator = "cuda" if device.type == "cuda" else "cpu"
    world = world_size()
    common: dict[str, Any] = {"accelerator": accelerator, "precision": precision}
    if world == 1:
        devices = [device.index or 0] if accelerator == "cuda" else 1
        fabric = Fabric(devices=devices, plugins=LightningEnvironment(), **common)
    else:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
        backend = "nccl" if accelerator == "cuda" else "gloo"
        strategy = DDPStrategy(process_group_backend=backend)
        plugins = TorchElasticEnvironment()
        fabric = Fabric(devices=local, num_nodes=world // local, strategy=strategy, plugins=plugins, **common)
    fabric.launch()
    if world > 1:
        atexit.register(_leave)
    return fabric


def _leave() -> None:
    # A process that ends while gloo's threads still run is aborted at times, after all its work.
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def summed(fabric: Fabric, values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes."""
    total = fabric.all_reduce(values, reduce_op="sum")
    assert isinstance(total, Tensor)
    return total


def gathered(fabric: Fabric, value: Item) -> list[Item]:
    """Return the values of all processes, in the order of their ranks."""
    if fabric.world_size == 1:
        return [value]
    everyone: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(everyone, value)
    return everyone
