"""The pooling operator as standard ONNX nodes, for `torch.onnx.export(..., dynamo=True)`."""

from collections.abc import Callable
from typing import Any

import torch


def translation_table() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Make the table that teaches `torch.onnx.export` this package's pooling.

        table = spp_ops.onnx.translation_table()
        torch.onnx.export(net.eval(), inputs, "net.onnx", dynamo=True, custom_translation_table=table)

    Every projection, several maps, and any number of windows on maps of any size become nodes of the standard domain
    (opset 18 or later) whose results equal the operator's to the bit, NaN and -inf included where the runtime's `Max`
    keeps them, as onnxruntime's does. A model cannot raise errors: a bad row of `rois` gives NaN, as on CUDA.

    Raises:
        ImportError: onnxscript is not installed.
    """
    try:
        from spp_ops.onnx._pool import pool
    except ImportError as error:
        raise ImportError(
            f'spp_ops.onnx: needs onnxscript ({error}); install it with `pip install "spp_ops[onnx]"`'
        ) from error
    operators = torch.ops.spp_ops
    return {
        operators.roi_spatial_pyramid_pool.default: pool,
        operators.roi_spatial_pyramid_pool_inference.default: pool,  # what it is below autograd
    }
