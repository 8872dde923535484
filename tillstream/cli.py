"""The command line: parse, call, print. What a command does is in `commands/`, one module each."""

from __future__ import annotations

import os
import sys
import threading
from typing import Annotated

import typer

from tillstream import __version__
from tillstream.commands import options
from tillstream.commands.output import Output, show_error
from tillstream.config import environment
from tillstream.errors import TillError
from tillstream.flow.failpoints import arm_from

COULD_NOT = 2

app = typer.Typer(
    name="till",
    help="Real-time analytics for online stores: exact, live, from one install.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="The settings that hold.", no_args_is_help=True)
app.add_typer(config_app, name="config")
models_app = typer.Typer(help="The dbt models: the built-in ones and your own.", no_args_is_help=True)
app.add_typer(models_app, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tillstream {__version__}")
        raise typer.Exit


@app.callback()
def _always(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    _debug["on"] = debug


_debug = {"on": False}


@app.command()
def demo(
    dir: options.Folder = options.DEFAULT,
    duration: options.For = None,
    rate: options.Rate = 50.0,
    seed: options.Seed = 7,
    orders: options.Orders = 100_000,
    customers: options.Customers = 5_000,
    products: options.Products = 500,
    no_browser: options.NoBrowser = False,
    stream: Annotated[str, typer.Option(help="Send the changes through Kafka: kafka://host:9092.")] = "",
    json: options.Json = False,
) -> None:
    """Run a living store, its pipeline and its page; at the end, prove every number."""
    from tillstream.commands import demo as command
    from tillstream.commands.simulator import Pace
    from tillstream.simulate.history import Sizes

    wishes = command.Wishes(
        folder=dir,
        duration=duration,
        pace=Pace(rate, seed),
        sizes=Sizes(customers, products, orders),
        browser=not no_browser,
        stream=stream,
    )
    raise typer.Exit(command.demo(wishes, Output(as_json=json)))


@app.command()
def init(
    url: Annotated[str, typer.Argument(help="The store's database: postgresql://user:password@host/database")],
    dir: options.Folder = options.DEFAULT,
    replace: Annotated[bool, typer.Option(help="Write a new till.toml where there is one.")] = False,
    json: options.Json = False,
) -> None:
    """Write a commented till.toml for a database, and check the database."""
    from tillstream.commands import init as command

    raise typer.Exit(command.init(url, dir, Output(as_json=json), replace=replace))


@app.command()
def run(dir: options.Folder = options.DEFAULT, duration: options.For = None, json: options.Json = False) -> None:
    """Run the pipeline and the page of a folder's till.toml."""
    from tillstream.commands import run as command

    raise typer.Exit(command.run(dir, duration, Output(as_json=json)))


@app.command()
def capture(
    dir: options.Folder = options.DEFAULT,
    duration: options.For = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the operators' page; 0 takes any.")] = 0,
    json: options.Json = False,
) -> None:
    """Bring the store's changes into the stream of till.toml, and nothing else."""
    from tillstream.commands import capture as command

    raise typer.Exit(command.capture(dir, duration, port, Output(as_json=json)))


@app.command()
def load(dir: options.Folder = options.DEFAULT, duration: options.For = None, json: options.Json = False) -> None:
    """Bring the stream of till.toml into the warehouse, and serve the page."""
    from tillstream.commands import load as command

    raise typer.Exit(command.load(dir, duration, Output(as_json=json)))


@app.command()
def live(dir: options.Folder = options.DEFAULT, duration: options.For = None, json: options.Json = False) -> None:
    """Do a share of the live step for loaders that share lanes: facts and rollups follow what they land."""
    from tillstream.commands import lanes as command

    raise typer.Exit(command.live(dir, duration, Output(as_json=json)))


@app.command()
def serve(dir: options.Folder = options.DEFAULT, duration: options.For = None, json: options.Json = False) -> None:
    """Serve the page and the endpoint of a warehouse that other processes fill."""
    from tillstream.commands import serve as command

    raise typer.Exit(command.serve(dir, duration, Output(as_json=json)))


@app.command()
def topics(
    ddl: Annotated[
        bool, typer.Option("--ddl", help="Print SQL that lets a ClickHouse server read them itself.")
    ] = False,
    consumers: Annotated[int, typer.Option(min=1, help="With --ddl: the server's consumers for each topic.")] = 1,
    dir: options.Folder = options.DEFAULT,
    json: options.Json = False,
) -> None:
    """Show the topics of the stream: partitions, messages, how long they keep them, how far behind we are."""
    if ddl:
        from tillstream.commands import ddl as statements

        raise typer.Exit(statements.ddl(dir, consumers, Output(as_json=json)))
    from tillstream.commands import topics as command

    raise typer.Exit(command.topics(dir, Output(as_json=json)))


@app.command()
def status(dir: options.Folder = options.DEFAULT, json: options.Json = False) -> None:
    """Show what the process in a folder does: phase, speed, freshness, trouble."""
    from tillstream.commands import status as command

    raise typer.Exit(command.status(dir, Output(as_json=json)))


@app.command()
def verify(
    dir: options.Folder = options.DEFAULT,
    repair: Annotated[bool, typer.Option(help="Mend what is different.")] = False,
    json: options.Json = False,
) -> None:
    """Compare source, mirror, facts and rollups: 0 exact, 1 different, 2 could not compare."""
    from tillstream.commands import verify as command

    raise typer.Exit(command.verify(dir, Output(as_json=json), repair=repair))


@app.command()
def resync(dir: options.Folder = options.DEFAULT, json: options.Json = False) -> None:
    """Read the whole store again at the next start, as after a lost replication slot."""
    from tillstream.commands import resync as command

    raise typer.Exit(command.resync(dir, Output(as_json=json)))


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One statement.")],
    form: Annotated[str, typer.Option("--format", help="One of ClickHouse's formats, e.g. CSV.")] = "",
    write: Annotated[bool, typer.Option(help="Allow the statement to change things.")] = False,
    dir: options.Folder = options.DEFAULT,
    json: options.Json = False,
) -> None:
    """Ask the warehouse something in SQL."""
    from tillstream.commands import query as command

    question = command.Question(sql, form, may_write=write)
    raise typer.Exit(command.query(dir, question, Output(as_json=json)))


@app.command()
def simulate(
    url: Annotated[str | None, typer.Option(help="The store's database; it must have the demo's schema.")] = None,
    rate: options.Rate = 50.0,
    seed: options.Seed = 7,
    duration: options.For = None,
    transactions: Annotated[int | None, typer.Option(min=0, help="Stop by itself after so many.")] = None,
    create: Annotated[bool, typer.Option(help="Make tables and history first, where there are none.")] = False,
    orders: options.Orders = 100_000,
    customers: options.Customers = 5_000,
    products: options.Products = 500,
    json: options.Json = False,
    while_stdin_is_open: Annotated[bool, typer.Option("--while-stdin-is-open", hidden=True)] = False,
) -> None:
    """Let a store live: people sign up, order, pay, return."""
    from tillstream.commands import simulate as command
    from tillstream.simulate.history import Sizes
    from tillstream.simulate.life import Plan

    plan = Plan(rate=rate, seed=seed, transactions=transactions, duration=duration)
    sizes = Sizes(customers, products, orders) if create else None
    wishes = command.Wishes(url, plan, sizes, while_stdin_is_open=while_stdin_is_open)
    raise typer.Exit(command.simulate(wishes, Output(as_json=json)))


@app.command()
def doctor(dir: options.Folder = options.DEFAULT, json: options.Json = False) -> None:
    """Look at everything a pipeline needs, and say what to mend."""
    from tillstream.commands import doctor as command

    raise typer.Exit(command.doctor(dir, Output(as_json=json)))


@config_app.command()
def show(dir: options.Folder = options.DEFAULT, json: options.Json = False) -> None:
    """Print every setting, its value and where it comes from."""
    from tillstream.commands import settings as command

    raise typer.Exit(command.show(dir, Output(as_json=json)))


@models_app.command()
def test(
    select: Annotated[list[str] | None, typer.Option(help="Only these, in dbt's words; may be repeated.")] = None,
    dir: options.Folder = options.DEFAULT,
    json: options.Json = False,
) -> None:
    """Run the models' tests: 0 all hold, 1 one does not, 2 could not be run."""
    from tillstream.commands import models as command

    raise typer.Exit(command.test(dir, select or [], Output(as_json=json)))


def main() -> None:
    """Run the command line; errors that users can act on are told, not traced."""
    try:
        arm_from(environment().get("TILL_FAILPOINT", ""))
        app()
    except TillError as error:
        if _debug["on"]:
            raise
        show_error(Output().errors, error)
        _leave(COULD_NOT)
    except SystemExit as error:
        _leave(error.code if isinstance(error.code, int) else COULD_NOT)


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name == "till-pump" for thread in threading.enumerate()):
        # It hangs, or we were told to hurry; the engine does not like to be taken down around it.
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
