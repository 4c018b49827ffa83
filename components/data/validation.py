"""The one module that meets Great Expectations: may a dataset be versioned and trained on?

    validation = validate(workspace, problem, dataset, settings.simulate)
    require_valid(validation)      # RefusedError, in one line, unless everything held

Great Expectations knows tables only, so it is given those of `statistics.py`: the suite `<problem>.images` has a row an
image, `<problem>.dataset` one row in all, and a problem may add others (`Problem.checks`). `expectations.py` says what
must hold, anew at every call; results and reports (`report.py`) are kept in the folder ``gx`` of the workspace's home.
"""

import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from components.core import DataSettings, RefusedError, Workspace
from components.data.expectations import expectations
from components.data.report import Finding, described, write_report
from components.data.statistics import dataset_statistics, image_statistics
from components.fields import DATASET, IMAGES, Dataset, Problem

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What came out of the suites."""

    passed: bool
    failures: tuple[Finding, ...]
    """The most telling first."""
    docs: Path
    """The page that shows every expectation (`report.py`)."""
    checked: int
    """Expectations evaluated."""


def validate(workspace: Workspace, problem: Problem, dataset: Dataset, settings: DataSettings) -> Validation:
    """Hold a dataset against everything its problem promises, and write the report.

    Args:
        workspace: whose ``home`` holds the context of Great Expectations.
        problem: says which columns there are and what their priors allow.
        dataset: what is examined; a damaged one gives failures, not exceptions.
        settings: the `simulate` section that the dataset was asked for with.

    Raises:
        AssayError: when ``home`` cannot be written.
    """
    images = image_statistics(dataset, [field.name for field in problem.stored(settings)])
    checks = problem.checks(dataset, settings)
    found = {
        DATASET: dataset_statistics(dataset, images).assign(**checks.dataset),
        IMAGES: images.assign(**checks.images),
        **checks.tables,
    }
    tables = {f"{problem.name}.{name}": table for name, table in found.items()}
    count = sum(problem.counts(settings).values())
    workspace.prepare()
    workspace.activate()  # read when the library is imported
    expected = [
        (f"{problem.name}.{table}", expectation)
        for table, expectation in expectations(count, list(dataset.shards), checks.expectations)
    ]
    with _context(workspace.home) as context:
        findings = _run(context, problem.name, dataset.digest, tables, expected)
        docs = write_report(workspace.home, problem=problem.name, dataset=dataset, tables=tables, findings=findings)
    failures = tuple(finding for finding in findings if not finding.held)
    return Validation(passed=not failures, failures=failures, docs=docs, checked=len(expected))


def require_valid(validation: Validation) -> None:
    """Go on only with a dataset that passed.

    Raises:
        RefusedError: with the first expectation that failed, what was observed, and the page that shows all of them.
    """
    if validation.passed:
        return
    first, *others = validation.failures
    more = f" (and {len(others)} more)" if others else ""
    raise RefusedError(
        f"{first.suite}: {first.column}: expected {first.expected}, observed {first.observed}{more}: "
        f"open {validation.docs}"
    )


def _run(
    context: Any, problem: str, key: str, tables: "Mapping[str, pd.DataFrame]", expected: list[tuple[str, Any]]
) -> list[Finding]:
    """Put everything into the context, under the names it had before, and run it; the findings are in that order."""
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    source = context.data_sources.add_or_update_pandas(problem)
    run = RunIdentifier(run_name=key[:12], run_time=datetime.now(UTC))
    findings: list[Finding] = []
    for name, table in tables.items():
        asked = [expectation for suite_name, expectation in expected if suite_name == name]
        suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=asked))
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        result = context.validation_definitions.add_or_update(definition).run(
            batch_parameters={"dataframe": table},
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": 5},
            run_id=run,
        )
        findings += [_finding(name, table, one) for one in result.results]
    place = {(name, _column(one.configuration.kwargs), one.description): i for i, (name, one) in enumerate(expected)}
    return sorted(findings, key=lambda finding: place[finding.suite, finding.column, finding.expected])


@contextmanager
def _context(home: Path) -> Iterator[Any]:
    """The file context, for one process at a time, quiet, and whole even after a process was killed in here."""
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    unfinished = home / "gx.unfinished"
    with FileLock(home / "gx.lock"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if unfinished.exists():  # its files are not written atomically; all but the results can be made anew
            for path in ("great_expectations.yml", "uncommitted/config_variables.yml"):
                (home / "gx" / path).unlink(missing_ok=True)
            for path in ("expectations", "validation_definitions"):
                shutil.rmtree(home / "gx" / path, ignore_errors=True)
        unfinished.touch()
        context = gx.get_context(mode="file", project_root_dir=home)
        context.variables.progress_bars = {"globally": False}
        yield context
        unfinished.unlink()


def _column(kwargs: Mapping[str, Any]) -> str:
    return str(kwargs.get("column") or kwargs.get("column_A") or "table")


def _finding(suite: str, table: "pd.DataFrame", result: Any) -> Finding:
    config = result.expectation_config
    return Finding(
        suite=suite,
        column=_column(config.kwargs),
        expected=config.description,
        observed=_met(table, config, result.result)
        if result.success
        else _observed(result.result, result.exception_info),
        held=bool(result.success),
    )


def _met(table: "pd.DataFrame", config: Any, found: Mapping[str, Any]) -> str:
    """What was found where all is as expected: the values themselves."""
    if config.type == "expect_column_values_to_not_be_null":
        return f"in all {len(table):,} rows" if len(table) > 1 else described(table[config.kwargs["column"]])
    if "observed_value" in found:
        return (
            f"{found['observed_value']:.4g}"
            if isinstance(found["observed_value"], float)
            else str(found["observed_value"])
        )
    columns = [config.kwargs[key] for key in ("column", "column_A", "column_B") if key in config.kwargs]
    return " and ".join(described(table[column]) for column in columns)


def _observed(found: Mapping[str, Any], exceptions: Mapping[str, Any]) -> str:
    if "unexpected_count" in found:
        value = found["partial_unexpected_list"][0]
        said = " and ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
        if found["element_count"] == 1:
            return said
        row = found["partial_unexpected_index_list"][0]
        return f"{said} in {found['unexpected_count']} of {found['element_count']} rows, first in row {row}"
    if "observed_value" in found:
        return str(found["observed_value"])
    # Nothing could be measured, as when the column is not there; exceptions are filed by the metric that raised them.
    messages = [one["exception_message"] for one in exceptions.values() if isinstance(one, dict)]
    return messages[0].splitlines()[0].removeprefix("Error: ") if messages else "no result"
