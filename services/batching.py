"""Requests that arrive together are answered together, as many images at once as settings say.

    batches = Batches(model, limits)
    answers = await batches.ask(Asked(inputs={"image": image_bhw, "sigma": sigma_b}))

While one batch is being answered, by a single thread, those that arrive form the next, which waits up to `batch_ms` for
those that were just answered to ask again; a request that finds nobody at work is answered at once, and by the loop
itself where that is soon done: another thread is on another core, whose caches know nothing of it. A longer queue than
`queue_images` is refused with `BusyError`, which says when to ask again. A request that the model refuses is refused by
itself: the others of its batch are answered without it.

BentoML's own batching answers 503 or runs into its time-out where its queue is long (BentoML issues 3859, 4856).
"""

import asyncio
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from services.answering import ON_CPU, Answers, Asked
from services.limits import Limits

_LOOK_S = 0.0005
_SOON_S = 0.05
"""So long may one request keep the loop from hearing others."""
_FIRST_S = _SOON_S
"""What an image is thought to take before any was answered."""
_TURNS = 4
"""Of the loop, until a request that has come is read and waits."""
_NEWEST = 0.2
"""How much the newest batch counts in what an image takes."""


class BusyError(Exception):
    """Too many images wait already.

    Args:
        waiting: images.
        retry_after_s: seconds until they are likely to be answered.
    """

    def __init__(self, waiting: int, retry_after_s: float) -> None:
        super().__init__(f"{waiting} images wait to be answered: ask again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    asked: Asked
    answered: "asyncio.Future[Answers]"


class Batches:
    """A queue in front of a model.

    Args:
        answer: what answers requests of one kind, in their order; called by one thread at a time.
        limits: how many images are answered at once, and may wait.
        at_once: images, where the limits do not say.
        seen: is told of every batch: its images, and the seconds that it took.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], Sequence[Answers]],
        limits: Limits,
        *,
        at_once: int = ON_CPU,
        seen: Callable[[int, float], None] = lambda _images, _seconds: None,
    ) -> None:
        self._answer, self._limits, self._seen = answer, limits, seen
        self._at_once = limits.batch_images or at_once
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answer")
        self._running: asyncio.Task[None] | None = None
        self._seconds_an_image = _FIRST_S
        self._expected, self._ended = 0, time.monotonic()

    @property
    def images_waiting(self) -> int:
        """How many images wait."""
        return sum(one.asked.images for one in self._waiting)

    async def ask(self, asked: Asked) -> Answers:
        """The answers to one request.

        Raises:
            BusyError: when too many wait already.
            BadRequestError: when the model refuses it.
        """
        waiting = sum(one.asked.work for one in self._waiting)
        if waiting and waiting + asked.work > self._limits.queue_images:
            raise BusyError(self.images_waiting, max(1.0, waiting * self._seconds_an_image))
        loop = asyncio.get_running_loop()
        one = _Waiting(asked=asked, answered=loop.create_future())
        self._waiting.append(one)
        if self._running is None or self._running.done():
            self._running = loop.create_task(self._run())
        return await one.answered

    async def _run(self) -> None:
        """Answer until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            await self._company()
            self._waiting = deque(one for one in self._waiting if not one.answered.done())  # who asked may be gone
            if not self._waiting:
                break
            batch = self._next()
            asked = [one.asked for one in batch]
            images, work = sum(one.images for one in asked), sum(one.work for one in asked)
            alone = len(batch) == 1 and not self._waiting and work * self._seconds_an_image < _SOON_S
            began = time.monotonic()
            answers = self._answers(asked) if alone else await loop.run_in_executor(self._thread, self._answers, asked)
            taken = time.monotonic() - began
            self._seconds_an_image += _NEWEST * (taken / work - self._seconds_an_image)
            if alone:
                await self._hear()
            self._expected, self._ended = images + self.images_waiting, time.monotonic()
            for one, answer in zip(batch, answers, strict=True):
                if one.answered.done():  # who asked is gone
                    continue
                if isinstance(answer, Exception):
                    one.answered.set_exception(answer)
                else:
                    one.answered.set_result(answer)
            try:
                self._seen(images, taken)
            except Exception as error:  # noqa: BLE001  # what is counted must not keep anybody from an answer
                traceback.print_exception(error)

    async def _hear(self) -> None:
        """Let those be read that came while the loop was busy, so that they count among who is waited for."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _company(self) -> None:
        """Let those that were just answered ask again, so that one batch is made of all and not two of halves."""
        expected, until = min(self._expected, self._at_once), self._ended + self._limits.batch_ms / 1000
        while self.images_waiting < expected and time.monotonic() < until:
            await asyncio.sleep(_LOOK_S)

    def _next(self) -> list[_Waiting]:
        """The first that wait and are of one kind, as many as are a batch; one at least."""
        batch = [self._waiting.popleft()]
        work = batch[0].asked.work
        while self._waiting:
            asked = self._waiting[0].asked
            work += asked.work
            if work > self._at_once or asked.kind != batch[0].asked.kind:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _answers(self, asked: Sequence[Asked]) -> Sequence[Answers | Exception]:
        """What becomes of each request of a batch."""
        try:
            return self._answer(asked)
        except Exception as error:  # noqa: BLE001  # whoever asked gets it, and it is raised there
            return [error] if len(asked) == 1 else [self._answers([one])[0] for one in asked]
