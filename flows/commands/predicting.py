"""Command predict: images from files, with what stands beside each, to answers.

    assay predict galaxy-shape examples/*.fits --truth examples/truth.csv

A file that cannot be read or answered is named, and keeps no other from its answer.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.core import AssayError
from components.ledger import PRODUCTION
from flows import answers, console
from flows.asked_files import Catalogue, files_among, numbers, read_catalogue
from flows.asked_server import answering, wanted_by
from flows.commands.conditions import conditions_of
from flows.commands.options import AsJson, ProblemName, Stage
from flows.commands.serving import deployed_now
from flows.listed_answers import ask_about, each_of, plain
from flows.reading_ahead import ReadingAhead
from flows.reading_files import Given, ReadFile, Told, Wanted, given_by, lines, read_file

if TYPE_CHECKING:
    from components.core import Workspace
    from components.lifecycle import Deployed


def predict(
    problem: ProblemName,
    files: Annotated[
        list[Path], typer.Argument(help="FITS, .npy, PNG, TIFF or JPEG, of as many bands as the model takes.")
    ],
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="What stands beside every image, as NAME=NUMBER, or NAME=FILE where it is itself an image, a PSF say; "
            "once for each that the model asks for. The header of a FITS file may say its own, by NAME as a keyword. "
            "What the model can estimate from the image, such as its noise, may be left out, and the answer says so.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Table with a column `file` and one for each known output, shown beside the answers."),
    ] = None,
    stage: Stage = PRODUCTION,
    samples: Annotated[int, typer.Option(help="Joint draws from each posterior, for --json.", min=0)] = 0,
    url: Annotated[str | None, typer.Option(help="A server that runs already; otherwise one is started.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for maps of an answer: .npy each, and PNG of pictures in colour.")
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            help="Table with a column `file`: columns that are called after inputs stand beside the images, the others "
            "(RA, Dec, …) are kept in --out."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Table of all answers, .fits, .parquet or .csv, a row for each file; nothing else is shown."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all outputs, not only those that are to be quoted.")
    ] = False,
    plane: Annotated[
        str, typer.Option(help="Which plane of FITS files with several is the image: a name, NAME,NUMBER or a number.")
    ] = "",
    resample: Annotated[
        bool,
        typer.Option(
            "--resample",
            help="Bring images to the pixel scale that the model was trained on, where their headers say another; such "
            "answers are always doubted.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure images with the model of a stage.

    Directions among the answers are in the frame of the array: along a row, and to the next row in the order in which
    rows lie in the file: of FITS from the lowest, of PNG, TIFF and JPEG from the top, of .npy from row 0. Where a FITS
    header has a celestial WCS, --out adds those on the sky, east of north.
    """
    from components.fields import require_table_kind
    from components.problems import find_reading
    from flows.saved_maps import require_names, save_maps

    files = files_among(files)

    def read_known() -> Catalogue:
        return read_catalogue(catalogue, files) if catalogue is not None else Catalogue({}, {})

    if out is not None:
        for option, given_too in (("--json", as_json), ("--save", save), ("--truth", truth), ("--samples", samples)):
            if given_too:
                raise typer.BadParameter(f"--out {out} and {option}: a table has one or the other; leave one out")
        require_table_kind(out)
        given = conditions_of(conditions or (), lambda path: find_reading(problem).read_image(path))
        _to_table(problem, stage, url, files, out, given, read_known, plane=plane, resample=resample)
        return
    known = read_known()
    if samples and not as_json:
        raise typer.BadParameter(f"--samples {samples}: add --json, which shows them")
    if save is not None:
        require_names(save, files)
    reading = find_reading(problem)
    given = conditions_of(conditions or (), reading.read_image)
    truths = answers.read_truths(truth, files) if truth is not None else {}
    beside: dict[Path, dict[str, Any]] = {}

    def read_one(file: Path) -> ReadFile:
        read = read_file(file, reading, plane=plane)
        beside[file] = {**numbers(known, file, given), **given}
        return read

    read, refused = each_of(files, read_one)
    items: dict[Path, dict[str, Any]] = {}
    told: dict[Path, Told] = {}
    said: dict[str, Any] | None = None
    if read:
        with answering(_deployed(problem, stage, url), url) as (address, token):
            wanted = wanted_by(address, token, problem, given)
            all_given, without = each_of(
                list(read), lambda file: given_by(read[file], wanted, beside[file], resample=resample)
            )
            told = {file: one.told for file, one in all_given.items()}
            _tell(told, wanted)
            items = {file: plain(one.inputs) for file, one in all_given.items()}
            said, unanswered = ask_about(address, items, samples, token)
        refused |= without | unanswered
    answered = [file for file in items if file not in refused]
    for file, prediction in zip(answered, said["predictions"] if said else (), strict=True):
        prediction["doubts"] = [*told[file].doubts, *prediction["doubts"]]
        prediction["in_tested_range"] = not prediction["doubts"]
    for file in files:
        if file in refused:
            console.fail(refused[file])
    if said is not None:
        saved = save_maps(save, answered, said["predictions"]) if save is not None else []
        if as_json:
            named = [{"file": str(file), **one} for file, one in zip(answered, said["predictions"], strict=True)]
            console.print_json({**said, "predictions": named})
        else:
            for path in saved:
                console.err.print(f"saved {path}", markup=False)
            for file, prediction in zip(answered, said["predictions"], strict=True):
                stood = {name: value for name, value in items[file].items() if isinstance(value, float)}
                answers.show(
                    str(file),
                    prediction,
                    said,
                    given=stood,
                    truth=truths.get(file),
                    everything=everything,
                    kept=save is not None,
                )
            answers.show_source(said, everything=everything)
    if refused:
        raise typer.Exit(1)


def _to_table(
    problem: str,
    stage: str,
    url: str | None,
    files: Sequence[Path],
    out: Path,
    given: Mapping[str, Any],
    read_known: Callable[[], Catalogue],
    *,
    plane: str,
    resample: bool,
) -> None:
    """Answer files into a table, as many as there are; catalogue and files are read while a server starts."""
    from components.problems import find_reading
    from flows.answering_files import answer_files

    try:
        found = _deployed(problem, stage, url)
    except AssayError:
        read_known()  # a wrong catalogue is told before a stage that is empty
        raise
    # Only now, when what starts the server is imported: threads that import wait for each other.
    with ThreadPoolExecutor(1) as meanwhile:
        reading = meanwhile.submit(read_known)

        def read_ahead(file: Path) -> ReadFile:
            wait([reading])  # two threads that import parts of one library find each other's half done
            return read_file(file, find_reading(problem), plane=plane)

        try:
            with (
                ReadingAhead(files, read_ahead, size=lambda one: one.bytes) as ahead,
                answering(found, url) as (address, token),
            ):
                wanted, known = wanted_by(address, token, problem, given), reading.result()

                def read(file: Path) -> Given:
                    one = ahead.of(file)
                    return given_by(one, wanted, {**numbers(known, file, given), **given}, resample=resample)

                table = answer_files(address, files, read, shown=f"predict {problem}", token=token)
        except AssayError:
            reading.result()  # a wrong catalogue is told before a server that is away
            raise
    _tell(table.told, wanted)
    left_out = table.write(out, find_reading(problem), beside=known)
    model = f" by version {table.said.model['version']}" if table.said else ""
    console.out.print(
        f"{len(table.rows)} of {len(files)} images are answered{model}, {table.doubted} of them doubted: {out}",
        markup=False,
    )
    if left_out:
        console.err.print(
            f"{out} has no {', '.join(left_out)}, maps of each image: .fits and .parquet do", markup=False
        )
    for file, line in table.refused.items():
        console.fail(line if str(file) in line else f"{file}: {line}")
    if table.refused:
        raise typer.Exit(1)


def _deployed(problem: str, stage: str, url: str | None) -> "tuple[Workspace, Deployed] | None":
    """What is to be served by this command; nothing where a server runs already."""
    return None if url is not None else deployed_now(problem, stage)


def _tell(told: Mapping[Path, Told], wanted: Wanted) -> None:
    for line in lines(told, wanted):
        console.err.print(line, markup=False)
