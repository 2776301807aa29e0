"""`spp-ops classify`."""

from __future__ import annotations

from pathlib import Path

import click
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.cli._classification import make_scorer, run_option, source_option, views_option, window_option
from spp_ops.cli._options import device_option, examples, output_option, seed_option
from spp_ops.datasets.image import load_image
from spp_ops.datasets.labeled import readable
from spp_ops.engine.files import write_json


@click.command(
    epilog=examples(
        "classify photo.jpg --weights runs/zf5",
        "classify photos/*.jpg --weights runs/zf5 --views 96 --top 3 --json scores.json --bad-images skip",
    )
)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@run_option
@views_option
@source_option
@window_option
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Classes shown an image.")
@output_option("json", "Write the scores of all classes there.")
@click.option(
    "--bad-images",
    "on_bad",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="What to do about images that can't be read; they are named in any case.",
)
@device_option
@seed_option
def command(
    *,
    images: tuple[Path, ...],
    run: Path,
    views_name: str,
    source: str | None,
    window: int | None,
    top: int,
    json_path: Path | None,
    on_bad: str,
    device: torch.device,
    seed: int,
) -> None:
    """Print the scores of images' classes.

    Nothing is random here: --seed is taken and changes nothing.
    """
    console = Console()
    checkpoint = Checkpoint.load(run)
    _, _, scorer = make_scorer(checkpoint, device, views_name, source, window)

    def notice(line: str) -> None:
        console.print(line, style="yellow", highlight=False)

    rows = readable(images, on_bad, notice)  # type: ignore[arg-type]
    scores: dict[str, Tensor] = {}
    for path in track([images[row] for row in rows], "images", console=console, transient=True):
        scores[str(path)] = scorer(torch.from_numpy(load_image(path)).permute(2, 0, 1)).mean(dim=0).cpu()
    table = Table("image", "class")
    table.add_column("score", justify="right")
    for name, row in scores.items():
        best = row.topk(min(top, len(row)))
        for place, (score, label) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            table.add_row(name if place == 0 else "", checkpoint.classes[label], f"{score:.4f}")
    console.print(table)
    if json_path is not None:
        named = {name: dict(zip(checkpoint.classes, row.tolist(), strict=True)) for name, row in scores.items()}
        write_json(json_path, named)
