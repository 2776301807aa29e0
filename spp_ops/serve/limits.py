"""What the server takes, how often, and how much of it at a time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_CLIENTS = 1024  # whose rates are remembered at a time


@dataclass(frozen=True)
class Limits:
    """Bounds on what clients may ask for.

    Attributes:
        bytes: of an image's file.
        pixels: of an image.
        side: pixels of an image's longer side.
        body_seconds: for a request's body to arrive.
        images_a_minute: that a client may send.
        questions_a_second: about an image that a client may ask.
        kept: images in memory; a further one takes the place of the one unused for longest.
        waiting: requests that may wait for their turn; images are worked on one at a time.
    """

    bytes: int = 20_000_000
    pixels: int = 25_000_000
    side: int = 16_000
    body_seconds: float = 30.0
    images_a_minute: int = 20
    questions_a_second: int = 60
    kept: int = 6
    waiting: int = 16


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """A request that is not served: an HTTP status and one line for the user."""

    def __init__(self, status: int, line: str, *, retry_after: int | None = None) -> None:
        super().__init__(line)
        self.status = status
        self.line = line
        self.retry_after = retry_after


class Rate:
    """Lets each client do so much in a time, all of it at once if it likes (a token bucket a client).

    Args:
        count: that are free in `seconds`.
        seconds: as above.
        what: is counted, for the refusal.
        clock: seconds that never run backward.
    """

    def __init__(self, count: int, seconds: float, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._refill = count / seconds
        self._what = what
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and as of when

    def take(self, client: str) -> None:
        """Count one.

        Raises:
            Refusal: with status 429, where the client has none left.
        """
        now = self._clock()
        left, since = self._clients.pop(client, (float(self._count), now))
        left = min(left + (now - since) * self._refill, self._count)
        self._clients[client] = (left - 1 if left >= 1 else left, now)
        while len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        if left < 1:
            wait = max(1, round((1 - left) / self._refill))
            raise Refusal(429, f"too many {self._what}: try again in {wait} s", retry_after=wait)
