"""What an installed spp_ops must do, from an empty folder: pool, differentiate, detect."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch

import spp_ops

package = Path(spp_ops.__file__).parent
assert "site-packages" in package.parts, f"expected the installed package, got {package}"
assert version("spp_ops") == spp_ops.__version__
odd = sorted(path.name for path in package.rglob("*") if path.suffix in {".cpp", ".cu", ".h", ".o"})
assert not odd, f"the package holds sources: {odd}"

features = torch.randn(2, 8, 20, 30, requires_grad=True)
rois = torch.tensor([[0, 16.0, 16, 200, 120], [1, 0.0, 0, 479, 319]])
pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (6, 3, 2, 1), projection=1 / 16)
assert torch.equal(pooled, spp_ops.reference.roi_spatial_pyramid_pool(features, rois, (6, 3, 2, 1), projection=1 / 16))
pooled.sum().backward()
assert features.grad is not None
assert features.grad.count_nonzero() > 0

from PIL import Image  # noqa: E402

Image.effect_noise((160, 120), 80).convert("RGB").save("noise.jpg")
command = [sys.executable, "-m", "spp_ops", "detect", "noise.jpg", "--out", "found"]
subprocess.run([*command, "--weights", str(package / "detection" / "pretrained" / "digits")], check=True)
assert Path("found/noise.jpg").is_file()
cuda = spp_ops.build_info()["cuda"]
print(f"spp_ops {spp_ops.__version__} works with torch {torch.__version__}; CUDA kernels: {cuda}")
