"""Detectors on the Hugging Face Hub, with a folder in the Hub's place."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from small_detectors import CLASSES, photo, small_detector, windows_of

from spp_ops.detection import SPPDetector
from spp_ops.detection.detectors.checkpoint import WEIGHTS_NAME
from spp_ops.engine.config import as_data

hub = pytest.importorskip("huggingface_hub")


def test_a_folder_there_and_back(tmp_path: Path) -> None:
    detector = small_detector()
    detector.save_pretrained(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {"README.md", "config.json", "detector.json", WEIGHTS_NAME}
    again = SPPDetector.from_pretrained(tmp_path)
    assert again.config == detector.config
    one, other = (each.detect(photo(), windows_of()) for each in (detector, again))
    assert len(one) > 0
    assert np.array_equal(one.boxes, other.boxes)
    assert np.array_equal(SPPDetector.load(tmp_path).detect(photo(), windows_of()).scores, one.scores)


def test_the_card_says_what_it_is_and_stays_where_there_is_one(tmp_path: Path) -> None:
    small_detector().save_pretrained(tmp_path, model_card_kwargs={"name": "me/pets", "more": "Trained on pets."})
    card = hub.ModelCard.load(tmp_path / "README.md")
    assert card.data.library_name == "spp_ops"
    assert card.data.pipeline_tag == "object-detection"
    assert {"spp-net", "model_hub_mixin"} <= set(card.data.tags)
    for text in ("# me/pets", "small5", ", ".join(CLASSES), 'from_pretrained("me/pets")', "Trained on pets.", "96, 64"):
        assert text in card.text
    (tmp_path / "README.md").write_text("mine")
    small_detector().save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_the_weights_say_what_they_are(tmp_path: Path) -> None:
    detector = small_detector()
    detector.save(tmp_path)
    with safe_open(tmp_path / WEIGHTS_NAME, "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "pt"
    assert json.loads(metadata["config"]) == json.loads(json.dumps(as_data(detector.config)))


def test_what_is_pushed_is_what_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in the place of the Hub: uploads are copied there, and downloads are it."""
    asked: list[dict[str, Any]] = []

    class Api:
        def __init__(self, token: object = None) -> None:
            self.token = token

        def create_repo(self, repo_id: str, **_: object) -> Any:
            return hub.RepoUrl(f"https://huggingface.co/{repo_id}")

        def upload_folder(self, *, folder_path: Path, repo_id: str, **settings: Any) -> str:
            asked.append({"token": self.token, "repo_id": repo_id, **settings})
            shutil.copytree(folder_path, tmp_path / repo_id)
            return "the commit"

    def snapshot(repo_id: str, **settings: Any) -> str:
        asked.append({"repo_id": repo_id, **settings})
        return str(tmp_path / repo_id)

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    monkeypatch.setattr(
        "huggingface_hub.hub_mixin.hf_hub_download", lambda repo_id, filename, **_: str(tmp_path / repo_id / filename)
    )
    monkeypatch.setattr("spp_ops.detection.detectors.hub_files.snapshot_download", snapshot)
    detector = small_detector()
    assert detector.push_to_hub("me/pets", token="T", commit_message="first") == "the commit"
    assert "# me/pets" in (tmp_path / "me/pets/README.md").read_text()
    again = SPPDetector.from_pretrained("me/pets", revision="v1", token="T")
    assert again.config == detector.config
    pushed, fetched = asked
    assert pushed["token"] == fetched["token"] == "T"
    assert (pushed["commit_message"], fetched["revision"]) == ("first", "v1")
    assert sorted(fetched["allow_patterns"]) == ["detector.json", WEIGHTS_NAME]


def test_a_folder_without_a_detector_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no detector at .*there is no .*detector\.json"):
        SPPDetector.from_pretrained(tmp_path)


def test_without_the_library_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "spp_ops.detection.detectors.hub_files", raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"the Hub needs huggingface_hub: pip install 'spp_ops\[hub\]'"):
        SPPDetector.from_pretrained(tmp_path)
