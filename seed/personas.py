"""The people a newcomer can sign in as. They share one password, and the sign-in page names them in demonstration mode only."""

from __future__ import annotations

from dataclasses import dataclass

PASSWORD = "demonstration"


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody to try the service as: who they are, and what is worth trying first."""

    key: str
    first_name: str
    last_name: str
    role: str
    who: str
    try_this: str
    title: str
    unit: str  # the team's code

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"

    @property
    def email(self) -> str:
        """The address they sign in with."""
        return f"{self.first_name}.{self.last_name}@westmarch.example".lower()


PERSONAS = (
    Persona(
        "practitioner", "Priya", "Nair", "Practitioner", "A social worker in Aldermoor: a place within days, a turn on a waiting list.",
        "Accept the place that is held for you, say what a session was worth, and book another.", "Social Worker", "ASA-ALD-CPC",
    ),
    Persona(
        "nqsw", "Callum", "Reid", "Newly qualified social worker", "In the first months of the assessed and supported year.",
        "Look into your programme and its portfolio, and book the Essentials.", "Newly Qualified Social Worker", "ASA-ALD-CPC",
    ),
    Persona(
        "manager", "Joanne", "Pemberton", "Line manager", "Manages a child protection team; eight people report to her.",
        "Approve a request, say who comes to the places you reserved, and book for somebody.", "Team Manager", "ASA-ALD-CPC",
    ),
    Persona(
        "assessor", "Grace", "Adeyemi", "Assessor", "A practice educator who assesses two newly qualified social workers.",
        "Read and sign what waits for you, and see how the people you assess stand.", "Practice Educator", "QUA-ACA",
    ),
    Persona(
        "trainer", "Marcus", "Bell", "Trainer", "Delivers the Essentials, safeguarding and systemic days.",
        "Finish the register of your last session, and write to everybody on the next.", "Practice Development Lead", "QUA-ACA",
    ),
    Persona(
        "coordinator", "Zofia", "Nowak", "Coordinator", "Runs the academy's offer: courses, dates, rooms and lists.",
        "Look at the desk: what is stuck, too few people, appeals, and what people ask for.", "Academy Coordinator", "QUA-ACA",
    ),
    Persona(
        "psw", "Helen", "Ashworth", "Principal social worker", "Leads practice and the academy.",
        "See what is measured, a talent pool, and who has completed what.", "Principal Social Worker", "QUA-ACA",
    ),
    Persona(
        "hr", "Daniel", "Mensah", "HR officer", "Looks after people's records for the directorate.",
        "Try an HR extract as a dry run, and look at leavers and the workforce census.", "HR Officer", "COM-HRO",
    ),
    Persona(
        "board", "Ruth", "Calloway", "Board viewer", "Prepares papers for the Workforce Planning Board; may not see anybody's records.",
        "Read what is measured month by month, and see that people's records stay closed to you.",
        "Policy Adviser and Board Secretary", "DIR",
    ),
    Persona(
        "panel", "Imogen", "Clarke", "Panel member", "Reads portfolios for the moderation panel; chairs conferences otherwise.",
        "Open the next sitting, read a portfolio beside the criteria, and judge it.", "Child Protection Conference Chair", "QUA-IRO",
    ),
    Persona(
        "moderator", "Owen", "Whitfield", "External moderator", "Moderates a sample of portfolios for the regional partnership.",
        "Read a portfolio of the sample and say what you think.", "Practice Auditor", "QUA-QAP",
    ),
    Persona(
        "administrator", "Samuel", "Okafor", "Administrator", "Gives access, looks after API clients and the message queue.",
        "Give somebody a role, and read who did what in the audit trail under Access.", "Case System Officer", "COM-DAT",
    ),
)  # fmt: skip


def persona(key: str) -> Persona:
    """The persona with this key; KeyError if there is none."""
    for found in PERSONAS:
        if found.key == key:
            return found
    raise KeyError(key)
