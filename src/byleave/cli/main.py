"""The `byleave` command: runs what was asked for and says what went wrong.

Nothing is loaded before :func:`run`, so that Ctrl-C is heard while the commands are.
"""

import sys

STOPPED = 130
"""What a command leaves with where somebody pressed Ctrl-C; Typer does so without a word."""


def run() -> None:
    """Run the command line; leave with the error's own exit code."""
    try:
        _run_telling()
    except KeyboardInterrupt:
        sys.exit(_stopped())
    except SystemExit as end:
        if end.code == STOPPED:
            _stopped()
        raise


def _stopped() -> int:
    sys.stderr.write("stopped; what was finished is kept\n")
    return STOPPED


def _run_telling() -> None:
    from byleave.errors import ByleaveError, on_one_line

    try:
        _run_app()
    except ByleaveError as error:
        if "--json" in sys.argv:
            import json

            answer = {
                "ok": False,
                "error": error.problem,
                "remedy": error.remedy,
                "exit_code": error.exit_code,
            }
            sys.stderr.write(json.dumps(answer) + "\n")
        else:
            sys.stderr.write(f"error: {on_one_line(error.problem)}\nhint: {on_one_line(error.remedy)}\n")
        sys.exit(error.exit_code)


def _run_app() -> None:
    from byleave.errors import ConflictError, MissingExtraError, UnavailableError

    try:
        from byleave.cli.commands import app

        app()
    except ModuleNotFoundError as missing:
        from byleave.registry.doctor import EXTRAS

        package = (missing.name or "").partition(".")[0]
        extra = next((name for name, packages in EXTRAS.items() if package in packages.values()), None)
        if extra is None:
            raise
        raise MissingExtraError(
            f"this command needs the package {package!r}", remedy=f"pip install 'byleave[{extra}]'"
        ) from missing
    except FileExistsError as failure:
        raise ConflictError(
            f"{failure.filename} is there already", remedy="name another place, or move it away"
        ) from failure
    except OSError as failure:
        where = f"{failure.filename}: " if failure.filename else ""
        raise UnavailableError(
            f"{where}{failure.strerror or failure}",
            remedy="check that the place exists, is yours and has room",
        ) from failure


if __name__ == "__main__":
    run()
