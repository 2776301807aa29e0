"""A page to play with: what SPP-net does with an image, window by window, cell by cell.

`make_app` gives an ASGI application for one detector; `spp-ops serve` runs it. The page (`static/`) draws what the
application tells it: every window, bin and winning cell comes from the library's own operators.
"""

from spp_ops.serve.app import make_app
from spp_ops.serve.limits import Limits

__all__ = ["Limits", "make_app"]
