"""What PyTorch does not promise to keep, the package names in one file only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import spp_ops
from spp_ops._core import torch_internals

PACKAGE = Path(spp_ops.__file__).parent
NAMED_IN_ITS_NOTES = (
    "torch._check",  # documented by this name
    "torch.utils._pytree.",
    "torch.utils._python_dispatch.TorchDispatchMode",
)  # public but for the name
PRIVATE = re.compile(r"\b(torch|forward_ad)(\.\w+)*\._(?!_)\w+")


@pytest.mark.parametrize("name", torch_internals.PRIVATE_NAMES)
def test_this_torch_has(name: str) -> None:
    assert torch_internals.find(name) is not None


def test_a_name_that_is_gone_is_named() -> None:
    with pytest.raises(ImportError, match=r"^spp_ops: torch .* has no torch\.autograd\.function\._Gone, which"):
        torch_internals.find("torch.autograd.function._Gone")
    with pytest.raises(ImportError, match=r"has no torch\._gone\.name"):
        torch_internals.find("torch._gone.name")


def private_names(path: Path) -> Iterator[str]:
    """Private names of torch in a file's code; its texts do not count."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def test_no_other_file_uses_private_names() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "torch_internals.py"
        for name in private_names(path)
        if PRIVATE.match(name) and not name.startswith(NAMED_IN_ITS_NOTES)
    }
    assert found == set()
