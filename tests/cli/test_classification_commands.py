"""The classification commands from the first image to the last table, and what they say to bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from shape_images import write_shape_folders

from spp_ops.cli import main

TRAIN = [
    *("--arch", "squeezenet1_0", "--levels", "2,1", "--hidden", "8", "--device", "cpu"),
    *("--sizes", "48,40", "--epochs", "2", "--batch-size", "8"),
]


def spp_ops(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return write_shape_folders(folder, images={"train": 8, "val": 3}, shapes=("cross", "disc"))


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    result = spp_ops("train-classifier", data, "--out", out, *TRAIN, "--stop-after", 1)
    assert result.exit_code == 0, result.output
    assert "1 of 2 epochs done" in result.output
    result = spp_ops("train-classifier", data, "--out", out, *TRAIN, "--resume")
    assert result.exit_code == 0, result.output
    assert "2 of 2 epochs done" in result.output
    return out


def test_training_leaves_all_of_the_run_in_its_folder(run: Path) -> None:
    assert (run / "checkpoint.pt").is_file()
    assert (run / "training.png").is_file()
    assert list(run.glob("events.out.tfevents.*"))


@pytest.mark.parametrize(("views", "source"), [("crop", "maps"), ("full", "maps"), ("10", "images"), ("96", "maps")])
def test_evaluation_prints_a_table_and_writes_json(
    data: Path, run: Path, tmp_path: Path, views: str, source: str
) -> None:
    path = tmp_path / "result.json"
    result = spp_ops(
        *("evaluate-classifier", data, "--weights", run, "--views", views, "--source", source),
        *("--json", path, "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    assert "paper" in result.output or views == "96"  # of 96 views without the full ones the paper has none
    figures = json.loads(path.read_text())
    assert figures["images"] == 6
    assert figures["views"]["name"] == views
    assert figures["views"]["window"] == 48
    wrong = figures["top1_error_percent"] * 6 / 100
    assert wrong == pytest.approx(round(wrong))


def test_classify_agrees_with_evaluation(data: Path, run: Path, tmp_path: Path) -> None:
    photos = sorted((data / "val").glob("*/*.png"))
    result = spp_ops("classify", *photos, "--weights", run, "--json", tmp_path / "s.json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "s.json").read_text())
    assert list(scores) == list(map(str, photos))
    assert all(sum(row.values()) == pytest.approx(1, abs=1e-5) for row in scores.values())
    wrong = sum(max(row, key=row.__getitem__) != Path(name).parent.name for name, row in scores.items())
    spp_ops("evaluate-classifier", data, "--weights", run, "--json", tmp_path / "e.json", "--device", "cpu")
    assert json.loads((tmp_path / "e.json").read_text())["top1_error_percent"] == pytest.approx(100 * wrong / 6)


def test_classify_goes_on_where_it_was_stopped(data: Path, run: Path, tmp_path: Path) -> None:
    photos = sorted((data / "val").glob("*/*.png"))
    given = ["classify", *photos, "--weights", run, "--json", tmp_path / "s.json", "--device", "cpu"]
    assert spp_ops(*given).exit_code == 0
    whole = (tmp_path / "s.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
    (tmp_path / "s.json").unlink()
    names = list(json.loads(whole)[str(photos[0])])
    header = [str(run), "full", None, None, names]
    rows = [[str(path), list(json.loads(whole)[str(path)].values())] for path in photos[:2]]
    marked = [[rows[0][0], [2.0, 3.0]], rows[1]]  # taken as they are
    (tmp_path / "s.json.part").write_text("".join(json.dumps(line) + "\n" for line in (header, *marked)))
    result = spp_ops(*given)
    assert result.exit_code == 0, result.output
    assert "going on with a run that was stopped: 2 images" in result.output
    scores = json.loads((tmp_path / "s.json").read_text())
    assert list(scores[str(photos[0])].values()) == [2.0, 3.0]
    assert {name: scores[name] for name in map(str, photos[1:])} == {
        name: row for name, row in json.loads(whole).items() if name != str(photos[0])
    }
    (tmp_path / "s.json").rename(tmp_path / "kept.json")
    (tmp_path / "s.json.part").write_text(json.dumps([*header[:1], "10", *header[2:]]) + "\n")
    refused = spp_ops(*given)
    assert refused.exit_code == 2
    assert "had other options" in refused.stderr


def test_transfer_from_a_run(data: Path, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    result = spp_ops(
        *("transfer", data, "--weights", run, "--layer", "level3", "--size", 48, "--json", path, "--device", "cpu"),
        *("--splits", 3, "--train-per-class", 6, "--test-per-class", 4),
    )
    assert result.exit_code == 0, result.output
    assert len(json.loads(path.read_text())["accuracies_percent"]) == 3


def test_bad_images_are_skipped_by_name_where_that_is_asked_for(data: Path, run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    (copy / "val" / "disc" / "bad.png").write_bytes(b"no image")
    refused = spp_ops("evaluate-classifier", copy, "--weights", run, "--device", "cpu")
    assert refused.exit_code == 2
    assert "1 of 7 images can't be used: cannot read image" in refused.stderr
    skipped = spp_ops("evaluate-classifier", copy, "--weights", run, "--device", "cpu", "--bad-images", "skip")
    assert skipped.exit_code == 0, skipped.output
    assert "bad.png" in skipped.output.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["train-classifier", "nowhere", "--out", "OUT"], "no folder of classes at nowhere"),
        (["train-classifier", "DATA", "--out", "RUN"], "holds a run already"),
        (["train-classifier", "DATA", "--out", "RUN", "--resume"], "arch: the run to be resumed has 'squeezenet1_0'"),
        (["train-classifier", "DATA", "--out", "OUT", "--arch", "lenet"], "arch: expected one of"),
        (["train-classifier", "DATA", "--out", "OUT", "--sizes", "big"], "expected sides like 224"),
        (["train-classifier", "DATA", "--out", "OUT", "--sizes", "4", *TRAIN[:4]], "sizes: expected at least"),
        (["train-classifier", "DATA", "--out", "OUT", "--levels", "6;3"], "expected whole numbers"),
        (["train-classifier", "DATA", "--out", "OUT", *TRAIN[:4], "--weights", "w.pt"], "no weights file at w.pt"),
        (["evaluate-classifier", "DATA", "--weights", "nowhere"], "no checkpoint of a classifier at nowhere"),
        (["evaluate-classifier", "DATA", "--weights", "RUN", "--split", "test"], "no folder of classes at"),
        (["classify", "nothing.jpg", "--weights", "RUN"], "no image file at nothing.jpg"),
        (["transfer", "DATA", "--weights", "RUN", "--layer", "fc9"], "layer: expected level1"),
        (["transfer", "DATA", "--weights", "RUN", "--c", "-1"], "c: expected a positive number, got -1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    data: Path, run: Path, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    places = {"DATA": data, "RUN": run, "OUT": tmp_path / "out"}
    result = spp_ops(*(places.get(argument, argument) for argument in arguments), "--device", "cpu")
    assert result.exit_code == 2, result.output
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
