"""Each message of docs/troubleshooting.md is one that the code gives.

It is provoked here or, where that takes another machine, found in the source.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
import worlds
from click.testing import CliRunner
from scenes import scene_detector
from small_detectors import small_detector
from snippets import ROOT

import spp_ops
from spp_ops.cli import main
from spp_ops.engine.run_folder import run_folder
from spp_ops.models import zf5

PAGE = ROOT / "docs" / "troubleshooting.md"
MESSAGES = [
    message
    for heading in re.findall(r"^### (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    for message in re.findall(r"`(.*?)`", heading)
]

FEATURES, ROIS = torch.ones(1, 4, 8, 8), torch.tensor([[0, 1.0, 1, 5, 5]])
TRAIN = "train-detector DATA --arch small5 --scales 96 --windows-per-image 32 --epochs 1 --proposals DATA/windows.npz"


def command(line: str) -> Callable[[], str]:
    """What `spp-ops LINE` prints on bad input."""

    def run() -> str:
        result = CliRunner().invoke(main, shlex.split(line))
        assert result.exit_code == 2, result.output
        return result.output

    return run


def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[], str]:
    """The message of what a function raises."""

    def run() -> str:
        with pytest.raises((ValueError, TypeError)) as error:
            function(*arguments, **options)
        return str(error.value)

    return run


def pool(features: object = FEATURES, rois: object = ROIS, **options: Any) -> Callable[[], str]:
    return call(spp_ops.roi_spatial_pyramid_pool, features, rois, **options)


def other_device() -> str:
    from spp_ops._core import fallback

    fallback._warn.cache_clear()
    with pytest.warns(UserWarning, match="mps") as warnings:
        fallback._warn("mps")
    return str(warnings[0].message)


def notice_of_a_run() -> str:
    return CliRunner().invoke(main, shlex.split(f"{TRAIN} --out noticed")).output


def run_in_use() -> str:
    with run_folder(Path("used")):
        return command(f"{TRAIN} --out used")()


PROVOKED: dict[str, Callable[[], str]] = {
    "this build has no kernels for": other_device,
    "features: expected [N": pool(FEATURES[0]),
    "rois: expected [R": pool(rois=ROIS[:, 1:]),
    "expected a whole image index": pool(rois=ROIS + torch.tensor([1, 0, 0, 0, 0])),
    "expected finite numbers": pool(rois=ROIS * float("nan")),
    "rois: expected float16": pool(rois=ROIS.long()),
    "rois: expected device": pool(rois=ROIS.to("meta")),
    "out: is for inference": pool(FEATURES.clone().requires_grad_(), out=torch.empty(1, 200)),
    "out: expected shape": pool(out=torch.empty(2, 200)),
    "gives no feature map": call(spp_ops.receptive_field, torchvision.models.resnet18()),
    "as the network has no": call(zf5(levels=None), torch.ones(1, 3, 300, 300)),
    "no data at": command("train-detector nowhere --out run"),
    "expected Annotations": command("train-detector photos --out run"),
    "no split": command("train-detector DATA --split tset --out run"),
    "unknown class": command("evaluate-detector DATA --weights other"),
    "no folder of classes": command("train-classifier DATA --out run"),
    "a pointer of Git LFS": command("detect pointer.jpg --weights own --out found"),
    "a web page": command("detect page.jpg --weights own --out found"),
    "Truncated File Read": command("detect short.jpg --weights own --out found"),
    "holds a run already": command(f"{TRAIN} --out begun"),
    "the run to be resumed has": command(f"{TRAIN} --out begun --resume --lr 0.5"),
    "is in use by": run_in_use,
    "weights: none are given": notice_of_a_run,
    "the loss is no longer finite": command(f"{TRAIN} --out diverged --lr 1e20"),
    "no detector at": command("detect photo.jpg --weights DATA --out found"),
    "no weights file at": command("train-detector DATA --weights none.pt --out run"),
    "is damaged": command("detect photo.jpg --weights damaged --out found"),
    "detectors: expected the same classes": command("detect photo.jpg --weights own --weights other --out found"),
    "expected a new file": command("propose photos --out photo.npz"),
    "is not available here": command("detect photo.jpg --weights own --out found --device nothing:7"),
}

SOURCE = {
    "is too old": "setup.py",
    "no C++ compiler": "setup.py",
    "is GCC": "setup.py",
    "building needs PyTorch": "setup.py",
    "without compiled operators": "spp_ops/_core/extension.py",
    "the compiled operators do not load": "spp_ops/_core/extension.py",
    "the CUDA kernels do not load": "spp_ops/_core/extension.py",
    "is needed for this": "spp_ops/cli/_main.py",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that the commands name."""
    folder = tmp_path_factory.mktemp("trouble")
    worlds.photos(folder)
    worlds.detection_data(folder)
    own = scene_detector(folder / "DATA").classes
    small_detector(0, classes=own).save(folder / "own")
    for name in ("other", "damaged"):
        small_detector(0).save(folder / name)
    (folder / "damaged" / "detector.safetensors").write_bytes(b"half")
    (folder / "pointer.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n")
    (folder / "page.jpg").write_text("<!DOCTYPE html><html></html>")
    (folder / "short.jpg").write_bytes((folder / "photo.jpg").read_bytes()[:300])
    (folder / "photo.npz").write_bytes(b"")
    here = Path.cwd()
    os.chdir(folder)
    try:
        result = CliRunner().invoke(main, shlex.split(f"{TRAIN} --out begun"))
    finally:
        os.chdir(here)
    assert result.exit_code == 0, result.output
    return folder


def only(message: str, table: dict[str, Any]) -> list[Any]:
    return [value for part, value in table.items() if part in message]


def test_each_message_is_held_to_something() -> None:
    assert {message: len(only(message, PROVOKED) + only(message, SOURCE)) for message in MESSAGES} == dict.fromkeys(
        MESSAGES, 1
    )
    assert len(MESSAGES) == len(PROVOKED) + len(SOURCE)


@pytest.mark.parametrize("message", [each for each in MESSAGES if only(each, PROVOKED)])
def test_the_message_is_given(message: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    said = only(message, PROVOKED)[0]()
    pattern = ".*".join(map(re.escape, message.split("...")))
    assert re.search(pattern, " ".join(said.split())), said


@pytest.mark.parametrize("message", [each for each in MESSAGES if only(each, SOURCE)])
def test_the_message_is_in_the_source(message: str) -> None:
    source = (ROOT / only(message, SOURCE)[0]).read_text(encoding="utf-8")
    lines = "".join(re.findall(r'f?"([^"\n]*)"', source))  # strings written in several parts are one
    fixed = re.sub(r"GCC 10: expected 12", "...: expected ...", message).split("...")
    pattern = r"[^\n]*?".join(map(re.escape, map(str, fixed)))
    assert re.search(pattern, lines), lines
