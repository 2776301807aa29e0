"""Detectors on the Hugging Face Hub: the two files of a detector's folder, a model card, and a line for the Hub."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download
from torch import nn

from spp_ops.detection.detectors.checkpoint import CONFIG_NAME, WEIGHTS_NAME

if TYPE_CHECKING:
    from spp_ops.detection.detectors.spp import SPPDetector

_CARD = """\
---
{{ card_data }}
---

# {{ name }}

An object detector of spp_ops (`pip install "spp_ops[hub]"`): {{ arch }}, spatial pyramid {{ levels }}, images of
{{ scales }} pixels (shorter side). It finds: {{ classes }}.

```python
from spp_ops.detection import SPPDetector

detector = SPPDetector.from_pretrained("{{ name }}")
found = detector.detect("photo.jpg")  # found.boxes, found.scores, found.class_names
```

Boxes are x1, y1, x2, y2 in 0-based pixels, last pixels included. Windows: {{ proposals }}. The method is that of
He et al., [Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition]({{ paper_url }}).
{{ more | default("", true) }}
"""


class HubDetector(
    ModelHubMixin,
    paper_url="https://arxiv.org/abs/1406.4729",
    model_card_template=_CARD,
    library_name="spp_ops",
    pipeline_tag="object-detection",
    tags=["spp-net"],
):
    """A detector as huggingface_hub's mixin saves, sends and fetches it.

    Args:
        detector: what is kept. On the Hub it is its own two files (`SPPDetector.save`), ``config.json``, by which the
            Hub counts downloads and which nothing reads, and ``README.md``, the model card.
    """

    def __init__(self, detector: SPPDetector) -> None:
        self.detector = detector
        config = detector.config
        self._hub_mixin_config = {"model_type": "spp-net", "arch": config.arch, "classes": list(config.classes)}

    def _save_pretrained(self, save_directory: Path) -> None:
        self.detector.save(save_directory)

    @classmethod
    def _from_pretrained(
        cls, *, model_id: str, backbone: Callable[[], nn.Module] | None = None, **where: Any
    ) -> HubDetector:
        from spp_ops.detection.detectors.spp import SPPDetector

        folder = model_id
        if not os.path.isdir(model_id):
            folder = snapshot_download(model_id, allow_patterns=[CONFIG_NAME, WEIGHTS_NAME], **where)
        return cls(SPPDetector.load(folder, backbone=backbone))

    def generate_model_card(self, *args: Any, name: str = "this detector", **kwargs: Any) -> ModelCard:
        """Write the card: what the record says.

        Args:
            args: as for the mixin.
            name: of the detector.
            kwargs: as for the mixin; "more" is text that is put at the card's end.
        """
        config = self.detector.config
        return super().generate_model_card(
            *args,
            name=name,
            arch=config.arch,
            levels=json.dumps(config.levels),
            scales=", ".join(map(str, config.scales)),
            classes=", ".join(config.classes),
            proposals=config.proposals.method,
            **kwargs,
        )
