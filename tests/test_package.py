"""The package as it is handed out: its requirements, its version, its addresses, what a light install can do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import spp_ops

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomllib", reason="reads pyproject.toml: Python 3.11 or later")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Where the name of what is imported is not that of what is installed.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-contrib-python-headless",
    "lightning_fabric": "lightning-fabric",
    "pillow_heif": "pillow-heif",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# Peers that a benchmark measures where they happen to be installed, types alone, and what comes with onnxscript.
NOT_REQUIRED = {"paddle", "_typeshed", "onnx_ir", "typing_extensions"}
TRAINING_ONLY = ("joblib", "lightning_fabric", "pycocotools", "scipy", "sklearn", "tensorboard")
DIGITS = Path(spp_ops.__file__).parent / "detection" / "pretrained" / "digits"


def required(*extras: str) -> set[str]:
    """Names that the package, and these extras and those that they name, require."""
    found: set[str] = set()
    lines = PROJECT["dependencies"] + [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    for line in lines:
        if line.startswith("spp_ops["):
            found |= required(*line.removeprefix("spp_ops[").removesuffix("]").split(","))
        else:
            found.add(line.split(">")[0].split("=")[0].strip())
    return found


def imported() -> set[str]:
    """Top names of everything that the package imports, wherever in its files."""
    names: set[str] = set()
    for file in Path(spp_ops.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"spp_ops"}


def test_every_import_is_required_somewhere() -> None:
    names = {DISTRIBUTIONS.get(name, name) for name in imported() - NOT_REQUIRED}
    assert names <= required(*PROJECT["optional-dependencies"])


def test_what_detects_and_trains_has_lower_bounds() -> None:
    extras = PROJECT["optional-dependencies"]
    lines = [line for name in ("cli", "detect", "train") for line in extras[name] if not line.startswith("spp_ops")]
    assert all(">=" in line for line in [*PROJECT["dependencies"], *lines])


def test_detecting_needs_no_training_library(tmp_path: Path) -> None:
    assert not {DISTRIBUTIONS.get(name, name) for name in TRAINING_ONLY} & required("detect")
    Image.effect_noise((160, 120), 80).convert("RGB").save(tmp_path / "noise.jpg")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({TRAINING_ONLY}))\n"
        "from spp_ops.cli import main; main(prog_name='spp-ops')"
    )
    command = [sys.executable, "-c", program, "detect", tmp_path / "noise.jpg", "--weights", DIGITS]
    subprocess.run([*map(str, command), "--out", str(tmp_path / "found")], check=True, cwd=ROOT)
    assert (tmp_path / "found" / "noise.jpg").is_file()


def test_version_and_addresses_stand_in_one_place() -> None:
    assert "version" in PROJECT["dynamic"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    texts = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in listed
        if Path(name).suffix in {".py", ".toml", ".md", ".cff", ".yml"} and (ROOT / name).is_file()
    }
    version = (
        f'version__ = "{spp_ops.__version__}"',
        f'version = "{spp_ops.__version__}"',
        f"version: {spp_ops.__version__}",
    )
    said = [name for name, text in texts.items() if any(line in text for line in version)]
    assert said == ["spp_ops/__init__.py"]
    addresses = [name for name, text in texts.items() if "https://example.org/spp_ops" in text]
    assert addresses == ["pyproject.toml", "tests/test_package.py"]
