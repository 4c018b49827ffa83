"""A retraining that fails while nobody watches: somebody is told of it, once, with the step that it failed in.

    with telling_failures(job):
        with noted("train"):
            …

The event is `{"event": "failed", "problem": …, "size": …, "step": …, "reason": …}`, the reason in one line.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from components.core import AssayError
from components.lifecycle import notify
from flows.faults import one_line
from flows.job import Job

PROMOTION = "promotion"
"""The step around those of a promotion, which tells of its own refusals."""
_NOTE = "in step "


@contextmanager
def noted(step: str) -> Iterator[None]:
    """Have errors say which step they came from, in a note that tracebacks show, too."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{_NOTE}{step}")
        raise


def steps_of(error: BaseException) -> tuple[str, ...]:
    """The steps that an error came from, the innermost first; none where it came from outside of all."""
    notes = getattr(error, "__notes__", ())
    return tuple(note.removeprefix(_NOTE) for note in notes if note.startswith(_NOTE))


@contextmanager
def telling_failures(job: Job) -> Iterator[None]:
    """Notify of an error that ends the block, and let it go on.

    Not of what a promotion refuses: it tells of that itself, the first time; and that somebody's word stands against a
    version, who archived it or rolled it back, is no news.
    """
    try:
        yield
    except Exception as error:
        steps = steps_of(error)
        if not (isinstance(error, AssayError) and PROMOTION in steps):
            step = {"step": steps[0]} if steps else {}
            facts = {"problem": job.problem_name, "size": job.size, **step, "reason": one_line(error)}
            notify(job.workspace, job.settings.notify, {"event": "failed", **facts})
        raise
