"""From draft to published, and from published to withdrawn; a draft can be thrown away. Nothing else ever changes a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, select

from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.frameworks import queries
from app.frameworks.models import DocumentTemplate, Programme, ProgrammeStage, ProgrammeVersion, SupervisionRule
from app.frameworks.operations.loading import Loaded
from app.policy import Can, operation, require_for_host


@operation(Can.MANAGE_FRAMEWORKS)
def publish(tx: Tx, version_id: int) -> None:
    """From now on people can be enrolled on this version if they start within its dates. Running enrolments stay on theirs.

    Conflict if it is no draft, or if the supervision rule that it names is not published.
    """
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    row = _draft(tx, version_id)
    code = row.definition.get("supervision_rule")
    if code and queries.rule(tx, code) is None:
        raise Conflict(
            f"It relies on the supervision rule {code}, which is not published.",
            code="rule-not-published",
            way_out="Publish that rule first.",
        )
    tx.update(ProgrammeVersion, version_id, state="published", published_at=tx.now, published_by=tx.actor.person_id)
    names = dict(title=row.title, former_names=row.definition.get("former_names", []))
    tx.db.execute(Programme.__table__.update().where(Programme.code == row.programme_code).values(**names))
    tx.record("framework.published", "programme_versions", version_id, code=row.programme_code, version=row.version, digest=row.digest)


@operation(Can.MANAGE_FRAMEWORKS)
def withdraw(tx: Tx, version_id: int, reason: str) -> None:
    """No new enrolment goes on this version any more; those on it finish on it. The reason goes into the trail. It cannot be undone."""
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    row = tx.get(ProgrammeVersion, version_id, lock=True, what="version of a programme")
    if row.state != "published":
        raise Conflict(f"Only a published version can be withdrawn, and this one is {_STATE[row.state]}.", code="version-not-published")
    said = reason.strip()
    if not said or len(said) > 500:
        raise Invalid("Say why it is withdrawn.", errors=[{"field": "reason", "message": "Say why, in up to 500 characters"}])
    tx.update(ProgrammeVersion, version_id, state="withdrawn")
    tx.record("framework.withdrawn", "programme_versions", version_id, code=row.programme_code, version=row.version, reason=said)


@operation(Can.MANAGE_FRAMEWORKS)
def discard(tx: Tx, version_id: int) -> None:
    """Throw a draft away with all its stages and documents."""
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    row = _draft(tx, version_id)
    for table in (DocumentTemplate, ProgrammeStage):
        tx.db.execute(delete(table).where(table.version_id == version_id))
    tx.db.execute(delete(ProgrammeVersion).where(ProgrammeVersion.id == version_id))
    tx.record("framework.discarded", "programme_versions", version_id, code=row.programme_code, version=row.version)


@operation(Can.MANAGE_FRAMEWORKS)
def publish_rule(tx: Tx, rule_id: int) -> None:
    """This version of a supervision rule counts for enrolments from now on; earlier ones keep theirs."""
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    row = tx.get(SupervisionRule, rule_id, lock=True, what="supervision rule")
    if row.state != "draft":
        raise Conflict(f"Only a draft can be published, and this one is {_STATE[row.state]}.", code="version-not-draft")
    tx.update(SupervisionRule, rule_id, state="published")
    tx.record("framework.published", "supervision_rules", rule_id, code=row.code, version=row.version)


def publish_loaded(tx: Tx, loaded: Sequence[Loaded]) -> int:
    """Publish the drafts among what was loaded, rules first; returns how many those were. What is published or withdrawn stays so."""
    done = 0
    for table, verb in ((SupervisionRule, publish_rule), (ProgrammeVersion, publish)):
        keys = [each.key for each in loaded if each.kind == KINDS[table.__tablename__]]
        for row in tx.rows(select(table.id).where(table.id.in_(keys), table.state == "draft").order_by(table.id)):
            verb(tx, row.id)
            done += 1
    return done


KINDS = {"supervision_rules": "supervision rule", "programme_versions": "programme"}
_STATE = {"draft": "a draft", "published": "published", "withdrawn": "withdrawn"}


def _draft(tx: Tx, version_id: int) -> Row[Any]:
    row = tx.get(ProgrammeVersion, version_id, lock=True, what="version of a programme")
    if row.state != "draft":
        raise Conflict(f"This is possible for a draft only, and this version is {_STATE[row.state]}.", code="version-not-draft")
    return row
