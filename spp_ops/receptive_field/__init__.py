"""Receptive fields: which image pixels a cell of a feature map sees, read off a module or measured.

The module is callable: ``spp_ops.receptive_field(net)`` is ``spp_ops.receptive_field.receptive_field(net)``.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

from torch import nn

from spp_ops.receptive_field._field import ReceptiveField, Step
from spp_ops.receptive_field._measure import measure
from spp_ops.receptive_field._reading import read

__all__ = ["ReceptiveField", "Step", "measure", "receptive_field"]


def receptive_field(module: nn.Module) -> ReceptiveField:
    """Size, stride and first center of the receptive fields of a stack of layers (paper, appendix A).

    The module runs once, in evaluation mode, on an image without numbers; nothing is computed, and its weights and
    mode stay as they are. Every operation is followed from there: convolutions, poolings and paddings, whatever calls
    them; reshapes and permutes; where branches meet (residual sums, concatenations), a cell sees the union of both.

    * Normalization counts as pointwise, also where its statistics reach further (GroupNorm, LocalResponseNorm): it
      scales what a cell sees and does not move it. So do gates (squeeze and excitation, layer scale, strip pooling):
      what is gathered over the whole map says nothing of where a cell looks.
    * Reflected, replicated and circular padding count as plain padding. Where padding depends on the image's size
      (TensorFlow's "same"), the field is that for sides that are multiples of 1024.
    * Past an upsampling, cells look at different offsets from their own place; the field covers them all.

    A layer that cannot be followed takes part by declaring a `Step`; `measure` measures any module.

    Args:
        module: images [N, C, H, W] -> a feature map; C is what the first layer takes.

    Raises:
        TypeError: `module` is not an ``nn.Module``.
        ValueError: a layer has no fixed geometry (linear layers, adaptive pooling, attention over the map, ...) or
            needs numbers to run; the message names it.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module: expected an nn.Module, got {type(module).__name__}")
    return read(module)


class _CallableModule(ModuleType):
    """A module that is also the function of its name, so that neither hides the other in `spp_ops`."""

    def __call__(self, module: nn.Module) -> ReceptiveField:
        """See `receptive_field`."""
        return receptive_field(module)

    def __reduce__(self) -> tuple[Any, ...]:  # a function can be pickled, a module by itself cannot
        return importlib.import_module, (self.__name__,)


sys.modules[__name__].__class__ = _CallableModule
