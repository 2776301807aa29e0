"""The site's addresses, from the one place that has them: `[project.urls]` of pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

_ROOT = Path(__file__).parents[2]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Say where the site and the sources are."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    config.site_url = f"{project['urls']['Documentation'].rstrip('/')}/"
    config.repo_url = project["urls"]["Source"]
    config.repo_name = "Sources"
    return config
