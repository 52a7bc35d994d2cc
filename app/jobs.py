"""The timetable: what runs by itself, and when."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError

from app.bookings.operations import approval, evaluate, offers, queue, quotas, reminders, reservations, running
from app.census import forgetting
from app.core import files
from app.core.config import Settings
from app.core.db import Database
from app.core.errors import Conflict
from app.core.schedule import JobRun
from app.core.tx import Tx
from app.core.tx import clock as read_clock
from app.core.work import job
from app.guarding import operations as guarding
from app.hr import feed as changes
from app.hr.operations import leaving_clock
from app.hr.webhooks import fan_out, noting
from app.identity import operations as identity
from app.learning import drafts, renewal_clock
from app.measures import clock as measures_clock
from app.notifications import preferences
from app.pathways.operations import chasing as required
from app.people import register
from app.programmes.operations import applying, chasing, contribute, exports, feed, heads, notices
from app.reports import delivery
from app.supervision.operations import overdue
from app.talent import acting as talent

Job = Callable[[Tx, datetime], None]
When = timedelta | Callable[[datetime], datetime | None]  # every so long, counted from midnight UTC; or what says which turn is due, if any
TIMETABLE: dict[str, tuple[When, Job]] = {
    "tidy-identity": (timedelta(days=1), identity.tidy),
    "forget-drafts": (timedelta(days=1), drafts.forget_old),
    "forget-names": (timedelta(days=1), guarding.forget_leavers),
    "tidy-webhooks": (timedelta(days=1), noting.tidy),
    "ask-evaluation": (timedelta(hours=1), evaluate.ask_due),
    "chase-approvals": (timedelta(hours=1), approval.chase),
    "leavers-look-again": (timedelta(hours=1), leaving_clock.look_again),
    "facts-of-the-day": (leaving_clock.turn, leaving_clock.tell_of_the_day),
    "decisions-due": (timedelta(hours=1), running.ask_due),
    "kept-places": (timedelta(hours=1), quotas.look_again),
    "remind": (reminders.turn, reminders.remind),
    "supervision-overdue": (overdue.turn, overdue.tell_overdue),
    "programme-feed": (timedelta(minutes=5), feed.run),
    "programme-notices": (notices.turn, notices.tell),
    "chase-apprentices": (chasing.turn, chasing.chase),
    "chase-required": (required.turn, required.chase),
    "programme-changes": (timedelta(hours=1), applying.apply_due),
    "forget-register-files": (timedelta(days=1), register.forget_old),
    "forget-census": (timedelta(days=1), forgetting.forget),
    "renewal": (reminders.turn, renewal_clock.tell),
    "close-months": (timedelta(hours=1), measures_clock.close_due),
    "talent-actions": (reminders.turn, talent.remind),
    "board-reports": (delivery.turn, delivery.prepare),
    "daily-summaries": (preferences.digest_turn, preferences.write_digests),
}

# What looks after the folder of files. It takes its time and scans, so only its turn is taken in a transaction, not its work.
FOLDER: dict[str, tuple[timedelta, Callable[[Database, files.Store, datetime], int]]] = {
    "scan-files": (timedelta(hours=1), files.scan_waiting),
    "sweep-files": (timedelta(days=1), files.sweep),
}

# What runs at every look: each finds its work by an index and takes each piece in a transaction of its own.
CLOCKS: tuple[Callable[[Database], int], ...] = (
    offers.lapse_due,
    approval.expire_due,
    reservations.expire_due,
    quotas.release_due,
    queue.pass_on_due,
    contribute.expire_due,
    leaving_clock.register_unknown,
    leaving_clock.take_effect_due,
    changes.number_due,
    fan_out.make_out_due,
)


def run_clocks(database: Database) -> int:
    """Everything whose time is over, then everything that follows; returns how many things were done. One that fails stops no other."""
    done = 0
    for clock in CLOCKS:
        try:
            done += clock(database)
        except OperationalError:
            raise  # the database did not answer
        except Exception as wrong:  # noqa: BLE001 - see above
            sys.stderr.write(json.dumps({"event": "clock-fault", "clock": clock.__name__, "kind": type(wrong).__name__}) + "\n")
    return done


def _turn(now: datetime, every: When) -> datetime | None:
    """The latest moment at which a job was due; None: not today."""
    if not isinstance(every, timedelta):
        return every(now)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + every * ((now - midnight) // every)


def run_due(database: Database, now: datetime | None = None) -> int:
    """Run each job whose turn has not been taken; returns how many ran. The turn is a unique row, so two workers cannot both have it."""
    moment = now or read_clock()
    ran = 0
    for name, (every, function) in TIMETABLE.items():
        due = _turn(moment, every)
        if due is None:
            continue
        with job(database, writes=False) as tx:
            if tx.scalar(select(JobRun.id).where(JobRun.name == name, JobRun.due_at == due)):
                continue
        try:
            _run(database, name, due, function)
            ran += 1
        except Conflict:
            continue  # another worker took this turn
        except OperationalError:
            raise  # the database did not answer; the turn is still free
        except Exception as wrong:  # noqa: BLE001 - whatever one job does, the others and the messages go on
            _failed(database, name, due, type(wrong).__name__)
    return ran


def look_after_files(database: Database, settings: Settings, now: datetime | None = None) -> int:
    """Do what is due in the folder of files; returns how many jobs ran. A turn whose work fails is over: the next one finds the same."""
    if database.url != settings.database_url:
        return 0  # the folder belongs to another database, and all in it would seem to be nobody's
    moment = now or read_clock()
    ran = 0
    for name, (every, function) in FOLDER.items():
        due = _turn(moment, every)
        assert due is not None
        with job(database, writes=False) as tx:
            if tx.scalar(select(JobRun.id).where(JobRun.name == name, JobRun.due_at == due)):
                continue
        try:
            _run(database, name, due, lambda _tx, _now: None)
        except Conflict:
            continue  # another worker took this turn
        try:
            function(database, files.store_of(settings), moment)
        except OperationalError:
            raise  # the database did not answer
        except Exception as wrong:  # noqa: BLE001 - see above
            sys.stderr.write(json.dumps({"event": "job-fault", "job": name, "kind": type(wrong).__name__}) + "\n")
        ran += 1
    return ran


def look_after_portfolios(database: Database, settings: Settings, now: datetime | None = None) -> int:
    """Make the daily head when it is due and the exports that were asked for; returns how many were made."""
    if database.url != settings.database_url:
        return 0  # exports lie in the folder of another database's files
    moment = now or read_clock()
    due, made = heads.turn(moment), 0
    with job(database, writes=False) as tx:
        done = tx.scalar(select(JobRun.id).where(JobRun.name == "daily-head", JobRun.due_at == due))
        waiting = tx.scalar(exports.WAITING)
    if not done:
        try:
            _run(database, "daily-head", due, lambda tx, _now: _make_head(tx, settings))
            made = 1
        except Conflict:
            made = 0  # another worker took this turn
        except OperationalError:
            raise  # the database did not answer; the turn is still free
        except Exception as wrong:  # noqa: BLE001 - see above
            _failed(database, "daily-head", due, type(wrong).__name__)
    return made + (exports.make_waiting(database, settings, moment) if waiting else 0)


def _make_head(tx: Tx, settings: Settings) -> None:
    heads.daily_head(tx, settings.officers)


def _run(database: Database, name: str, due: datetime, function: Job) -> None:
    """Take the turn and do the work in one transaction: a killed worker leaves the turn free."""
    with job(database) as tx:
        tx.db.execute(insert(JobRun), dict(name=name, due_at=due, started_at=tx.now))
        function(tx, tx.now)
        tx.db.execute(update(JobRun).where(JobRun.name == name, JobRun.due_at == due).values(finished_at=read_clock(), outcome="done"))


def _failed(database: Database, name: str, due: datetime, kind: str) -> None:
    """Keep the failure where it can be seen, and wait for the next turn; the other jobs and the messages go on."""
    sys.stderr.write(json.dumps({"event": "job-fault", "job": name, "kind": kind}) + "\n")
    try:
        with job(database) as tx:
            tx.db.execute(insert(JobRun), dict(name=name, due_at=due, started_at=tx.now, finished_at=tx.now, outcome=f"failed: {kind}"))
    except Conflict:
        return  # another worker has done it meanwhile
