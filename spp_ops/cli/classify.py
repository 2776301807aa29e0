"""`spp-ops classify`."""

from __future__ import annotations

from pathlib import Path

import click
import torch
from rich.table import Table

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.cli._classification import make_scorer, run_option, source_option, views_option, window_option
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress, yellow_lines
from spp_ops.cli._images import ImageOptions, image_options
from spp_ops.cli._options import device_option, examples, seed_option
from spp_ops.cli._outputs import output_options
from spp_ops.datasets.image import load_image
from spp_ops.datasets.labeled import Notice, readable
from spp_ops.datasets.summary import names_summary
from spp_ops.engine.files import write_json
from spp_ops.engine.lines import JsonLines
from spp_ops.engine.text import literal


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "classify photo.jpg --weights runs/zf5",
        "classify photos/*.jpg --weights runs/zf5 --views 96 --top 3 --json scores.json --bad-images skip",
    ),
)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@run_option
@views_option
@source_option
@window_option
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Classes shown an image.")
@output_options(json="Write the scores of all classes there.")
@image_options("reading")
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
    reading: ImageOptions,
    device: torch.device,
    seed: int,
) -> None:
    """Print the scores of images' classes.

    With --json, scores are kept as they come in FILE.part: a run that was stopped goes on where it was when the same
    command is given again. Nothing is random here: --seed is taken and changes nothing.
    """
    console = Output()
    checkpoint = Checkpoint.load(run)
    _, _, scorer = make_scorer(checkpoint, device, views_name, source, window)
    notice = yellow_lines(console)
    rows = readable(images, reading.on_bad, notice, strict=reading.strict)
    paths = [images[row] for row in rows]
    notice(names_summary([path.name for path in paths]))
    setting: list[object] = [str(run), views_name, source, window, list(checkpoint.classes)]
    part = None if json_path is None else _open_part(json_path, setting, notice)
    scores: dict[str, list[float]] = dict(part.rows if part is not None else [])
    todo = [path for path in paths if str(path) not in scores]
    with table_progress(console).work("classification", len(todo)) as work:
        for path in todo:
            row = scorer(torch.from_numpy(load_image(path)).permute(2, 0, 1)).mean(dim=0).tolist()
            scores[str(path)] = row
            if part is not None:
                part.add([str(path), row])
            work.advance()
    scores = {str(path): scores[str(path)] for path in paths}
    if json_path is not None and part is not None:
        write_json(json_path, {name: dict(zip(checkpoint.classes, row, strict=True)) for name, row in scores.items()})
        part.path.unlink()
        part.close()
    table = Table("image", "class")
    table.add_column("score", justify="right")
    for name, row in scores.items():
        best = sorted(range(len(row)), key=lambda label: -row[label])[:top]
        for place, label in enumerate(best):
            table.add_row(literal(name) if place == 0 else "", literal(checkpoint.classes[label]), f"{row[label]:.4f}")
    console.print(table)


def _open_part(json_path: Path, setting: list[object], notice: Notice) -> JsonLines:
    """The scores that a run before this one was stopped after, or none."""
    path = json_path.with_name(f"{json_path.name}.part")
    if not path.exists():
        return JsonLines.start(path, setting)
    part = JsonLines.read(path)
    if part.header != setting:
        raise ValueError(f"json: {path} is of a run that was stopped and had other options; remove it to begin anew")
    notice(f"going on with a run that was stopped: {len(part.rows)} images are in {path}")
    return part
