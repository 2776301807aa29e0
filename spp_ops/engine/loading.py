"""Data loaded ahead by other processes, whatever room these have to share memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)
Batch = TypeVar("Batch")


class Rows(Protocol[Item_co]):
    """Data known by row."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Item_co: ...


def load_batches(
    data: Rows[Item],
    batches: Sequence[Sequence[int]],
    collate: Callable[[list[Item]], Batch],
    *,
    workers: int = 0,
    pin_memory: bool = False,
) -> Iterator[Batch]:
    """Yield batches in their order.

    Tensors come from worker processes through shared memory (/dev/shm); where there is no room for a batch, it comes
    through a pipe, which is slower. torch by itself would wait for such a batch for ever.

    Args:
        data: gives the items.
        batches: the rows of each batch.
        collate: makes a batch of its items; lists, tuples and tensors in it travel well.
        workers: processes; 0: this one loads when it needs a batch.
        pin_memory: whether tensors go to memory that a GPU reads from faster.

    Raises:
        OSError: a process can't be started, or has died.
        Exception: what `data` raises, as it raised it.
    """
    loader: DataLoader[Any] = DataLoader(
        _Guarded(data),
        batch_sampler=[list(rows) for rows in batches],
        num_workers=workers,
        collate_fn=_Sender(collate),
        pin_memory=pin_memory,
    )
    try:
        for batch in loader:
            yield _received(batch)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise _lost(error, workers) from error
    except OSError as error:
        if workers == 0 or error.filename is not None or error.strerror is None:
            raise
        raise _lost(error, workers) from error


def load_each(data: Rows[Item], *, workers: int = 0) -> Iterator[Item]:
    """Yield all items in their order, loaded as `load_batches` loads."""
    return load_batches(data, [[row] for row in range(len(data))], _only, workers=workers)


def _only(items: list[Item]) -> Item:
    (item,) = items
    return item


class _Failure:
    """What went wrong in a worker, to be raised where the batch is wanted."""

    def __init__(self, error: Exception) -> None:
        try:
            pickle.loads(pickle.dumps(error))
            self.error = error
        except Exception:
            self.error = ValueError(str(error))


class _Guarded(Dataset[Any], Generic[Item]):
    """Data whose errors are items: torch would wrap a worker's traceback around their text."""

    def __init__(self, data: Rows[Item]) -> None:
        self._data = data

    def __getitem__(self, row: int) -> Item | _Failure:
        if get_worker_info() is None:
            return self._data[row]
        try:
            return self._data[row]
        except (ValueError, OSError) as error:
            return _Failure(error)


class _Sender(Generic[Item, Batch]):
    """Collates, and in a worker makes sure that the batch will reach the process that waits for it."""

    def __init__(self, collate: Callable[[list[Item]], Batch]) -> None:
        self._collate = collate

    def __call__(self, items: list[Item | _Failure]) -> Batch | _Failure | bytes:
        good: list[Item] = []
        for item in items:
            if isinstance(item, _Failure):
                return item
            good.append(item)
        batch = self._collate(good)
        if get_worker_info() is None:
            return batch
        try:
            for tensor in _tensors(batch):
                tensor.share_memory_()
        except RuntimeError:  # no room; in the thread that sends batches torch would only print it
            return pickle.dumps(batch)
        return batch


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, list | tuple):
        for part in batch:
            yield from _tensors(part)


def _received(batch: Any) -> Any:
    if isinstance(batch, _Failure):
        raise batch.error
    return pickle.loads(batch) if isinstance(batch, bytes) else batch


def _lost(error: Exception, workers: int) -> OSError:
    reason = str(error).splitlines()[0].strip().rstrip(".")
    return OSError(f"workers: {workers} processes that load ahead ended early: {reason}; try fewer, or 0")


def stacked(items: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    """Collate pairs of a tensor and a class: [N, ...] and int64 [N]."""
    inputs, labels = zip(*items, strict=True)
    return torch.stack(inputs), torch.tensor(labels)
