"""``plada-conformance``: the suite's command line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pladafmt.files import STANDARD_OUTPUT, is_stream, write_whole

from . import reports
from .conversation import ROLES, NotScored
from .process import MIB, Bounds
from .run import Result, run

app = typer.Typer(
    name="plada-conformance",
    help="Prove a client of the .plada format, in any language.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Command = Annotated[
    list[str],
    typer.Argument(
        metavar="-- CMD...", help="The client's command, behind --.", show_default=False
    ),
]


Env = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="Pass this environment variable on to the client. May be repeated.",
        show_default=False,
    ),
]


def _stop(problem: str, status: int) -> typer.Exit:
    typer.echo(problem, err=True)
    return typer.Exit(status)


def _file_or_stream(value: Path | None) -> Path | None:
    """Take ``-`` for standard output: the callback of an option that names a file to write."""
    return STANDARD_OUTPUT if value == Path("-") else value


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise _stop(f"Cannot write {path}: {error}.", 2) from error


def _all_else(*files: Path | None) -> Callable[[str], None]:
    """Return what prints for people: to standard error if one of the files is standard output.

    Raises:
        typer.Exit: if more than one is.
    """
    streams = files.count(STANDARD_OUTPUT)
    if streams > 1:
        raise _stop("Only one file can go to standard output; give the others names.", 2)
    return partial(typer.echo, err=streams == 1)


@app.command("run")
def run_command(
    command: Command,
    roles: Annotated[
        list[str] | None,
        typer.Option("--role", help=f"Score this role only: {', '.join(ROLES)}. May be repeated."),
    ] = None,
    by_file: Annotated[
        bool, typer.Option("--exec", help="Run CMD FILE for each file instead of the protocol.")
    ] = False,
    env: Env = None,
    expected_failures: Annotated[
        Path | None,
        typer.Option(help="A file of vector ids, one a line, that are known to fail."),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="Write the whole report to this file. - is standard output, for one of the files; "
            "the table then goes to standard error.",
            callback=_file_or_stream,
        ),
    ] = None,
    junit_file: Annotated[
        Path | None,
        typer.Option("--junit", help="Write JUnit XML to this file.", callback=_file_or_stream),
    ] = None,
    certificate_file: Annotated[
        Path | None,
        typer.Option(
            "--certificate",
            help="Write a certificate to this file if all passes.",
            callback=_file_or_stream,
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds per request.", min=0.1)] = 10.0,
    memory: Annotated[int, typer.Option(help="Mebibytes of memory.", min=1)] = 1024,
    output: Annotated[int, typer.Option(help="Mebibytes of output per request.", min=1)] = 64,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of names, order and fresh files, to repeat a run; a secret one if left out, "
            "without which nothing is certified.",
            min=0,
        ),
    ] = None,
    keep_folder: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="DIR",
            help="Where vectors and fresh files go on which the client fails, with its answers; "
            "with --json, beside the report if left out.",
        ),
    ] = None,
) -> None:
    """Run the suite against a client.

    Besides the vectors, each role is asked fresh files that are made for this run, of which both
    decoders of the suite say the same.

    Exit status 0 if everything passes that is not expected to fail, 1 if not, 2 if the client
    cannot be scored.

    Example: `plada-conformance run -- node client.js`
    """
    say = _all_else(json_file, junit_file, certificate_file)
    wrong = sorted(set(roles or ()) - set(ROLES))
    if wrong:
        raise _stop(f"There is no role {wrong[0]!r}; choose from {', '.join(ROLES)}.", 2)
    expected = frozenset[str]()
    if expected_failures is not None:
        expected = _read_ids(expected_failures, fresh=seed is not None)
    try:
        result = run(
            command,
            bounds=Bounds(timeout, memory * MIB, output * MIB),
            roles=roles,
            expected_failures=expected,
            seed=seed,
            by_file=by_file,
            env=env or (),
        )
    except (NotScored, ValueError) as error:
        raise _stop(str(error), 2) from error
    say(reports.table(result))
    report = reports.as_json(result)
    if json_file is not None:
        _write(json_file, reports.dump(report))
    if junit_file is not None:
        _write(junit_file, reports.junit(result))
    if keep_folder is None and json_file is not None and not is_stream(json_file):
        keep_folder = json_file.with_name(f"{json_file.stem}-failed")
    if keep_folder is not None:
        _keep(result, keep_folder, say)
    if certificate_file is not None:
        _certify(report, certificate_file, None, say)
    raise typer.Exit(0 if result.ok else 1)


def _keep(result: Result, folder: Path, say: Callable[[str], None]) -> None:
    from .keep import keep

    try:
        written = keep(result, folder)
    except OSError as error:
        raise _stop(f"Cannot keep the files that failed in {folder}: {error}.", 2) from error
    if written:
        say(f"Files to look at: {folder}")


def _read_ids(path: Path, *, fresh: bool) -> frozenset[str]:
    """Return the ids in a file; those of fresh files mean something where the seed is known."""
    from .vectors_on_disk import vectors

    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _stop(f"Cannot read {path}: {error}.", 2) from error
    found = frozenset(line.strip() for line in lines if line.strip() and line[0] != "#")
    unknown = sorted(found - {vector.id for vector in vectors()})
    of_a_seed = [each for each in unknown if each.startswith("fresh_")]
    if of_a_seed and not fresh:
        raise _stop(
            f"{path} names the fresh file {of_a_seed[0]!r}, which is another one in each run; give "
            "the --seed that it is of.",
            2,
        )
    unknown = [each for each in unknown if each not in of_a_seed]
    if unknown:
        raise _stop(f"{path} names {unknown[0]!r}, which is not a vector.", 2)
    return found


def _certify(
    report: dict[str, object], path: Path, date: str | None, say: Callable[[str], None]
) -> None:
    try:
        content = reports.dump(reports.certificate(report, date=date))
    except ValueError as error:
        raise _stop(str(error), 1) from error
    _write(path, content)
    say(f"Certificate: {path}")


@app.command()
def certify(
    report: Annotated[Path, typer.Argument(help="A report that `run --json` wrote.")],
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            help="Where the certificate goes. - is standard output.",
            callback=_file_or_stream,
        ),
    ],
    date: Annotated[str | None, typer.Option(help="A day for the certificate to state.")] = None,
) -> None:
    """Write a certificate, bound to the digests of suite, specification and client.

    Example: `plada-conformance certify report.json -o certificate.json`
    """
    try:
        found = json.loads(report.read_text("utf-8"))
        if found["report"] != "plada-conformance-1":
            raise KeyError("report")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _stop(
            f"{report} is not a report of plada-conformance run --json: {error}.", 2
        ) from error
    _certify(found, out, date, _all_else(out))


@app.command()
def coverage(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on the last line.")
    ] = False,
) -> None:
    """Say which requirement has which vectors.

    Example: `plada-conformance coverage --json`
    """
    from . import coverage as measured

    raise typer.Exit(measured.show(as_json=as_json))


@app.command("vectors")
def vectors_command(
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            help="Where the archive goes, under gzip if the name ends in .gz or .tgz. - is a tar "
            "on standard output.",
            callback=_file_or_stream,
        ),
    ],
) -> None:
    """Write the vectors as one archive, for programs that want no Python and no JSON.

    Its manifest.tsv has a line for each vector; its README.md says what the columns are. The
    digest that is printed is that of the tar, the same everywhere.

    Example: `plada-conformance vectors -o plada-vectors-1.tar.gz`
    """
    from . import archive

    say = _all_else(out)
    try:
        files = archive.contents()
    except ValueError as error:
        raise _stop(str(error), 2) from error
    tar = archive.as_tar(files)
    zipped = out.suffix in (".gz", ".tgz")
    _write(out, archive.compressed(tar) if zipped else tar)
    say(f"{len(files)} files; SHA-256 of the tar: {hashlib.sha256(tar).hexdigest()}")


@app.command("fuzz")
def fuzz_command(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- CMD...]", help="A client that reads the files too.", show_default=False
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="How many files.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Of everything that is chosen at random.", min=0)] = 1,
    out: Annotated[
        Path, typer.Option(help="Where files go that readers do not agree about.")
    ] = Path("fuzz-findings"),
    jobs: Annotated[int, typer.Option(help="Processes to share the work among.", min=1)] = 1,
    env: Env = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds per request to the client.", min=0.1)
    ] = 10.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on the last line.")
    ] = False,
) -> None:
    """Read changed copies of valid files with both decoders, and compare what they say.

    Exit status 0 if all readers agree about every file, 1 if not, 2 if the client cannot be
    started. Files that they do not agree about are minimised and written, a few of each kind.

    Example: `plada-conformance fuzz --count 50000 --seed 7 -- node client.js`
    """
    from .fuzz.run import fuzz as run_fuzzer
    from .fuzz.tally import table, write_findings

    def progress(done: int) -> None:
        typer.echo(f"{done} of {count}", err=True)

    try:
        tally = run_fuzzer(
            seed,
            count,
            command=command or (),
            bounds=Bounds(seconds=timeout),
            env=env or (),
            jobs=jobs,
            progress=progress,
        )
    except NotScored as error:
        raise _stop(str(error), 2) from error
    try:
        written = write_findings(tally, out)
    except OSError as error:
        raise _stop(f"Cannot write to {out}: {error}.", 2) from error
    typer.echo(table(tally))
    for path in written:
        typer.echo(f"Written: {path}")
    if as_json:
        report = {**tally.as_json(), "written": [str(path) for path in written]}
        typer.echo(json.dumps(report))
    raise typer.Exit(1 if tally.kinds else 0)


@app.command("selftest")
def selftest_command(
    jobs: Annotated[int, typer.Option(help="Runs that go on at a time.", min=1)] = 2,
    mutants: Annotated[
        int, typer.Option(help="Mutants of each plain program to try; 0 is none.", min=0)
    ] = 40,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on the last line.")
    ] = False,
) -> None:
    """Run the suite against decoders with one deliberate fault each, and expect to catch them all.

    A sample of mutants, plain programs of every role with one small slip each, is tried too.
    Exit status 0 if every fault and mutant is caught and the decoder without a fault gets the top
    grade, 1 if not. Takes about two minutes on two cores.

    Example: `plada-conformance selftest --json`
    """
    from . import selftest

    report = selftest.selftest(jobs=jobs, mutants=mutants, show=typer.echo)
    if as_json:
        typer.echo(json.dumps(report))
    raise typer.Exit(0 if selftest.passed(report) else 1)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
