"""A detector's folder: what is in it, that it comes back as it was, and what damage is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_detectors import CLASSES, photo, small_detector, windows_of
from torch import nn

from spp_ops import Projection
from spp_ops.datasets import PAPER_NORMALIZATION
from spp_ops.detection import DetectorConfig
from spp_ops.detection.detectors.network import RegionHead, RegionNet
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.models import SPPNet


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


def own_backbone() -> nn.Module:
    """Two convolutions, stride 8."""

    torch.manual_seed(7)
    return nn.Sequential(nn.Conv2d(3, 8, 5, stride=4, padding=2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())


def own_detector(**changes: object) -> SPPDetector:
    settings: dict[str, object] = {"classes": CLASSES, "levels": (2, 1), "hidden": (), "scales": (96,)}
    config = DetectorConfig(**{**settings, "score_threshold": 0.0, **changes})  # type: ignore[arg-type]
    net = SPPNet(own_backbone(), (2, 1), 1, hidden=(), normalization=PAPER_NORMALIZATION)
    torch.manual_seed(8)
    return SPPDetector(config, RegionNet(net, RegionHead(net.pooled_features, len(CLASSES), ())))


def test_a_backbone_of_your_own_is_refused_under_a_known_name_and_loaded_by_a_factory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"backbone: expected that of arch 'squeezenet1_0', .*changed\(arch="):
        own_detector().save(tmp_path)
    with pytest.raises(ValueError, match=r"normalization: expected the network's .*changed\(normalization="):
        own_detector(arch="mine").save(tmp_path)
    assert not any(tmp_path.iterdir())
    before = own_detector(arch="mine", normalization=PAPER_NORMALIZATION)
    before.save(tmp_path)
    with pytest.raises(ValueError, match=r"arch: expected one of .*, got 'mine'; .*load\(path, backbone=") as caught:
        SPPDetector.load(tmp_path)
    assert str(tmp_path) in str(caught.value)

    def other_weights() -> nn.Module:
        backbone = own_backbone()
        nn.init.zeros_(backbone[0].weight)  # type: ignore[index]
        return backbone

    after = SPPDetector.load(tmp_path, backbone=other_weights)
    assert after.config == before.config
    assert after.net.normalization == PAPER_NORMALIZATION
    one, other = before.detect(photo(), windows_of()), after.detect(photo(), windows_of())
    assert len(one) > 0
    assert one.boxes.tolist() == other.boxes.tolist()
    assert one.scores.tolist() == other.scores.tolist()


def test_a_known_backbone_with_another_stride_is_another_one(tmp_path: Path) -> None:
    detector = small_detector()
    convolution = detector.net.backbone.get_submodule("conv1")
    convolution.stride = (1, 1)  # type: ignore[assignment]
    with pytest.raises(ValueError, match="backbone: expected that of arch 'small5'"):
        detector.save(tmp_path)
    small_detector().save(tmp_path)
    with pytest.raises(ValueError, match="backbone: expected none, as arch 'small5' is a known one"):
        SPPDetector.load(tmp_path, backbone=own_backbone)


@pytest.mark.parametrize("rule", ["receptive_field", "floor_ceil", "rounded"])
def test_the_rule_from_windows_to_cells_is_part_of_the_record(tmp_path: Path, rule: str) -> None:
    detector = small_detector(projection=rule)
    detector.save(tmp_path)
    again = SPPDetector.load(tmp_path)
    assert again.config.projection == rule
    scale = 0.5, 0.25
    field = again.features.receptive_field
    rules = {
        "receptive_field": Projection.receptive_field(field, scale, 6.5),
        "floor_ceil": Projection.floor_ceil(8, scale),
        "rounded": Projection.rounded((0.5 / 8, 0.25 / 8)),
    }
    assert again.features.project(scale) == rules[rule]
    assert again.detect(photo(), windows_of()).scores.tolist() == detector.detect(photo(), windows_of()).scores.tolist()


def test_rules_differ_in_what_they_find() -> None:
    results = [
        small_detector(projection=rule).detect(photo(), windows_of()).scores.tolist()
        for rule in ("receptive_field", "floor_ceil", "rounded")
    ]
    assert results[0] != results[1] != results[2] != results[0]
    with pytest.raises(ValueError, match="projection: expected one of receptive_field, floor_ceil, rounded, got"):
        small_detector(projection="grid")


def test_records_of_before_the_rule_was_in_them(folder: Path) -> None:
    def forget(content: dict[str, dict[str, object]]) -> None:
        del content["config"]["projection"], content["config"]["normalization"]

    edit(forget)(folder)  # type: ignore[arg-type]
    assert SPPDetector.load(folder).config.projection == "receptive_field"
