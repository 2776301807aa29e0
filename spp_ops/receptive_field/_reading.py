"""Reads the receptive field of a module off one run on an image without numbers.

That is a batch of none where the module has but layers to which it makes no difference: PyTorch takes half a second to
import what the meta device needs, which takes the place of it everywhere else.

Every operation of the run is seen by its name, whatever Python calls it; `_rules` says what it does to the layout of a
map. Nothing is computed and the module is left as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from spp_ops.receptive_field._field import Axis, NoFieldError, ReceptiveField, Step, pair, step_of
from spp_ops.receptive_field._layout import Layout, Part, axis_of, image, is_spatial, plain
from spp_ops.receptive_field._rules import FOR_NO_IMAGES, RULES, Call, alike

SIDES = (1024, 8192)  # of the image; the second for stacks whose fields do not fit in the first
ADVICE = (
    "a layer can declare its part as its attribute `receptive_field_step`, "
    "and spp_ops.receptive_field.measure(module) measures the field of any module"
)
_WHOLES: dict[type[nn.Module], Step] = {nn.CrossMapLRN2d: Step()}  # modules that are taken as one layer


def read(module: nn.Module) -> ReceptiveField:
    """The receptive field of what `module` returns; see `receptive_field`."""
    channels, (side, larger) = channels_of(module), SIDES
    failures = []
    for run in (("cpu", channels, side), ("meta", channels, side), ("meta", 3, side), ("meta", channels, larger)):
        field = _read(module, *run)
        if isinstance(field, ReceptiveField):
            return field
        failures.append(field)
    raise ValueError(failures[1].reason)


class _Failure(NamedTuple):
    """The module did not run, maybe as the image is too small or has not its channels."""

    reason: str


def _read(module: nn.Module, device: str, channels: int, side: int) -> ReceptiveField | _Failure:
    reader = _Reader(torch.device(device))
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    with torch.inference_mode(), evaluating(module), reader.following(module):
        try:
            weights = {name: _unfilled(tensor, reader.device) for name, tensor in state.items()}
            pixels = torch.empty(int(device == "meta"), channels, side, side, device=device)
            reader.set_layout(pixels, image(pixels.shape))
            with reader:
                result = torch.func.functional_call(module, weights, (pixels,))
        except NoFieldError as error:
            raise ValueError(f"{reader.failed}: {error}; {ADVICE}") from None
        except Exception as error:  # whatever the forward of a stranger's module raises on an image without numbers
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            return _Failure(f"{reader.failed}: cannot be followed ({reason}); {ADVICE}")
    maps = [reader.layout(each) for each in tree_leaves(result) if isinstance(each, Tensor)]
    maps = [layout for layout in maps if sum(map(is_spatial, layout)) == 2]
    if not maps:
        raise ValueError(f"{reader.lost}: gives no feature map; {ADVICE}")
    try:
        return _field([[axis_of(d) for d in layout if is_spatial(d)] for layout in maps])
    except NoFieldError as error:
        raise ValueError(f"module: {error}; {ADVICE}") from None


def _field(maps: list[list[Axis | None]]) -> ReceptiveField:
    """Union of the fields of all maps that are returned."""
    found: dict[str, Axis] = {}
    for axis in (axis for axes in maps for axis in axes if axis is not None):
        found[axis.name] = found[axis.name].union(axis) if axis.name in found else axis
    if sorted(found) != ["x", "y"]:
        raise NoFieldError("gives no feature map")
    x, y = found["x"], found["y"]
    return ReceptiveField((x.size, y.size), (x.stride, y.stride), (x.center, y.center))


def channels_of(module: nn.Module) -> int:
    """How many channels the first layer that cares wants; 3 if none does."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            return layer.in_channels
        if isinstance(layer, nn.BatchNorm2d | nn.SyncBatchNorm | nn.InstanceNorm2d):
            return layer.num_features
        if isinstance(layer, nn.GroupNorm):
            return layer.num_channels
    return 3


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, and what it was before afterwards."""
    training = {part: part.training for part in module.modules()}
    try:
        module.eval()
        yield
    finally:
        for part, was in training.items():
            part.training = was


class _Reader(TorchDispatchMode):
    """Follows the layout of tensors through every operation."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device  # "cpu": of a batch of none
        self.failed = "module"  # path and kind of the module in which the run ended
        self.lost = "module"  # that of the last one that took a map and gave none
        self._resting = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not to be hidden from torch's compiler: that would import it, which takes a second."""
        return False

    def _without_numbers(self, value: Any) -> Any:
        if isinstance(value, Tensor) and value.device != self.device:
            return torch.empty_like(value, device=self.device)
        return self.device if isinstance(value, torch.device) else value

    def layout(self, tensor: Tensor) -> Layout:
        known: Layout | None = getattr(tensor, "_spp_layout", None)
        return plain(tensor.shape) if known is None else known

    def set_layout(self, tensor: Tensor, layout: Layout) -> None:
        tensor._spp_layout = layout  # type: ignore[attr-defined]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tree_map(self._without_numbers, (tuple(args), kwargs or {}))
        operands = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        if self._resting or not any(is_spatial(d) for each in operands for d in self.layout(each)):
            return func(*args, **kwargs)
        name = func._schema.name.split("::")[1]
        rule = RULES.get(name) or RULES.get(name.rstrip("_"))
        if rule is None and torch.Tag.pointwise in func.tags:
            rule = alike
        if rule is None:
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
            raise NoFieldError(f"{name}() has no receptive field that is known")
        if self.device.type == "cpu" and rule not in FOR_NO_IMAGES:
            raise RuntimeError("not with a batch of none")
        values = {argument.name: argument.default_value for argument in func._schema.arguments}
        values.update(zip(values, args, strict=False))
        values.update(kwargs)
        try:
            result = func(*args, **kwargs)
        except RuntimeError:
            self._refuse_strides(operands)
            raise
        outputs = [each for each in tree_leaves(result) if isinstance(each, Tensor)]
        layout = rule(Call(name, values, self.layout, outputs[0]))
        for each in outputs:
            if len(each.shape) == len(layout):
                self._assign(each, layout if each.shape == outputs[0].shape else _resized(layout, each), func)
        return result

    def _assign(self, tensor: Tensor, layout: Layout, func: Any) -> None:
        partial = tensor.untyped_storage().nbytes() != tensor.numel() * tensor.element_size()
        if func._schema.is_mutable and partial and layout != self.layout(tensor):
            raise NoFieldError("writes into a part of a tensor")
        self.set_layout(tensor, layout)

    def _refuse_strides(self, operands: list[Tensor]) -> None:
        """Say it where it is the maps' strides that do not go together."""
        axes = [part.axis for each in operands for d in self.layout(each) for part in d if part.axis is not None]
        for name in ("x", "y"):
            strides = sorted({axis.stride for axis in axes if axis.name == name})
            if len(strides) > 1:
                raise NoFieldError(f"maps of different strides meet: {strides}")

    @contextmanager
    def following(self, module: nn.Module) -> Iterator[None]:
        """Keep account of which of the module's parts runs."""
        parts = [(path, part) for path, part in module.named_modules() if not isinstance(part, torch.jit.ScriptModule)]
        replaced = [(part, part.__dict__.get("forward")) for _, part in parts]
        try:
            for path, part in parts:
                part.forward = self._followed(path, part)
            yield
        finally:
            for part, own in replaced:
                part.__dict__.pop("forward", None)
                if own is not None:
                    part.forward = own

    def _followed(self, path: str, part: nn.Module) -> Callable[..., Any]:
        name, forward = f"{path or 'module'}: {type(part).__name__}", part.forward
        declared = getattr(part, "receptive_field_step", _WHOLES.get(type(part)))

        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                if declared is not None and not self._resting:
                    return self._stepped(step_of(declared), forward, args, kwargs)
                result = forward(*args, **kwargs)
            except Exception:
                if self.failed == "module":
                    self.failed = name
                raise
            if self._has_map(args) and not self._has_map(result):
                within = self.lost != "module" and self.lost.startswith(f"{path}." if path else "")
                self.lost = self.lost if within else name
            return result

        return run

    def _has_map(self, values: Any) -> bool:
        tensors = [each for each in tree_leaves(values) if isinstance(each, Tensor)]
        return any(sum(map(is_spatial, self.layout(each))) == 2 for each in tensors)

    def _stepped(self, step: Step, forward: Callable[..., Any], args: Any, kwargs: Any) -> Tensor:
        """What a layer with a declared step returns, whatever it is made of."""
        features: Tensor = next(each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor))
        kernel, stride, padding = pair(step.kernel), pair(step.stride), pair(step.padding)
        before, size = self.layout(features), list(features.shape)
        self._resting = True
        try:
            result: Tensor = forward(*args, **kwargs)
        except Exception:  # it needs numbers; then its channels are taken to be as many as before
            for d, i in ((-1, 0), (-2, 1)):
                size[d] = max(1, int(size[d] + 2 * padding[i] - kernel[i]) // stride[i] + 1)
            result = features.new_empty(size)
        finally:
            self._resting = False
        layout = list(plain(result.shape))
        for d, i in ((-1, 0), (-2, 1)):
            axis = axis_of(before[d])
            seen = None if axis is None else axis.after(kernel[i], stride[i], padding[i])
            layout[d] = (Part(result.shape[d], seen),)
        self.set_layout(result, tuple(layout))
        return result


def _unfilled(weight: Tensor, device: torch.device) -> Tensor:
    """Its shape alone, of one dtype for all; what a module computes in is no matter here."""
    return torch.empty_like(weight, device=device, dtype=torch.float32 if weight.is_floating_point() else None)


def _resized(layout: Layout, tensor: Tensor) -> Layout:
    """The layout of another of several results: of the same dimensions, some of another extent."""
    pairs = zip(layout, tensor.shape, strict=True)
    return tuple(dimension if is_spatial(dimension) else (Part(extent),) for dimension, extent in pairs)
