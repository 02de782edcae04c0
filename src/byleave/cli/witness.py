"""`byleave witness`: cosign other logs, and have one's own cosigned."""

from __future__ import annotations

import typer

from byleave.cli.output import now, print_json, say
from byleave.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Cosign other logs, and have your own cosigned")


@app.command()
def serve(
    log: list[str] = typer.Option(..., help="Verifier key of a log to witness; may be given several times"),
    host: str = typer.Option("127.0.0.1", help="Address to listen on"),
    port: int = typer.Option(8322, help="Port to listen on; 0 takes a free one"),
) -> None:
    """Cosign checkpoints of the logs named, each only if it keeps everything it held before."""
    from byleave.log import VerifierKey
    from byleave.release.witnessing import (
        Witness,
        WitnessServer,
        cosigning,
        utc_now,
        witness_folder,
        witness_key,
    )
    from byleave.storage import alone_in

    settings = Settings.from_process()
    key, folder = witness_key(settings), witness_folder(settings)
    witness = Witness(folder, key, [VerifierKey.parse(one) for one in log])
    with alone_in(folder), WitnessServer((host, port), witness, utc_now) as server:
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"witness ready at http://{shown}:{server.server_address[1]}")
        say(f"whoever asks it needs this key: {cosigning(key)}")
        server.serve_forever()


@app.command()
def ask(
    url: str = typer.Argument(help="Web address of the witness"),
    key: str = typer.Option(..., help="Verifier key of the witness"),
    json_: bool = typer.Option(False, "--json", help="Print what was cosigned as JSON"),
) -> None:
    """Have a witness cosign the newest checkpoint; the cosignature is kept with it and stands in every receipt given out later."""
    from byleave.log import VerifierKey
    from byleave.publish.witnesses import ask_witness
    from byleave.registry.database import Database

    settings = Settings.from_process()
    witness = VerifierKey.parse(key)
    with Database.open(settings) as database:
        log, found = ask_witness(database, settings, url, witness, at=now())
    if json_:
        print_json({"size": log.checkpoint.size, "witness": found.key.name, "time": found.time})
    else:
        say(
            f"{found.key.name} saw the log of {log.checkpoint.size} entries at {found.time:%Y-%m-%d %H:%M:%S} UTC"
        )
