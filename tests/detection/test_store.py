"""A detector's folder: what is in it, that it comes back as it was, and what damage is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_detectors import CLASSES, photo, small_detector, windows_of

from spp_ops.detection.detectors.spp import SPPDetector


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_detector().save(tmp_path / "run")
    return tmp_path / "run"


def test_a_detector_comes_back_to_the_bit(folder: Path) -> None:
    before, after = small_detector(), SPPDetector.load(folder)
    assert after.config == before.config
    assert not after.net.training
    one, other = before.detect(photo(), windows_of()), after.detect(photo(), windows_of())
    assert one.boxes.tolist() == other.boxes.tolist()
    assert one.scores.tolist() == other.scores.tolist()
    assert len(one) > 0


def test_the_folder_holds_two_files_that_need_no_code_of_ours(folder: Path) -> None:
    assert sorted(file.name for file in folder.iterdir()) == ["detector.json", "detector.safetensors"]
    content = json.loads((folder / "detector.json").read_text())
    assert content["format"] == 1
    assert content["config"]["classes"] == list(CLASSES)
    assert content["config"]["proposals"]["method"] == "selective-search-fast"
    tensors = load_file(folder / "detector.safetensors")
    assert tensors["head.score.weight"].shape == (4, 8)
    assert tensors["backbone.conv1.weight"].dtype == torch.float32


@pytest.mark.parametrize("name", ["detector.json", "detector.safetensors", ""])
def test_either_file_stands_for_the_folder(folder: Path, name: str) -> None:
    assert SPPDetector.load(folder / name).classes == CLASSES


def test_half_the_space(folder: Path) -> None:
    small_detector().save(folder.parent / "half", half=True)
    sizes = [(each / "detector.safetensors").stat().st_size for each in (folder, folder.parent / "half")]
    assert sizes[1] < 0.6 * sizes[0]
    before, after = small_detector(), SPPDetector.load(folder.parent / "half")
    assert {tensor.dtype for tensor in after.net.state_dict().values()} == {torch.float32}
    assert torch.equal(before.net.head.row_scale, after.net.head.row_scale)
    one, other = before.detect(photo(), windows_of()), after.detect(photo(), windows_of())
    assert one.scores[:3].tolist() == pytest.approx(other.scores[:3].tolist(), abs=1e-2)


def test_networks_of_torchvision_and_batch_normalization(tmp_path: Path) -> None:
    small_detector(arch="resnet18").save(tmp_path, half=True)
    again = SPPDetector.load(tmp_path)
    assert again.net.backbone.bn1.num_batches_tracked.dtype == torch.int64


def cut(folder: Path) -> None:
    file = folder / "detector.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def flip(folder: Path) -> None:
    file = folder / "detector.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def other_weights(folder: Path) -> None:
    small_detector(1).save(folder.parent / "other")
    (folder.parent / "other" / "detector.safetensors").replace(folder / "detector.safetensors")


def edit(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        file = folder / "detector.json"
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return apply


def rewrite(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    """Change tensors, with a hash that fits."""
    import hashlib

    def apply(folder: Path) -> None:
        file = folder / "detector.safetensors"
        tensors = load_file(file)
        change(tensors)
        save_file(tensors, file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        edit(lambda content: content.update(weights_sha256=digest))(folder)

    return apply


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (cut, r"detector\.safetensors is damaged, or not the file"),
        (flip, r"detector\.safetensors is damaged, or not the file"),
        (other_weights, r"detector\.safetensors is damaged, or not the file"),
        (lambda folder: (folder / "detector.json").write_text("{"), r"detector\.json is not a detector's: Expecting"),
        (lambda folder: (folder / "detector.json").write_text("[]"), r"detector\.json is not a detector's"),
        (lambda folder: (folder / "detector.json").write_bytes(b"\xff\xfe"), r"detector\.json is not a detector's"),
        (edit(lambda content: content.pop("config")), r"detector\.json is not a detector's: no field 'config'"),
        (edit(lambda content: content.update(format=9)), "format 9, expected 1"),
        (edit(lambda content: content.update(config=[])), r"detector\.json is not a detector's"),
        (edit(lambda content: content["config"].update(hue=1)), "hue: a detector has no such field"),
        (edit(lambda content: content["config"].update(arch="lenet")), "arch: expected one of"),
        (edit(lambda content: content["config"].update(levels=[0])), r"detector\.json is not a detector's: levels"),
        (
            edit(lambda content: content["config"].update(hidden=[9])),
            r"head\.trunk\.fc6\.weight is \[8, 640\], expected \[9, 640\]",
        ),
        (edit(lambda content: content["config"].update(box_input=None)), r"unexpected tensor head\.box\.bias"),
        (rewrite(lambda tensors: tensors.pop("head.score.bias")), r"no tensor head\.score\.bias"),
        (rewrite(lambda tensors: tensors["head.score.bias"].fill_(float("nan"))), r"head\.score\.bias holds a NaN"),
    ],
)
def test_damage_is_one_line_that_names_the_file(folder: Path, damage: Callable[[Path], None], complaint: str) -> None:
    damage(folder)
    with pytest.raises(ValueError, match=complaint) as caught:
        SPPDetector.load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no detector at .*nowhere: there is no .*detector\.json"):
        SPPDetector.load(folder / "nowhere")
    (folder / "detector.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no .*detector\.safetensors"):
        SPPDetector.load(folder)
