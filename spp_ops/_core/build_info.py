"""What was built and what it runs on."""

import platform
from typing import Any

import numpy as np
import torch

from spp_ops._core import extension


def build_info() -> dict[str, Any]:
    """Build, devices, processor level and versions: what a bug report needs.

    Returns:
        `version`; `cpu_level`, the build of the CPU kernels in use ("baseline", "avx2" or "avx512"); `cuda`, the
        toolkit the CUDA kernels were compiled with, or None, and `cuda_archs`, for which GPUs; `cuda_devices`
        found now; `threads`; versions of compiler, torch (built with and running), Python and NumPy.
    """
    import spp_ops

    compiled = extension.build_info()
    return {
        "version": spp_ops.__version__,
        "cpu_level": compiled["cpu_level"],
        "cuda": compiled["cuda"],
        "cuda_archs": compiled["cuda_archs"].split(),
        "cuda_devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "threads": torch.get_num_threads(),
        "compiler": compiled["compiler"],
        "torch_built_with": compiled["torch_built_with"],
        "torch": torch.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }
