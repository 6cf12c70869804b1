import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from emogene.workers import ahead, workers


@pytest.fixture(params=[1, 3])
def usual(request):
    """A number of threads, for the caller and for every new thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def in_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def test_each_computes_alone_and_nobody_else_has_to(usual):
    with workers(4) as pool:
        barrier = threading.Barrier(4)  # so that each of the four does one
        asked = [pool.submit(lambda: (barrier.wait(), torch.get_num_threads())[1]) for _ in range(4)]
        assert [one.result() for one in asked] == [1, 1, 1, 1]
        assert (torch.get_num_threads(), in_a_new_thread()) == (usual, usual)
    assert (torch.get_num_threads(), in_a_new_thread()) == (usual, usual)


def test_nothing_changes_once_they_are_there(usual):
    """A thread that starts beside them must not catch the process while its setting is another."""
    before = threading.active_count()
    with workers(16):
        assert threading.active_count() == before + 16
        seen = [in_a_new_thread() for _ in range(20)]
    assert set(seen) == {usual}


def test_a_thread_with_a_number_of_its_own_keeps_it(usual):
    """Which it got before the number for new threads was set."""

    def with_its_own() -> tuple[int, int]:
        torch.get_num_threads()  # a thread's first call takes over the number for new ones
        torch.set_num_threads(2)
        changed.set()
        restored.wait(60)
        with workers(1) as pool:
            return pool.submit(torch.get_num_threads).result(), torch.get_num_threads()

    changed, restored = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(with_its_own)
        changed.wait(60)
        torch.set_num_threads(usual)
        restored.set()
        assert told.result() == (1, 2)
    assert (torch.get_num_threads(), in_a_new_thread()) == (usual, usual)


def test_the_next_item_is_made_while_one_is_used():
    begun = [threading.Event() for _ in range(3)]

    def items():
        for number, event in enumerate(begun):
            event.set()
            yield number, torch.get_num_threads()

    coming = ahead(items())
    assert begun[0].wait(60), "the first is begun before it is asked for"
    assert next(coming) == (0, 1), "computed alone"
    assert begun[1].wait(60)
    assert list(coming) == [(1, 1), (2, 1)]


def test_what_goes_wrong_ahead_is_told_in_its_place():
    def items():
        yield 1
        raise ValueError("no more")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="no more"):
        next(coming)


def test_nothing_is_made_for_nobody():
    made: list[int] = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    coming = ahead(items())
    assert next(coming) == 0
    coming.close()  # type: ignore[attr-defined]
    assert len(made) <= 2
