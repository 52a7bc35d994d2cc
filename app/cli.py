"""`python -m app serve | migrate | seed | worker | tick | import-people | load-frameworks | load-pathways | load-renewal
| load-census-guide | client | account | check-invariants | check-files | openapi`"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.core.config import ROOT, Settings, SettingsError, settings
from app.core.db import Database, connect

SWITCH = 0.0005  # seconds
M_ARENA_MAX = -8  # of glibc's malloc.h
CONNECTIONS = 16_384  # open files of one process, if the system lets it have them


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is its outcome."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options, settings()))
    except SettingsError as wrong:
        print(wrong, file=sys.stderr)
    except DBAPIError as wrong:
        cause = str(wrong.orig).splitlines()[0] if wrong.orig else type(wrong).__name__
        print(f"The database cannot be used: {cause}. Is ACADEMY_DATABASE_URL right, and has `migrate` been run?", file=sys.stderr)
    except OSError as wrong:
        print(f"{wrong.strerror or wrong}{f': {wrong.filename}' if wrong.filename else ''}", file=sys.stderr)
    return 2


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(prog="python -m app", description="A learning management service for a social work academy.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Any, words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(run=function)
        return command

    command = add("serve", serve, "Answer pages and API, and work in the background too.")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=_between(0, 65535), default=8000)
    command.add_argument(
        "--processes",
        type=_between(1, 64),
        default=1,
        help="web processes sharing the port; with several, background work has one of its own",
    )
    command.add_argument("--no-worker", action="store_true", help="leave background work to `worker`")
    command.add_argument("--listener", type=int, help=argparse.SUPPRESS)  # these three are the supervisor's
    command.add_argument("--tally", type=int, help=argparse.SUPPRESS)
    command.add_argument("--number", type=int, default=0, help=argparse.SUPPRESS)
    add("migrate", migrate, "Bring the database to the newest structure.")
    command = add("seed", seed, "Load the demonstration county.")
    command.add_argument("--people", type=int, default=1286)
    command.add_argument("--seed", type=int, default=2026)
    command.add_argument("--today", type=date.fromisoformat, default=None, help="the day on which its history ends")
    command.add_argument("--if-empty", action="store_true", help="do nothing when there are people already")
    add("worker", run_worker, "Run due jobs and deliver messages until stopped.")
    add("tick", tick, "Do everything that is due now, once.")
    command = add("import-people", import_people, "Import people from an HR extract (CSV or XLSX); see docs/hr-extract.md.")
    command.add_argument("file", type=Path)
    command.add_argument("--dry-run", action="store_true", help="show what would change; change nothing")
    command.add_argument("--map", type=Path, dest="mapping", help="a YAML file that names the extract's headings")
    command.add_argument("--confirm-leavers", type=int, default=None, help="how many leavers are expected")
    command.add_argument("--as-at", type=date.fromisoformat, default=None, help="the date of the extract; today by default")
    command = add("load-frameworks", load_frameworks, "Load programmes, standards and rules from YAML files; see docs/frameworks.md.")
    command.add_argument("files", type=Path, nargs="+", metavar="FILE")
    command.add_argument("--dry-run", action="store_true", help="show what would be loaded; change nothing")
    command.add_argument("--publish", action="store_true", help="publish what is loaded as a draft")
    command = add("load-pathways", load_pathways, "Load the steps of careers from YAML files; see docs/pathway-steps.md.")
    command.add_argument("files", type=Path, nargs="+", metavar="FILE")
    command.add_argument("--dry-run", action="store_true", help="show what would be loaded; change nothing")
    command.add_argument("--publish", action="store_true", help="publish what is loaded as a draft")
    command = add("load-renewal", load_renewal, "Load rules of renewing registrations from a YAML file; see docs/renewal.md.")
    command.add_argument("file", type=Path)
    command = add("load-census-guide", load_census_guide, "Load the guide of a year of the workforce census; see docs/census.md.")
    command.add_argument("file", type=Path)
    command = add("client", client, "Manage API clients: create, list, rotate, token, disable, enable.")
    client_actions(command)
    command = add("account", account, "Look after accounts: break-glass.")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    emergency = actions.add_parser("break-glass", help="let this account's password work where passwords are switched off")
    emergency.add_argument("email", metavar="EMAIL")
    emergency.add_argument("--off", action="store_true", help="make it an ordinary account again")
    emergency.set_defaults(run=account)
    command = add("check-invariants", check_invariants, "Check every rule the data must obey; exits 1 if one is broken.")
    command.add_argument("--json", action="store_true")
    add("check-files", check_files, "Read every attached file and compare it with its digest; exits 1 if one is missing or altered.")
    add("openapi", openapi, "Print the REST interface's description.")
    return top


def client_actions(command: argparse.ArgumentParser) -> None:
    """What `client` can do. Each prints JSON; a secret or token is shown this once."""
    actions = command.add_subparsers(required=True, metavar="ACTION", dest="action")

    def add(name: str, words: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=words, description=words)
        action.set_defaults(run=client)
        if name not in ("create", "list"):
            action.add_argument("--client", required=True, help="its client id, such as client-0123456789ab")
        return action

    create = add("create", "print a new client's id and secret as JSON; the secret is shown this once")
    create.add_argument("--name", required=True)
    create.add_argument("--scope", action="append", required=True, help="may be repeated")
    create.add_argument("--organisation", help="code of the only organisation whose people it may see")
    create.add_argument("--per-minute", type=_between(1, 1_000_000), help="requests a minute, instead of the setting")
    create.add_argument("--contact", help="who looks after the system")
    add("list", "print every client as JSON, with when it was last used")
    rotate = add("rotate", "print a new secret as JSON, this once; the old one is good for a while")
    rotate.add_argument("--hours", type=_between(0, 168), default=24, help="how long the old secret is good; 0 ends it at once")
    token = add("token", "print a long-lived token as JSON, this once; for directories that cannot ask for tokens themselves")
    token.add_argument("--days", type=_between(1, 366), required=True)
    add("disable", "its tokens stop working at once, and it gets no more")
    add("enable", "it gets tokens again, with the secret it had")


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(given: str) -> int:
        if not given.isdigit() or not least <= int(given) <= most:
            raise argparse.ArgumentTypeError(f"must be a number from {least} to {most}")
        return int(given)

    return number


def database(config: Settings) -> Database:
    """The database that the settings name, with a pool for this process."""
    return connect(config.database_url, pool=config.threads + 1)


def serve(options: argparse.Namespace, config: Settings) -> int:
    """One process serves and works in the background; several share one listening socket, and one more does the work."""
    from app import sharing, supervisor
    from app.main import create_app

    if options.listener is not None:  # in place of one that died
        _answer(create_app(config), socket.socket(fileno=options.listener), options.tally, options.number)
        return 0
    _allow_many_connections()
    listener = socket.create_server(
        (options.host, options.port), family=socket.AF_INET6 if ":" in options.host else socket.AF_INET, backlog=2048
    )
    where = f"http://{options.host}:{options.port}"
    print(f"Serving {config.service_name} on {where}" + (" (demonstration county)" if config.demo else ""), flush=True)
    if config.demo:
        _tell_of_sandbox(config, where)
    alone = options.processes <= 1
    app = create_app(config, background=alone and not options.no_worker)
    if alone:
        _answer(app, listener)
        return 0
    _share_one_heap()
    warm(app.state.database)
    tally = sharing.Tally.of(options.processes)
    gc.collect()
    gc.freeze()  # else looking for garbage would write to every page of memory that the processes share
    supervisor.hold()
    listener.set_inheritable(True)
    again = [sys.executable, "-m", "app"]
    given = ["serve", "--listener", str(listener.fileno()), "--tally", str(tally.descriptor), "--number"]
    children: dict[int, list[str]] = {}
    for number in range(options.processes):
        child = os.fork()
        if child == 0:
            supervisor.release()
            _answer(app, listener, tally.descriptor, number)
            os._exit(0)
        children[child] = [*again, *given, str(number)]
    if not options.no_worker:
        child = os.fork()
        if child == 0:
            supervisor.release()
            listener.close()
            run_worker(options, config)
            os._exit(0)
        children[child] = [*again, "worker"]
    return supervisor.become(supervisor.Charge(children))


def _share_one_heap() -> None:
    """Threads of one process take turns at Python anyway: a heap for each would only keep more memory. glibc knows how; others need not."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _allow_many_connections() -> None:
    """Each connection is an open file. Systems allow few at first, though more may be had for the asking."""
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS if most == resource.RLIM_INFINITY else min(CONNECTIONS, most)
    if few != resource.RLIM_INFINITY and few < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _tell_of_sandbox(config: Settings, where: str) -> None:
    """Demonstration mode: a client that is ready for whoever wants to try the API."""
    from app.identity import sandbox

    opened = database(config)
    try:
        made = sandbox.prepare(opened, config)
    except DBAPIError:
        return  # there are no tables yet; `serve` answers that it is not ready
    finally:
        opened.dispose()
    if made is not None:
        words = f"client id {made.client_id}, secret {made.secret} (see docs/nightly-sync.md)"
        print(f"To try the API at {where}/api/v1: {words}", flush=True)


def _answer(app: Any, listener: socket.socket, tally: int | None = None, number: int = 0) -> None:
    """Requests, until told to stop; `tally` is the descriptor of what processes with the same listener share, if there are several."""
    import uvicorn

    from app import patience
    from app.sharing import SharingServer, Tally

    # Whoever holds the writer's turn must not wait five milliseconds for Python's own lock after each call to the database.
    sys.setswitchinterval(SWITCH)
    quiet = uvicorn.Config(
        app,
        http=patience.protocol(app.state.settings.request_seconds),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(quiet) if tally is None else SharingServer(quiet, Tally(tally), number)
    server.run(sockets=[listener])


def warm(database: Database) -> None:
    """Load and compile what every web process needs sooner or later, so that they share it."""
    from uvicorn.loops.auto import auto_loop_factory

    from app.core import calendar, ready
    from app.core.tx import SYSTEM, clock, transaction
    from app.core.web import environment
    from app.desks import needs
    from app.pathways import ahead

    for name in ("uvicorn.lifespan.on", "uvicorn.protocols.http.auto", "app.patience", "app.sharing"):
        import_module(name)
    auto_loop_factory()
    calendar.bank_holidays(clock().year)
    needs.prepare()
    ready.compile_all(database.read.dialect)
    with suppress(SQLAlchemyError), transaction(database, SYSTEM, writes=False) as tx:  # no tables yet: `serve` says it is not ready
        ahead.prepare(tx)
    database.dispose()  # a connection belongs to one process
    pages = environment()
    for name in pages.list_templates(filter_func=lambda name: not name.startswith(("govuk_frontend_jinja/", "email/"))):
        pages.get_template(name)


def migrate(_options: argparse.Namespace, config: Settings) -> int:
    """All pending migrations in one transaction."""
    from alembic import command
    from alembic.config import Config

    data = database(config)
    alembic = Config(str(ROOT / "alembic.ini"))
    alembic.set_main_option("script_location", str(ROOT / "migrations"))
    with data.writer_turn(), data.write.connect() as connection, connection.begin():
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")
    data.dispose()
    return 0


def seed(options: argparse.Namespace, config: Settings) -> int:
    """Load the demonstration county, in demonstration mode only."""
    from seed import county

    return int(county.run(database(config), options, config))


def run_worker(_options: argparse.Namespace, config: Settings) -> int:
    """Work until told to stop."""
    from app import worker

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    worker.run(connect(config.database_url, pool=config.threads + 1, keeps=worker.KEEPS), config, stop)
    return 0


def tick(_options: argparse.Namespace, config: Settings) -> int:
    """One round of background work."""
    from app import worker

    print(f"{worker.tick(database(config), config)} done")
    return 0


def import_people(options: argparse.Namespace, config: Settings) -> int:
    """Preview or apply an HR extract; see `app.hr.command`."""
    from app.hr import command

    return command.run(
        database(config),
        options.file,
        dry_run=options.dry_run,
        mapping=options.mapping,
        confirm_leavers=options.confirm_leavers,
        as_at=options.as_at,
    )


def load_frameworks(options: argparse.Namespace, config: Settings) -> int:
    """Load framework files; see `app.frameworks.command`."""
    from app.frameworks import command

    return command.run(database(config), options.files, dry_run=options.dry_run, publish=options.publish)


def load_pathways(options: argparse.Namespace, config: Settings) -> int:
    """Load files of pathway steps; see `app.frameworks.command`."""
    from app.frameworks import command
    from app.pathways import operations

    return command.run(database(config), options.files, dry_run=options.dry_run, publish=options.publish, verbs=operations)


def load_renewal(options: argparse.Namespace, config: Settings) -> int:
    """Load rules of renewal; see `app.learning.renewal_operations`."""
    import yaml

    from app.core.errors import Refusal
    from app.core.tx import SYSTEM, transaction
    from app.learning.renewal_operations import load_rules

    try:
        given = yaml.safe_load(options.file.read_bytes())
        with transaction(database(config), SYSTEM, writes=True) as tx:
            loaded = load_rules(tx, given)
    except (Refusal, yaml.YAMLError) as wrong:
        print(f"Nothing was loaded: {wrong}", file=sys.stderr)
        return 1
    print("\n".join(f"loaded: the rule from {day.isoformat()} on" for day in loaded) or "Everything in the file is there already.")
    return 0


def load_census_guide(options: argparse.Namespace, config: Settings) -> int:
    """Load the guide of a collection year; see `app.census.guide`."""
    from app.census.guide import load
    from app.core.errors import Refusal
    from app.core.tx import SYSTEM, transaction

    try:
        content = options.file.read_bytes()
        with transaction(database(config), SYSTEM, writes=True) as tx:
            loaded = load(tx, options.file.name, content)
    except Refusal as wrong:
        print(f"Nothing was loaded: {wrong}", file=sys.stderr)
        return 1
    print("loaded: the guide" if loaded else "The guide in the file is there already.")
    return 0


def client(options: argparse.Namespace, config: Settings) -> int:
    """Manage API clients; see `app.identity.command`."""
    from app.identity import command

    return command.run(database(config), options)


def account(options: argparse.Namespace, config: Settings) -> int:
    """Make an account one for an emergency, or an ordinary one; see `app.identity.break_glass`."""
    from app.core.errors import Refusal
    from app.core.work import job
    from app.identity import break_glass

    try:
        with job(database(config)) as tx:
            print(break_glass.command(tx, options.email, options.off, config.base_url))
    except Refusal as problem:
        print(problem.message, file=sys.stderr)
        return 2
    return 0


def check_invariants(options: argparse.Namespace, config: Settings) -> int:
    """Exit 0 when every rule holds, 1 when one is broken."""
    from app import invariants

    return invariants.report(database(config), as_json=options.json)


def check_files(_: argparse.Namespace, config: Settings) -> int:
    """Print each attached file that is not what its digest says; the exit code says whether there is one."""
    from app.core import files

    opened = database(config)
    wrong = list(files.damaged(opened, files.store_of(config)))
    opened.dispose()
    for digest, how in wrong:
        print(f"{digest} {how}")
    return 1 if wrong else 0


def openapi(_options: argparse.Namespace, config: Settings) -> int:
    """The contract as JSON on standard output."""
    from app.main import create_app

    print(json.dumps(create_app(config).openapi(), indent=2, ensure_ascii=False))
    return 0
