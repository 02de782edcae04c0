"""`byleave serve`: the site, the API and the worker that publishes, in one process."""

from __future__ import annotations

import typer

from byleave.settings import DEFAULT_PORT


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on"),
    port: int = typer.Option(DEFAULT_PORT, min=0, max=65535, help="Port to listen on; 0 takes a free one"),
    demo: bool = typer.Option(
        False, "--demo", help="Show mail at /outbox instead of sending it; on loopback only"
    ),
) -> None:
    """Serve the site until it is told to stop."""
    from byleave.cli.output import say
    from byleave.settings import Settings
    from byleave.web.server import serve_site

    settings = Settings.from_process()
    if settings.smtp_url is None and not demo:
        say(
            "mail is not configured, so no link to sign in ever arrives: set BYLEAVE_SMTP_URL and BYLEAVE_MAIL_FROM"
        )

    def tell(address: str) -> None:
        typer.echo(f"Byleave is ready at {address}")

    serve_site(settings, host=host, port=port, demo=demo, tell=tell)
