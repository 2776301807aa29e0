"""Everything of PyTorch that the package uses and that is not public; tests/test_torch_internals.py names what is lost.

A kernel for the Autograd key cannot be written without: `torch.library.register_autograd` knows neither forward-mode
derivatives nor torch.func's transforms, and `torch.autograd.Function.apply` takes all levels of these transforms at
once where a kernel is asked for one.
"""

import contextlib
import functools
import importlib
from collections.abc import Iterator
from typing import Any

import torch

_OF_DERIVATIVES = (
    "torch._C._AutoDispatchBelowAutograd",
    "torch._C._AutoDispatchBelowADInplaceOrView",
    "torch._C._are_functorch_transforms_active",
    "torch._functorch.utils.enable_single_level_autograd_function",
    "torch.autograd.forward_ad._set_fwd_grad_enabled",
    "torch.autograd.function._SingleLevelFunction",
)
_OF_BYTES = "torch._int_mm"
PRIVATE_NAMES = (*_OF_DERIVATIVES, _OF_BYTES)


def find(path: str, needed_by: str = "derivatives") -> Any:
    """What a private name of PyTorch stands for.

    Raises:
        ImportError: This release of PyTorch has it no longer.
    """
    module, name = path.rsplit(".", 1)
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise ImportError(
            f"spp_ops: torch {torch.__version__} has no {path}, which {needed_by} need; "
            "take another release of torch, or a newer one of spp_ops"
        ) from None


(
    below_autograd,
    below_version_counter,
    transforms_active,
    _one_level_allowed,
    _set_forward_mode,
    _OneLevelFunction,
) = map(find, _OF_DERIVATIVES)


@functools.cache
def _for_one_level(function: type[torch.autograd.Function]) -> Any:
    parts = {name: function.__dict__[name] for name in ("forward", "setup_context", "backward", "jvp")}
    return type(function.__name__, (_OneLevelFunction,), parts)


def apply_at_this_level(function: type[torch.autograd.Function], *inputs: Any) -> Any:
    """`function.apply` for a kernel of the Autograd key: records at the level that the dispatcher is at.

    The levels of torch.func's transforms nest, and the dispatcher goes through them one by one.
    """
    if not transforms_active():
        return function.apply(*inputs)
    with _one_level_allowed():
        return _for_one_level(function).apply(*inputs)


@contextlib.contextmanager
def _outer_levels_record() -> Iterator[None]:
    with torch.enable_grad(), _set_forward_mode(True), below_autograd():
        yield


def below_this_level() -> contextlib.AbstractContextManager[None]:
    """Past this level's autograd, inside `forward`; outer levels of torch.func's transforms still record."""
    manager: contextlib.AbstractContextManager[None] = (
        _outer_levels_record() if transforms_active() else below_autograd()
    )
    return manager


def multiply_bytes(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """int8 [N, K] times int8 [K, M] -> int32 [N, M]; the public product of matrices takes no integers of 8 bits."""
    product: torch.Tensor = find(_OF_BYTES, "detectors of 8 bits")(a, b)
    return product
