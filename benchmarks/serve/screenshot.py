"""Takes the picture of `spp-ops serve` in the documentation: `python -m benchmarks.serve.screenshot`.

Needs a Chromium on the path and playwright.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import sync_playwright

from spp_ops.engine.files import atomic_write

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "serve.jpg"


@click.command()
@click.option("--address", default="http://127.0.0.1:8000", show_default=True, help="Of a running spp-ops serve.")
@click.option("--out", type=click.Path(path_type=Path), default=PICTURE, show_default=True)
@click.option("--size", nargs=2, type=int, default=(1280, 900), show_default=True, help="Of the browser's window.")
@click.option("--dark", is_flag=True, help="With dark colors.")
def main(address: str, out: Path, size: tuple[int, int], dark: bool) -> None:
    """Open the page with its sample, point at an object, and write the whole page as an image."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        page.goto(address)
        page.wait_for_selector("body[data-ready=yes][data-winners]")
        page.locator("#grids canvas").first.hover(position={"x": 55, "y": 55})
        page.wait_for_timeout(200)
        content = page.screenshot(full_page=True)
        browser.close()
    with atomic_write(out) as temporary:
        Image.open(io.BytesIO(content)).convert("RGB").save(temporary, quality=62, optimize=True)
    print(f"wrote {out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
