"""Threads that compute side by side, each by itself."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch

T = TypeVar("T")
_SETTING = threading.Lock()
_END: Any = object()


def workers(count: int) -> ThreadPoolExecutor:
    """``count`` threads on which PyTorch shares no work: together they keep that many cores busy.

    PyTorch's own threads would wait for each other, spinning. Elsewhere in the process its settings are as
    they were when this returns: all threads have started by then.
    """
    pool = ThreadPoolExecutor(count, initializer=_compute_alone)
    together = threading.Barrier(count)
    for started in [pool.submit(together.wait) for _ in range(count)]:
        started.result()
    return pool


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, made on a thread of their own: while one is used, the next is on its way. The first is
    begun now."""
    thread = workers(1)
    return _taken(thread, thread.submit(next, items, _END), items)


def _taken(thread: ThreadPoolExecutor, following: Future[T], items: Iterator[T]) -> Iterator[T]:
    try:
        while (item := following.result()) is not _END:
            following = thread.submit(next, items, _END)
            yield item
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


def _compute_alone() -> None:
    """PyTorch has a number of threads for each thread that has called it, and one that a thread takes over
    when it first does. Setting it sets both; the second is put back."""
    torch.get_num_threads()  # the first call of this thread
    with _SETTING:
        usual = _in_a_new_thread(torch.get_num_threads)
        torch.set_num_threads(1)
        _in_a_new_thread(torch.set_num_threads, usual)


def _in_a_new_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()
