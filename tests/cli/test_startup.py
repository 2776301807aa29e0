"""What commands import: `--help` of all no more than click, each command no more than it uses."""

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch
from PIL import Image

import spp_ops
from spp_ops.detection import DetectorConfig, SPPDetector, nms
from spp_ops.detection.boxes import suppress
from spp_ops.engine.skeleton import skeleton

SLOW = {
    *("lightning_fabric", "matplotlib", "onnx", "onnxruntime", "pycocotools", "scipy", "sklearn", "sympy"),
    *("tensorboard", "torch._dynamo", "torch._inductor", "torchvision"),
}
DIGITS = Path(spp_ops.__file__).parent / "detection" / "pretrained" / "digits"


def imported(*arguments: str | Path) -> tuple[set[str], str]:
    """Modules that Python imports as it runs with these arguments, and what it prints."""
    command = [sys.executable, "-X", "importtime", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}, done.stdout


@pytest.mark.parametrize("asked", [[], ["--help"], ["-h"], ["--version"]], ids=str)
@pytest.mark.parametrize("start", ["module", "script"])
def test_words_need_no_torch(asked: list[str], start: str, tmp_path: Path) -> None:
    script = tmp_path / "spp-ops"
    script.write_text("import sys\nfrom spp_ops.cli import main\nsys.exit(main())\n")
    command = ["-c", "import runpy, sys; sys.argv[:1] = [sys.argv[1]]; del sys.argv[1]; runpy.run_path(sys.argv[0])"]
    command = ["-m", "spp_ops"] if start == "module" else [*command, str(script)]
    line = [sys.executable, "-X", "importtime", *command, *asked]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    modules = {row.rpartition("|")[2].strip() for row in done.stderr.splitlines() if row.startswith("import time:")}
    assert "click" in modules
    assert not modules & {"torch", "numpy", "rich", "PIL", "asyncio"}
    said = done.stdout + done.stderr
    assert (spp_ops.__version__ in said) if asked == ["--version"] else ("train-detector" in said)


def test_help_lists_each_command_as_the_command_itself_does() -> None:
    _, listed = imported("-m", "spp_ops", "--help")
    for name in ("detect", "info", "train-detector"):
        [line] = [line for line in listed.splitlines() if line.strip().startswith(f"{name} ")]
        assert line.split(maxsplit=1)[1].rstrip(".") in " ".join(_help_of(name).split())


def _help_of(name: str) -> str:
    from spp_ops.cli import main

    return main.get_command(None, name).help or ""


def test_commands_import_nothing_that_few_of_them_use() -> None:
    commands = (
        "from spp_ops.cli import main\n"
        "for name in main.list_commands(None):\n"
        "    command = main.get_command(None, name)\n"
        "    for below in command.list_commands(None) if hasattr(command, 'list_commands') else []:\n"
        "        command.get_command(None, below)\n"
    )
    modules, _ = imported("-c", commands)
    assert {"torch", "spp_ops.classification.run", "spp_ops.benchmarks.harness"} <= modules
    assert not modules & SLOW


def test_detecting_imports_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    Image.effect_noise((160, 120), 80).convert("RGB").save(tmp_path / "noise.jpg")
    config = DetectorConfig(("one",), "small5", (2, 1), (8,), scales=(96,))
    SPPDetector(config, config.build()).save(tmp_path / "run")
    # Anchors and the network that proposes windows are torchvision's, which imports PyTorch's compiler.
    learned = {"sympy", "torch._dynamo", "torch._inductor", "torchvision"}
    for run, used in ((tmp_path / "run", set()), (DIGITS, learned)):
        out = tmp_path / f"found in {run.name}"
        modules, _ = imported("-m", "spp_ops", "detect", tmp_path / "noise.jpg", "--weights", run, "--out", out)
        assert (out / "noise.jpg").is_file()
        assert not modules & (SLOW - used)


def test_suppression_equals_torchvisions() -> None:
    from torchvision.ops import batched_nms

    torch.manual_seed(0)
    for count in (0, 1, 300, 2_000):  # both sides of where classes are taken one by one
        boxes = torch.rand(count, 4) * 100
        boxes[:, 2:] += boxes[:, :2]
        scores, labels = torch.rand(count), torch.randint(5, (count,))
        expected = batched_nms(boxes + torch.tensor([0.0, 0.0, 1.0, 1.0]), scores, labels, 0.3)
        assert torch.equal(suppress(boxes, scores, labels, 0.3), expected)


def test_a_torchvision_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_C.so").write_bytes(b"of another torch")
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    monkeypatch.setattr(nms, "find_spec", lambda name: ModuleSpec(name, None, origin=str(package / "__init__.py")))
    with pytest.raises(ImportError, match=r"torchvision does not fit torch .* install both anew: .*_C\.so"):
        nms.load_kernel.__wrapped__()


def test_a_skeleton_has_shapes_and_no_values() -> None:
    with skeleton():
        layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        torch.nn.init.normal_(layers[0].weight, std=0.1)
        torch.nn.init.kaiming_normal_(layers[0].weight)
    assert all(tensor.is_meta for tensor in layers.state_dict().values())
    assert layers[0].weight.shape == (4, 3, 3, 3)
