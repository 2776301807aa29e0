"""The application: routes, and who has to wait.

Images are worked on one at a time, as each uses all cores; a bounded number of requests waits for that. Questions about
windows, which take milliseconds, have threads of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spp_ops.datasets.image import Pixels, load_image
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.serve.explain import explain, map_image
from spp_ops.serve.guard import Guard
from spp_ops.serve.limits import Limits, Rate, Refusal
from spp_ops.serve.page import SAMPLE, page_files
from spp_ops.serve.questions import MOST_BINS, MOST_LEVELS, read_channel, read_map, read_question
from spp_ops.serve.study import RULES, Studies, Study
from spp_ops.serve.uploads import decode_upload, encode_picture, read_body

Result = TypeVar("Result")

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def make_app(
    detector: SPPDetector, *, name: str = "", limits: Limits | None = None, hosts: Collection[str] | None = LOOPBACK
) -> Starlette:
    """Return an ASGI application that shows a detector at work.

    Args:
        detector: on the device to be used; its windows must be found by a method, not read from a file.
        name: of the detector, for the page.
        limits: on what clients may ask for; None: the defaults.
        hosts: names that the server answers to, ports left out; None: any.

    Raises:
        ValueError: the detector's windows come from a file.
    """
    if detector.proposals.file is not None:
        raise ValueError("proposals: expected a method that finds windows in any image, got a file of boxes")
    service = _Service(detector, name, limits or Limits())
    routes = [
        *(Route(path, _file(*file)) for path, file in page_files().items()),
        Route("/api/about", service.about),
        Route("/api/images", service.add_image, methods=["POST"]),
        Route("/api/sample", service.add_sample, methods=["POST"]),
        Route("/api/images/{image}/picture", service.picture),
        Route("/api/images/{image}/window", service.window),
        Route("/api/images/{image}/maps/{number}", service.map),
        Route("/api/images/{image}/times", service.times),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={Refusal: _refused, HTTPException: _not_there, ClientDisconnect: _gone},
    )


class _Service:
    """What the routes have in common: the detector, the images in memory, the turns."""

    def __init__(self, detector: SPPDetector, name: str, limits: Limits) -> None:
        self._detector = detector
        self._name = name
        self._limits = limits
        self._studies = Studies(limits.kept)
        self._images = Rate(limits.images_a_minute, 60.0, "images")
        self._questions = Rate(limits.questions_a_second * 2, 2.0, "questions")
        self._turn = anyio.CapacityLimiter(1)
        self._threads = anyio.CapacityLimiter(2)
        self._busy = 0

    async def about(self, request: Request) -> Response:
        config = self._detector.config
        return JSONResponse(
            {
                "name": self._name,
                "arch": config.arch,
                "classes": config.classes,
                "levels": [n if isinstance(n, int) else n[0] for n in config.levels],
                "rule": config.projection,
                "rules": RULES,
                "threshold": 0.5 if config.score == "softmax" else 0.0,
                "probabilities": config.score == "softmax",
                "limits": {
                    "bytes": self._limits.bytes,
                    "pixels": self._limits.pixels,
                    "levels": MOST_LEVELS,
                    "bins": MOST_BINS,
                },
            }
        )

    async def add_image(self, request: Request) -> Response:
        self._images.take(_client(request))
        content = await read_body(request.stream(), request.headers.get("content-length"), self._limits)
        return await self._study(lambda: decode_upload(content, self._limits))

    async def add_sample(self, request: Request) -> Response:
        self._images.take(_client(request))
        return await self._study(lambda: load_image(SAMPLE))

    async def picture(self, request: Request) -> Response:
        study = self._asked(request)
        return Response(await self._quickly(lambda: encode_picture(study.pixels)), media_type="image/jpeg")

    async def window(self, request: Request) -> Response:
        study = self._asked(request)
        question = read_question(request.query_params, study)
        return JSONResponse(await self._quickly(lambda: explain(study, question)))

    async def map(self, request: Request) -> Response:
        study = self._asked(request)
        number = read_map(request.path_params["number"], study)
        channel = read_channel(request.query_params, study)
        return Response(await self._quickly(lambda: map_image(study, number, channel)), media_type="image/png")

    async def times(self, request: Request) -> Response:
        study = self._asked(request)
        return JSONResponse(asdict(await self._in_turn(study.times)))

    def _asked(self, request: Request) -> Study:
        self._questions.take(_client(request))
        return self._studies.get(request.path_params["image"])

    async def _study(self, pixels: Callable[[], Pixels]) -> Response:
        study = await self._in_turn(lambda: Study(self._detector, pixels()))
        return JSONResponse({"image": self._studies.add(study), **study.as_data()}, status_code=201)

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        """Do what uses all cores, alone."""
        if self._busy > self._limits.waiting:
            raise Refusal(503, "busy: too many images are waiting; try again soon", retry_after=5)
        self._busy += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._turn)
        finally:
            self._busy -= 1

    async def _quickly(self, work: Callable[[], Result]) -> Result:
        return await anyio.to_thread.run_sync(work, limiter=self._threads)


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _file(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return JSONResponse({"error": refusal.line}, status_code=refusal.status, headers=headers)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"request: {error.detail.lower()}"}, status_code=error.status_code)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it
