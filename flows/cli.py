"""The command line, which `assay/__main__.py` starts: a function in flows/commands/ each, its signature the options.

Exit status: 0 done; 1 refused or failed, with one line on stderr; 2 wrong usage. `--debug` anywhere shows tracebacks,
`--wide` tables as wide as they are.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import Annotated, Any

import typer

from components.core import AssayError, Workspace, read_source
from flows import console, faults
from flows.commands import (
    bound,
    cards,
    gates,
    lineage,
    new_problem,
    operate,
    pipeline,
    predicting,
    serving,
    stages,
    upkeep,
)

_INTERRUPTED = 130
"""What Typer makes of Ctrl-C."""
_WRONG = 2
_USAGE_ERROR: Any = typer.BadParameter.__base__
"""What Typer raises for wrong usage, and exports under no name of its own."""
_GO_ON = "interrupted: run the same command again to go on"

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="--debug with any command shows the traceback of an error, --wide tables as wide as they are.",
)
for command in (
    operate.init,
    new_problem.new_problem,
    pipeline.run,
    pipeline.simulate,
    pipeline.validate,
    bound.bound,
    pipeline.search,
    pipeline.train,
    pipeline.evaluate,
    pipeline.honesty,
    stages.models,
    gates.gates,
    cards.card,
    stages.promote,
    stages.rollback,
    stages.archive,
    stages.history,
    lineage.trace,
    lineage.checkout,
    upkeep.reconcile,
    upkeep.gc,
    serving.serve,
    predicting.predict,
    serving.verify,
    operate.retrain,
    operate.schedule,
    operate.ui,
):
    app.command()(command)


@app.callback(invoke_without_command=True)
def about(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Say which version and commit this is.")] = False,
) -> None:
    """A model registry and factory for galaxy-image networks, judged against the Cramér–Rao bound."""
    if version:
        console.out.print(_version())
        raise typer.Exit
    if context.invoked_subcommand is None:
        console.out.print(context.get_help(), markup=False)
        raise typer.Exit(_WRONG)


def main() -> None:
    """Run the command line and end the process with its status."""
    # Imports and long lists make 100,000s of objects that stay; searching them for garbage was a tenth of a command.
    gc.set_threshold(50_000)
    console.never_fail_for_an_encoding()
    debug = "--debug" in sys.argv
    if debug:
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "INFO"
    console.wide = "--wide" in sys.argv
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument not in ("--debug", "--wide")]
    with suppress(AssayError):  # a command that needs a workspace says itself that there is none
        Workspace.find().activate()  # libraries read their environment when they are imported
    with _noted_interrupts() as interrupts:
        try:
            status = app(prog_name="assay", standalone_mode=False)  # Typer draws a box around what is wrong
        except _USAGE_ERROR as error:
            console.fail(f"{' '.join(error.format_message().split())} (`{_helping(error)} --help`)")
            sys.exit(_WRONG)
        except Exception as error:
            if debug:
                raise
            console.fail(_GO_ON if interrupts else faults.one_line(error))
            sys.exit(_INTERRUPTED if interrupts else 1)
        if status == _INTERRUPTED:
            console.fail(_GO_ON)
        sys.exit(status)


def _version() -> str:
    said = f"assay {metadata.version('assay')}"
    with suppress(AssayError):  # nor is there a commit outside of a clone
        source = read_source(Workspace.find().root)
        said += f", commit {source.commit[:12]}" + (" and changes that it does not hold" if source.dirty else "")
    return said


def _helping(error: Any) -> str:
    """The command that was used wrongly."""
    return str(error.ctx.command_path) if error.ctx is not None else "assay"


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Ctrl-C as ever, and noted: what it raises within an import or a callback may come out as another error."""
    seen: list[int] = []

    def note(number: int, frame: Any) -> None:
        seen.append(number)
        signal.default_int_handler(number, frame)

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
