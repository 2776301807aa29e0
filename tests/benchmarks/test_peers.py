from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from spp_ops import reference
from spp_ops.benchmarks.cases import CASES, Workload
from spp_ops.benchmarks.check import DisagreementError, check
from spp_ops.benchmarks.peers import OURS, PEERS, Pass, Run
from spp_ops.benchmarks.peers.ours import Ours
from tests.benchmarks.conftest import shrunk

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def _matches() -> Iterator[tuple[str, Pass, str, torch.dtype]]:
    """Every peer, in every pass it has, on every workload and type that it takes part in."""
    for case in CASES:
        for dtype in DTYPES:
            work = shrunk(CASES[case]).draw(dtype)
            for name, peer in PEERS.items():
                for timed in Pass:
                    if timed in peer.passes and peer.declines(work) is None:
                        yield case, timed, name, dtype


def _id(part: object) -> str:
    return part.value if isinstance(part, Pass) else str(part).removeprefix("torch.")


@pytest.mark.parametrize(("case", "timed", "name", "dtype"), list(_matches()), ids=_id)
def test_every_peer_agrees_with_ours(case: str, timed: Pass, name: str, dtype: torch.dtype) -> None:
    peer = PEERS[name]
    if peer.missing():
        pytest.skip(f"{name}: {peer.missing()}")
    check(peer, shrunk(CASES[case]).draw(dtype), timed, ours=OURS["ours"])


@pytest.mark.parametrize("case", CASES)
def test_ours_agrees_with_the_reference(case: str) -> None:
    work = shrunk(CASES[case]).draw()
    run = PEERS["ours"].run(work, Pass.FORWARD)
    expected = reference.roi_spatial_pyramid_pool(
        work.maps, work.rois, work.levels, work.spatial_scales, map_index=work.map_index
    )
    assert torch.equal(run.call(run.before()), expected)


class _Wrong(Ours):
    """Ours with one value changed."""

    name = "wrong"

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        right = super().run(work, timed)

        def call(prepared: None) -> list[Tensor]:
            (tensor,) = right.tensors(right.call(prepared))
            changed = tensor.clone()
            changed.view(-1)[7] += 1
            return [changed]

        return Run(call, before=right.before, tensors=list)


class _Lazy(Ours):
    """Leaves the output as it found it."""

    name = "lazy"

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        return Run(lambda _: work.output)


@pytest.mark.parametrize("timed", Pass, ids=lambda timed: timed.value)
def test_a_wrong_value_is_found(timed: Pass) -> None:
    with pytest.raises(DisagreementError, match="differ"):
        check(_Wrong(), shrunk(CASES["MAIN"]).draw(), timed, ours=OURS["ours"])


def test_doing_nothing_is_found() -> None:
    with pytest.raises(DisagreementError, match="differ"):
        check(_Lazy(), shrunk(CASES["MAIN"]).draw(), Pass.FORWARD, ours=OURS["ours"])


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PEERS["openvino"], "packages", ("no_such_package",))
    reason = PEERS["openvino"].missing()
    assert reason is not None
    assert reason.startswith("not installed: no_such_package (pip install")


def test_each_has_a_line_about_it() -> None:
    for peer in PEERS.values():
        assert peer.about
        assert "\n" not in peer.about
