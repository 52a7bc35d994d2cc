# ruff: noqa: S608 - the statements are put together from names and words that stand in this package or in the models
"""What must hold after a session: registers, learning records, completions, certificates, evaluation, and what follows from not coming."""

from __future__ import annotations

from app.invariants.rule import SEEN, Rule, listed

_MARKS = (
    "(SELECT booking_id, sum(CASE WHEN mark = 'present' THEN 1 ELSE 0 END) AS present, "
    "sum(CASE WHEN mark <> 'absent' THEN 1 ELSE 0 END) AS there FROM attendances GROUP BY booking_id)"
)
_PARTS = "(SELECT session_id, count(*) AS parts FROM parts GROUP BY session_id)"

AFTER_RULES = (
    Rule(
        "attendance-fits-the-state",
        "Marks are about parts of the booking's own session, and on a finished register its state is what "
        "they say: attended with every part, "
        "partly attended with some, did not attend or excused with none.",
        "bookings",
        "SELECT a.booking_id FROM attendances a JOIN bookings b ON b.id = a.booking_id JOIN parts p ON p.id = a.part_id "
        f"WHERE p.session_id <> b.session_id UNION SELECT b.id FROM bookings b JOIN {_MARKS} m ON m.booking_id = b.id "
        f"JOIN {_PARTS} p ON p.session_id = b.session_id WHERE (b.status = 'attended' AND m.present <> p.parts) "
        "OR (b.status = 'partly attended' AND (m.there = 0 OR m.present = p.parts)) "
        "OR (b.status IN ('did not attend', 'excused') AND m.there > 0)",
    ),
    Rule(
        "finished-registers-name-everybody",
        "Once its register is finished nobody's place on a session is merely booked.",
        "bookings",
        "SELECT b.id FROM sessions s JOIN bookings b ON b.session_id = s.id WHERE s.register_at IS NOT NULL AND b.status = 'booked'",
    ),
    Rule(
        "learning-follows-attendance",
        "Whoever a register says was there has one learning record of it, and nobody else has one.",
        "bookings",
        "SELECT l.booking_id FROM learning_records l LEFT JOIN bookings b ON b.id = l.booking_id WHERE l.booking_id IS NOT NULL "
        "AND l.superseded_at IS NULL AND (b.id IS NULL OR b.person_id <> l.person_id OR b.session_id <> l.session_id "
        "OR b.status NOT IN ('attended', 'partly attended')) UNION "
        "SELECT b.id FROM bookings b JOIN attendances a ON a.booking_id = b.id LEFT JOIN learning_records l ON l.booking_id = b.id "
        "AND l.superseded_at IS NULL WHERE b.status IN ('attended', 'partly attended') "
        "GROUP BY b.id HAVING count(DISTINCT l.id) <> 1",
    ),
    Rule(
        "completions-follow-attendance",
        "Whoever completed a course by attending a session attended it.",
        "completions",
        "SELECT c.id FROM completions c WHERE c.source = 'attendance' AND c.session_id IS NOT NULL AND c.superseded_at IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.session_id = c.session_id AND b.person_id = "
        "c.person_id AND b.status = 'attended')",
    ),
    Rule(
        "certificates-show-a-completion",
        "A certificate is the person's whose completion it shows, and is withdrawn when that no longer holds.",
        "certificates",
        "SELECT f.id FROM certificates f JOIN completions c ON c.id = f.completion_id WHERE c.person_id <> f.person_id "
        "OR (c.superseded_at IS NOT NULL AND f.withdrawn_at IS NULL)",
    ),
    Rule(
        "accepted-learning-completes",
        "Learning from elsewhere that was accepted is a completion of that course by that person.",
        "prior_learning",
        "SELECT l.id FROM prior_learning l JOIN completions c ON c.id = l.completion_id "
        "WHERE c.person_id <> l.person_id OR c.course_id <> l.course_id",
    ),
    Rule(
        "answers-were-asked-for",
        "Evaluation is asked of those who were there, and a session has no more answers than people who were asked and have answered.",
        "records",
        "SELECT 'evaluation_asks ' || e.id FROM evaluation_asks e JOIN bookings b ON b.id = e.booking_id WHERE b.person_id <> e.person_id "
        f"OR b.status NOT IN ({listed(SEEN)}) UNION ALL "
        "SELECT 'sessions ' || n.session_id FROM (SELECT session_id, kind, count(*) AS answers FROM evaluation_answers "
        "GROUP BY session_id, kind) n WHERE n.answers > (SELECT count(*) FROM evaluation_asks e JOIN bookings b ON b.id = e.booking_id "
        "WHERE b.session_id = n.session_id AND e.kind = n.kind AND e.answered_at IS NOT NULL)",
    ),
    Rule(
        "consequences-have-their-cause",
        "What follows from a late cancellation or from not coming stands only against the person who cancelled or did not come, "
        "and an appeal that was decided has its reason.",
        "consequences",
        "SELECT c.id FROM consequences c JOIN bookings b ON b.id = c.booking_id WHERE b.person_id <> c.person_id "
        "OR (c.kind = 'late' AND b.status <> 'cancelled') "
        "OR (c.kind = 'absent' AND c.journal_id IS NULL AND c.state IN ('stands', 'appealed', 'upheld') AND b.status <> 'did not attend') "
        "OR (c.state IN ('upheld', 'overturned') AND (c.decided_at IS NULL OR c.decision IS NULL))",
    ),
    Rule(
        "journals-add-up",
        "A journal has as many charges, and they come to as much, as it says.",
        "journals",
        "SELECT j.id FROM journals j LEFT JOIN consequences c ON c.journal_id = j.id GROUP BY j.id, j.charges, j.pence "
        "HAVING count(c.id) <> j.charges OR coalesce(sum(c.pence), 0) <> j.pence",
    ),
)
