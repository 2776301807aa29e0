"""`spp-ops serve`."""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import suppress
from pathlib import Path

import click
import torch

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, yellow_lines
from spp_ops.cli._detection import proposals_option
from spp_ops.cli._detectors import Changes
from spp_ops.cli._options import Numbers, device_option, examples
from spp_ops.cli._runs import RunFolder
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import ProposalConfig

_WAITING_CONNECTIONS = 64


@click.command(
    cls=GroupedCommand,
    epilog=examples("serve", "serve --weights runs/raccoon --port 9000", "serve --host 0.0.0.0 --weights runs/raccoon"),
)
@click.option(
    "--weights",
    "run",
    type=RunFolder(),
    default="digits",
    show_default=True,
    metavar="RUN",
    help="A run's folder, or digits: the detector that comes with the package.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0: all of them.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port to listen at; 0: a free one."
)
@click.option("--scales", type=Numbers(), help="Shorter sides in pixels of the resized images.  [default: the run's]")
@proposals_option("the run's")
@click.option("--windows", type=click.IntRange(1), help="At most this many windows an image.  [default: the run's]")
@device_option
def command(
    *,
    run: Path,
    host: str,
    port: int,
    scales: tuple[int, ...] | None,
    proposals: ProposalConfig | None,
    windows: int | None,
    device: torch.device,
) -> None:
    """Show in a browser what a detector does with an image: windows, cells, bins, and the cells that win them.

    The page is served to this machine alone unless --host says otherwise. Images stay in memory, the last few of them,
    and nothing is written. Ctrl-C ends it.
    """
    from spp_ops.serve import make_app
    from spp_ops.serve.app import LOOPBACK

    console = Output()
    with _listen(host, port) as listening:
        detector = Changes(None, scales, proposals, windows).of(SPPDetector.load(run)).to(device)
        here = _is_loopback(host)
        if not here:
            yellow_lines(console)(
                f"host: everyone who can reach {host} can use this page and this machine's processors"
            )
        app = make_app(detector, name=run.name, hosts=LOOPBACK | {host} if here else None)
        shown = f"[{host}]" if ":" in host else host
        console.print(f"http://{shown}:{listening.getsockname()[1]}  (Ctrl-C ends it)")
        _run(app, listening)


def _run(app: object, listening: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application
        log_level="error",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        limit_concurrency=_WAITING_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    with suppress(KeyboardInterrupt):  # how it is meant to end
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections already: a port that is taken is told before a detector is read."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ValueError(f"host: expected an address of this machine, got {host!r} ({error.strerror})") from None
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise ValueError(f"port: {port} is in use; give another, or 0 for a free one") from None
        if error.errno == errno.EACCES:
            raise ValueError(f"port: {port} takes rights that this user has not; give one from 1024 on") from None
        raise ValueError(f"host: expected an address of this machine, got {host!r} ({error.strerror})") from None
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
