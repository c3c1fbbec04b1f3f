"""The `starhouse` command: registers the commands, turns the project's errors into one plain message.

Belongs here: registration and the outermost error handling. Does not belong: any work, which stands in
`orchestration.commands` and is imported there when a command runs, so that `--help` stays under half a
second.
"""

from __future__ import annotations

import sys

import typer

from orchestration.commands import (
    demo,
    documents,
    models,
    new_source,
    plan,
    report,
    run,
    serve,
    server,
    sources,
)

PROJECT = ("warehouse", "ml", "serving", "orchestration")

# panel of `--help` → its commands, in the order shown
COMMANDS = {
    "Warehouse": (server.up, server.down, server.status, server.doctor),
    "Work": (run.run, report.report),
    "Sources": (sources.load, sources.stream),
    "Models": (models.train, models.promote, models.rollback, models.score, serve.serve),
    "Documents": (plan.plan, documents.sql, documents.variants),
}

app = typer.Typer(
    name="starhouse",
    help="A warehouse of flights, its features, its models and their service: one command each.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, functions in COMMANDS.items():
    for function in functions:
        app.command(rich_help_panel=panel)(function)
app.add_typer(sources.quarantine, name="quarantine", rich_help_panel="Sources")
app.add_typer(new_source.new, name="new", rich_help_panel="Sources")
app.command(hidden=True)(demo.demo)


def is_ours(error: BaseException) -> bool:
    """Whether an error was raised for the user to read: its type belongs to the project."""
    return isinstance(error, Exception) and type(error).__module__.split(".")[0] in PROJECT


def main() -> None:
    """Run the command line; exit code 1 and a message without traceback for the project's own errors."""
    try:
        app()
    except Exception as error:
        if not is_ours(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
