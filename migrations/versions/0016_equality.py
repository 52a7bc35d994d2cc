"""Equality monitoring, kept apart from everything else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only, no_longer, refuse

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NOT_SAID, NOT_KNOWN = "Prefer not to say", "Not known"
ASKED: tuple[tuple[str, str, str, str, tuple[tuple[str, str], ...]], ...] = (
    # code, title, question, hint, answers: (words, the group that they are counted in)
    (
        *("age", "Age", "How old are you?", ""),
        tuple((band, band) for band in ("Under 25", "25 to 34", "35 to 44", "45 to 54", "55 to 64", "65 or over")),
    ),
    (*("sex", "Sex", "What is your sex?", ""), (("Female", "Female"), ("Male", "Male"))),
    (
        *("gender", "Gender identity", "Is the gender you identify with the same as your sex registered at birth?", ""),
        (("Yes", "Same as registered at birth"), ("No", "Different from registered at birth")),
    ),
    (
        *("disability", "Disability", "Are your day-to-day activities limited by a health condition or disability?"),
        "A condition that has lasted, or is expected to last, 12 months or more.",
        (("Yes, limited a lot", "Disabled"), ("Yes, limited a little", "Disabled"), ("No", "Not disabled")),
    ),
    (
        *("ethnicity", "Ethnic group", "What is your ethnic group?", "Choose the one that best describes your ethnic group or background."),
        (
            *(
                (words, "White")
                for words in ("English, Welsh, Scottish, Northern Irish or British", "Irish", "Gypsy or Irish Traveller", "Roma")
            ),
            ("Any other White background", "White"),
            *((f"White and {words}", "Mixed or multiple") for words in ("Black Caribbean", "Black African", "Asian")),
            ("Any other mixed or multiple background", "Mixed or multiple"),
            *(
                (words, "Asian or Asian British")
                for words in ("Indian", "Pakistani", "Bangladeshi", "Chinese", "Any other Asian background")
            ),
            *((words, "Black, Black British, Caribbean or African") for words in ("African", "Caribbean")),
            ("Any other Black, Black British or Caribbean background", "Black, Black British, Caribbean or African"),
            *((words, "Other") for words in ("Arab", "Any other ethnic group")),
        ),
    ),
    (
        *("religion", "Religion or belief", "What is your religion or belief?", ""),
        (
            *((words, words) for words in ("No religion", "Christian", "Buddhist", "Hindu", "Jewish", "Muslim", "Sikh")),
            ("Any other religion or belief", "Other"),
        ),
    ),
    (
        *("orientation", "Sexual orientation", "Which of these best describes your sexual orientation?", ""),
        (
            ("Straight or heterosexual", "Straight or heterosexual"),
            *((words, "Gay, lesbian, bisexual or other") for words in ("Gay or lesbian", "Bisexual", "Other sexual orientation")),
        ),
    ),
    (
        *("caring", "Caring", "Do you look after somebody who could not manage without you?"),
        "A child under 18, or an adult who is ill, disabled or old; not as part of your work.",
        (("Yes", "Carer"), ("No", "Not a carer")),
    ),
)


def upgrade() -> None:
    _reference()
    _answers()
    op.create_table(
        "equality_figures",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", KEY, nullable=True),
        sa.Column("below", KEY, nullable=False),
        sa.Column("told", JSON_TYPE, nullable=False),
        sa.CheckConstraint("below > 1", name=op.f("ck_equality_figures_below")),
        sa.ForeignKeyConstraint(["call_id"], ["programme_calls.id"], name=op.f("fk_equality_figures_call_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["people.id"], name=op.f("fk_equality_figures_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_equality_figures")),
        sa.UniqueConstraint("call_id", name="uq_equality_figures_call"),
    )
    append_only("equality_figures")


def _reference() -> None:
    characteristics = op.create_table(
        "equality_characteristics",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_equality_characteristics")),
        sa.UniqueConstraint("position", name=op.f("uq_equality_characteristics_position")),
    )
    options = op.create_table(
        "equality_options",
        sa.Column("characteristic", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("counted_as", sa.String(), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.ForeignKeyConstraint(["characteristic"], ["equality_characteristics.code"], name=op.f("fk_equality_options_characteristic")),
        sa.PrimaryKeyConstraint("characteristic", "code", name=op.f("pk_equality_options")),
        sa.UniqueConstraint("characteristic", "position", name="uq_equality_options_position"),
    )
    for position, (code, title, question, hint, answers) in enumerate(ASKED, 1):
        op.bulk_insert(characteristics, [dict(code=code, title=title, question=question, hint=hint, position=position)])
        rows = [(f"{n:02}", words, group, n) for n, (words, group) in enumerate(answers, 1)]
        op.bulk_insert(
            options,
            [
                dict(characteristic=code, code=key, title=words, counted_as=group, position=n)
                for key, words, group, n in [*rows, ("not-said", NOT_SAID, NOT_KNOWN, 99)]
            ],
        )


def _answers() -> None:
    op.create_table(
        "equality_answers",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("characteristic", sa.String(), nullable=False),
        sa.Column("option", sa.String(), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["characteristic", "option"],
            ["equality_options.characteristic", "equality_options.code"],
            name=op.f("fk_equality_answers_characteristic_option"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_equality_answers_person_id")),
        sa.PrimaryKeyConstraint("person_id", "characteristic", name=op.f("pk_equality_answers")),
    )
    op.create_table(
        "equality_objections",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_equality_objections_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_equality_objections")),
    )
    hold = "SELECT 1 FROM people WHERE id = NEW.person_id FOR UPDATE"
    objected = "EXISTS (SELECT 1 FROM equality_objections WHERE person_id = NEW.person_id)"
    answered = "EXISTS (SELECT 1 FROM equality_answers WHERE person_id = NEW.person_id)"
    for verb in ("INSERT", "UPDATE"):
        refuse("equality_answers", verb, f"equality_answers_objected_{verb.lower()}", objected, hold=hold)
    refuse("equality_objections", "INSERT", "equality_objections_answered", answered, hold=hold)


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name in ("equality_answers_objected_insert", "equality_answers_objected_update"):
        no_longer("equality_answers", name)
    no_longer("equality_objections", "equality_objections_answered")
    for table in ("equality_figures", "equality_objections", "equality_answers", "equality_options", "equality_characteristics"):
        op.drop_table(table)
    if postgresql:
        op.execute("DROP FUNCTION equality_figures_append_only()")
