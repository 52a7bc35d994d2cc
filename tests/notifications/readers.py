"""Three independent readers of our calendars (icalendar, vobject, ical.js), and a calendar program that obeys what they read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import vobject  # type: ignore[import-untyped]
from icalendar import Calendar

from app.core.config import ROOT
from scripts.build_assets import node_folder


@dataclass(frozen=True)
class Said:
    """One event as a reader understands it."""

    method: str
    uid: str
    sequence: int
    status: str
    summary: str
    local: str  # the wall clock it shows: "2027-06-09T09:30:00"
    starts: datetime
    ends: datetime


def icalendar_reads(texts: Sequence[str]) -> list[list[Said]]:
    """Collective's icalendar."""
    return [[_said(calendar, event) for event in calendar.walk("VEVENT")] for calendar in map(Calendar.from_ical, texts)]


def _said(calendar: Any, event: Any) -> Said:
    starts, ends = event.decoded("dtstart"), event.decoded("dtend")
    return Said(
        str(calendar["method"]),
        str(event["uid"]),
        int(event["sequence"]),
        str(event["status"]),
        str(event["summary"]),
        starts.replace(tzinfo=None).isoformat(),
        starts.astimezone(UTC),
        ends.astimezone(UTC),
    )


def vobject_reads(texts: Sequence[str]) -> list[list[Said]]:
    """vobject, which takes the time zone from the file itself."""
    found = []
    for text in texts:
        calendar = vobject.readOne(text)
        found.append(
            [
                Said(
                    calendar.method.value,
                    event.uid.value,
                    int(event.sequence.value),
                    event.status.value,
                    event.summary.value,
                    event.dtstart.value.replace(tzinfo=None).isoformat(),
                    event.dtstart.value.astimezone(UTC),
                    event.dtend.value.astimezone(UTC),
                )
                for event in calendar.contents.get("vevent", [])
            ]
        )
    return found


def ical_js_reads(texts: Sequence[str]) -> list[list[Said]]:
    """Mozilla's ical.js, as in Thunderbird, with the time zone from the file."""
    command = [str(Path(node_folder()) / "node"), str(Path(__file__).with_name("read_ical.mjs"))]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(list(texts)), capture_output=True, text=True, check=True)
    return [
        [
            Said(
                calendar["method"],
                one["uid"],
                one["sequence"],
                one["status"],
                one["summary"],
                one["local"],
                datetime.fromisoformat(one["starts"]),
                datetime.fromisoformat(one["ends"]),
            )
            for one in calendar["events"]
        ]
        for calendar in json.loads(done.stdout)
    ]


READERS: dict[str, Callable[[Sequence[str]], list[list[Said]]]] = {
    "icalendar": icalendar_reads,
    "vobject": vobject_reads,
    "ical.js": ical_js_reads,
}


@dataclass
class Diary:
    """A calendar program (RFC 5546, 2.1.5): the highest sequence of an event counts; CANCEL removes it."""

    known: dict[str, Said] = field(default_factory=dict)
    ignored: list[Said] = field(default_factory=list)

    def obey(self, events: Sequence[Said]) -> None:
        for event in events:
            before = self.known.get(event.uid)
            if before is not None and event.sequence < before.sequence:
                self.ignored.append(event)
            else:
                self.known[event.uid] = event

    @property
    def shown(self) -> list[tuple[str, str]]:
        """(Wall clock, title) of what stands in it, in order of time."""
        return sorted((event.local, event.summary) for event in self.known.values() if event.method != "CANCEL")
