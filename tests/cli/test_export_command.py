"""`spp-ops export`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.config import NetworkConfig, TrainingConfig
from spp_ops.cli import main
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.export import load_graph


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a detector and a classifier, neither of them trained."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    config = DetectorConfig(classes=("cat", "dog"), arch="small5", levels=(2, 1), hidden=(8,), scales=(64,))
    SPPDetector(config, config.build()).save(folder / "detector")
    network = NetworkConfig("small5", (2, 1), (8,))
    state = network.build(3).state_dict()
    (folder / "classifier").mkdir()
    checkpoint = Checkpoint(network, TrainingConfig(sizes=(64,)), ("a", "b", "c"), state, None, {}, [])
    checkpoint.save(folder / "classifier" / "checkpoint.pt")
    return folder


@pytest.mark.parametrize(("kind", "inputs"), [("detector", ("image", "windows")), ("classifier", ("image",))])
def test_a_run_becomes_a_file_that_is_not_replaced(
    kind: str, inputs: tuple[str, ...], runs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "new" / "net.pt2"
    done = run(runs / kind, "--format", "pt2", "--out", file)
    assert done.exit_code == 0, done.output
    assert f"{kind} written to" in done.output
    interface = load_graph(file).interface
    assert (interface.kind, interface.inputs) == (kind, inputs)
    before = file.read_bytes()
    again = run(runs / kind, "--format", "pt2", "--out", file)
    assert again.exit_code == 2
    assert "expected a new file or --overwrite" in again.stderr
    assert file.read_bytes() == before


def test_weights_beside_the_structure_are_not_replaced_either(runs: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "net.bin").write_text("precious")
    done = run(runs / "detector", "--format", "openvino", "--out", tmp_path / "net.xml")
    assert done.exit_code == 2
    assert f"but {tmp_path / 'net.bin'} is there already" in done.stderr
    assert (tmp_path / "net.bin").read_text() == "precious"


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("detector", ["--format", "onnx", "--out", "net.pt2"], "out: expected a name that ends in .onnx for onnx"),
        ("detector", ["--format", "pt2"], "out: expected the name of a file"),
        ("detector", ["--format", "tflite", "--out", "n"], "'tflite' is not one of"),
        ("detector", ["--out", "net.pt2"], "Missing option '--format'"),
        ("detector", ["--format", "pt2", "--out", "n.pt2", "--window", "64"], "window: expected none, as detectors"),
        (
            "classifier",
            ["--format", "pt2", "--out", "n.pt2", "--scales", "64"],
            "scales: expected none, as classifiers",
        ),
        ("classifier", ["--format", "pt2", "--out", f"{__file__}/n.pt2"], "out: cannot write to"),
        ("nothing", ["--format", "pt2", "--out", "n.pt2"], "run: expected the folder of a detector or a classifier"),
    ],
)
def test_bad_input_is_one_line(kind: str, arguments: list[str], message: str, runs: Path) -> None:
    done = run(runs / kind, *arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("n.pt2").exists()


@pytest.mark.parametrize(
    ("format_", "name", "package"), [("onnx", "n.onnx", "onnxscript"), ("openvino", "n.xml", "openvino")]
)
def test_the_extra_is_named_where_it_is_missing(
    format_: str, name: str, package: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    done = run(runs / "detector", "--format", format_, "--out", name)
    assert done.exit_code == 2
    assert f'{package} is needed for format {format_}: pip install "spp_ops[{format_}]"' in done.stderr
    assert done.stderr.count("\n") == 1
