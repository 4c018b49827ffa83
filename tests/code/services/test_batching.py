"""The queue of a service: together where requests arrive together, each its own answer, and a stated end."""

import asyncio
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.answering import Answers, Asked
from services.batching import Batches, BusyError
from services.limits import Limits
from services.requests import BadRequestError

_AT_ONCE = 8


def asked(*values: float, samples: int = 0, name: str = "x") -> Asked:
    return Asked(inputs={name: np.array(values)}, samples=samples)


class Doubling:
    """A model that doubles, refuses what is negative, breaks at infinity, and is slow when it is told to."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, requests: Sequence[Asked]) -> list[Answers]:
        self.free.wait(10)
        (name,) = requests[0].inputs
        assert len({one.kind for one in requests}) == 1
        whole = np.concatenate([one.inputs[name] for one in requests])
        self.batches.append(len(whole))
        if (whole < 0).any():
            raise BadRequestError("x is negative")
        if np.isinf(whole).any():
            raise OSError("broken")
        return [
            Answers(outputs={"twice": 2 * one.inputs[name]}, doubts=[[]] * one.images, not_tested=[])
            for one in requests
        ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1), st.booleans()), min_size=1, max_size=20))
def test_every_request_gets_its_own_answer_whatever_else_arrives(requests: list[tuple[int, int, bool]]) -> None:
    model, limits = Doubling(), Limits(batch_images=_AT_ONCE)

    async def one(batches: Batches, number: int, images: int, samples: int, bad: bool) -> None:
        values = np.arange(images) + 100.0 * number + 1
        request = asked(*(-values if bad else values), samples=samples)
        if bad:
            with pytest.raises(BadRequestError, match="negative"):
                await batches.ask(request)
        else:
            assert np.array_equal((await batches.ask(request)).outputs["twice"], 2 * values)

    async def all_at_once() -> None:
        batches = Batches(model, limits)
        await asyncio.gather(*(one(batches, number, *request) for number, request in enumerate(requests)))

    asyncio.run(all_at_once())
    most = max(images for images, _, _ in requests)
    assert max(model.batches) <= max(_AT_ONCE, most)


@pytest.mark.parametrize("limits", [Limits(batch_images=6), Limits()])
def test_what_arrives_while_somebody_is_answered_is_the_next_batch(limits: Limits) -> None:
    """As large as limits say, or as the model's device takes where they do not."""
    model = Doubling()
    model.free.clear()

    async def arrive() -> None:
        batches = Batches(model, limits, at_once=8 if limits.batch_images else 6)
        first = asyncio.create_task(batches.ask(asked(1)))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(batches.ask(asked(number))) for number in range(10)]
        await asyncio.sleep(0.05)
        assert batches.images_waiting == 10
        model.free.set()
        await asyncio.gather(first, *others)

    asyncio.run(arrive())
    assert model.batches == [1, 6, 4]


def test_those_that_were_just_answered_are_waited_for_and_one_alone_never_waits() -> None:
    async def arrive(clients: int, model: Doubling, limits: Limits) -> None:
        batches = Batches(model, limits)

        async def client() -> None:
            for number in range(20):
                await batches.ask(asked(number))

        await asyncio.wait_for(asyncio.gather(*(client() for _ in range(clients))), timeout=15)

    together, halves, alone = Doubling(), Doubling(), Doubling()
    asyncio.run(arrive(4, together, Limits(batch_ms=1000)))
    assert together.batches == [4] * 20
    asyncio.run(arrive(4, halves, Limits(batch_ms=1000, batch_images=2)))
    assert halves.batches == [2] * 40
    asyncio.run(arrive(1, alone, Limits(batch_ms=1000)))  # which would take 20 seconds
    assert alone.batches == [1] * 20


@pytest.mark.parametrize(("takes_s", "by_the_loop"), [(0.001, True), (0.06, False)])
def test_one_alone_is_answered_by_the_loop_only_where_that_is_known_to_be_soon_done(
    takes_s: float, by_the_loop: bool
) -> None:
    threads = []

    def model(requests: Sequence[Asked]) -> list[Answers]:
        threads.append(threading.current_thread() is threading.main_thread())
        time.sleep(takes_s)
        return [Answers(outputs={}, doubts=[[]] * one.images, not_tested=[]) for one in requests]

    async def arrive() -> None:
        batches = Batches(model, Limits())
        for _ in range(12):
            await batches.ask(asked(1))
        await asyncio.gather(*(batches.ask(asked(1)) for _ in range(3)))

    asyncio.run(arrive())
    assert threads == [False, *[by_the_loop] * 11, False], "nor are several"


def test_two_that_take_turns_with_the_loop_are_soon_answered_together() -> None:
    """The second comes while the loop answers the first, so that nobody hears it before."""
    model = Doubling()

    async def arrive() -> None:
        batches, loop, second = Batches(model, Limits(batch_ms=1000)), asyncio.get_running_loop(), []

        async def client() -> None:
            for number in range(10):
                await batches.ask(asked(number))

        async def read() -> None:
            await asyncio.sleep(0)  # as what stands before `ask` has it
            second.append(loop.create_task(client()))

        def come() -> None:
            loop.call_soon_threadsafe(loop.create_task, read())
            model.free.set()

        await batches.ask(asked(0))  # from here on it is known to be quick
        model.free.clear()
        threading.Timer(0.05, come).start()
        await client()
        await second[0]

    asyncio.run(asyncio.wait_for(arrive(), timeout=15))
    assert model.batches == [1, 1, *[2] * 9, 1]


def test_who_comes_when_too_many_wait_is_told_when_to_come_back() -> None:
    model = Doubling()
    model.free.clear()

    async def arrive() -> None:
        batches = Batches(model, Limits(queue_images=3))
        first = asyncio.create_task(batches.ask(asked(0)))
        await asyncio.sleep(0.05)
        waiting = [first, *(asyncio.create_task(batches.ask(asked(number))) for number in range(3))]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError, match="3 images wait to be answered: ask again in 1 s") as refused:
            await batches.ask(asked(9))
        assert refused.value.retry_after_s >= 1
        model.free.set()
        await asyncio.gather(*waiting)
        assert (await batches.ask(asked(9))).outputs["twice"] == [18]

    asyncio.run(arrive())


def test_a_request_of_more_than_may_wait_is_answered_when_nobody_does() -> None:
    async def arrive() -> Answers:
        return await Batches(Doubling(), Limits(queue_images=2, batch_images=2)).ask(asked(*range(5)))

    assert asyncio.run(arrive()).outputs["twice"].tolist() == [0, 2, 4, 6, 8]


def test_who_leaves_takes_nothing_from_the_others_and_what_breaks_reaches_who_asked() -> None:
    model = Doubling()
    model.free.clear()

    async def arrive() -> None:
        batches = Batches(model, Limits())
        tasks = [asyncio.create_task(batches.ask(asked(number))) for number in range(4)]
        await asyncio.sleep(0.05)
        tasks[2].cancel()
        model.free.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers[2], asyncio.CancelledError)
        assert [one.outputs["twice"][0] for one in answers if isinstance(one, Answers)] == [0, 2, 6]
        found = await asyncio.gather(*(batches.ask(asked(value)) for value in (1, np.inf, 3)), return_exceptions=True)
        assert [one.outputs["twice"][0] for one in found if isinstance(one, Answers)] == [2, 6]
        assert isinstance(found[1], OSError)
        assert (await batches.ask(asked(1))).outputs["twice"] == [2]

    asyncio.run(arrive())


def test_what_cannot_be_counted_keeps_nobody_from_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    def full(images: int, seconds: float) -> None:
        raise OSError("no space left")

    async def arrive() -> list[Answers]:
        batches = Batches(Doubling(), Limits(), seen=full)
        return [await batches.ask(asked(number)) for number in range(2)]

    assert [answer.outputs["twice"][0] for answer in asyncio.run(arrive())] == [0, 2]
    assert "no space left" in capsys.readouterr().err


def test_whom_nobody_waits_for_is_not_answered_and_draws_count_as_images() -> None:
    model = Doubling()
    model.free.clear()

    async def arrive() -> None:
        batches = Batches(model, Limits(queue_images=20))
        first = asyncio.create_task(batches.ask(asked(0)))
        await asyncio.sleep(0.05)
        gone = [asyncio.create_task(batches.ask(asked(number))) for number in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):
            await batches.ask(asked(1, samples=4096))
        for task in gone:
            task.cancel()
        model.free.set()
        await first

    asyncio.run(arrive())
    assert model.batches == [1]
