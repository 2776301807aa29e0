"""A detector's way to the Hugging Face Hub and back; huggingface_hub is imported when it is gone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from spp_ops.detection.detectors.hub_files import HubDetector
    from spp_ops.detection.detectors.spp import SPPDetector


class OnTheHub:
    """``from_pretrained``, ``save_pretrained``, ``push_to_hub`` as of huggingface_hub's mixin, which they need."""

    @classmethod
    def from_pretrained(
        cls, name: str | os.PathLike[str], *, backbone: Callable[[], nn.Module] | None = None, **where: Any
    ) -> SPPDetector:
        """Read a detector from the Hub, or from a folder, onto the CPU.

        Args:
            name: "owner/name" of a repository, or a folder.
            backbone: as for `load`.
            where: ``revision``, ``cache_dir``, ``token``, ``force_download``, ``local_files_only`` of huggingface_hub.

        Raises:
            FileNotFoundError, ValueError: as `load`.
            huggingface_hub.errors.HfHubHTTPError: there is no such repository, or it can't be reached.
        """
        return _files().from_pretrained(str(name), backbone=backbone, **where).detector

    def save_pretrained(self, folder: str | os.PathLike[str], **settings: Any) -> None:
        """Write the folder that `push_to_hub` sends: the detector's files, ``config.json`` and a model card.

        Args:
            folder: made if need be; a README.md that is there stays.
            settings: as of the mixin; ``model_card_kwargs={"more": TEXT}`` adds text to the card.
        """
        _files()(self).save_pretrained(folder, **settings)  # type: ignore[arg-type]

    def push_to_hub(self, name: str, **settings: Any) -> str:
        """Send the detector to the Hub; returns the commit's address.

        Args:
            name: "owner/name" of the repository, made if need be.
            settings: ``private``, ``token``, ``commit_message``, ``branch``, ... of the mixin.
        """
        card = {"name": name, **settings.pop("model_card_kwargs", {})}
        return _files()(self).push_to_hub(name, model_card_kwargs=card, **settings)  # type: ignore[arg-type]


def _files() -> type[HubDetector]:
    try:
        from spp_ops.detection.detectors.hub_files import HubDetector
    except ImportError as error:
        raise ImportError("the Hub needs huggingface_hub: pip install 'spp_ops[hub]'") from error
    return HubDetector
