"""Filters: what can be looked up narrows the set in SQL; what is left of it is judged one by one, by the whole grammar of RFC 7644.

The set that is judged is limited, and so is a filter's size: whoever asks too much is refused quickly and told how to ask less.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

from scim2_models import ScimFilter
from scim2_models.path import Comparison, FilterVisitor, LogicalExpr, LogicalOperator, Not, Present, ValuePath
from sqlalchemy import ColumnElement, and_, false, func, or_, select

from app.core.facts import current
from app.hr.directory_models import ScimGroup, ScimUser
from app.hr.scim.errors import ScimRefusal
from app.hr.scim.reading import truths
from app.hr.scim.users import name_key
from app.people.models import Membership, Person

LONGEST = 8000  # characters
MOST_TERMS = 100
MOST_JUDGED = 5000  # resources looked at one by one for an answer
JUDGEMENTS = 30_000  # comparisons made for an answer: at most two seconds' work

Condition = ColumnElement[bool] | None


def tidy(text: str) -> str:
    """A filter of a size that is worth reading, or 400 invalidFilter."""
    if len(text) > LONGEST:
        raise ScimRefusal(f"The filter is longer than {LONGEST} characters.", "invalidFilter")
    small = text.lower()
    if small.count(" or ") + small.count(" and ") >= MOST_TERMS or text.count("(") > MOST_TERMS or text.count("[") > MOST_TERMS:
        raise ScimRefusal(f"The filter has more than {MOST_TERMS} terms.", "invalidFilter")
    return truths(text)


class Terms(FilterVisitor[int]):
    """How many comparisons a filter makes."""

    def visit_comparison(self, node: Comparison) -> int:  # noqa: ARG002
        return 1

    def visit_present(self, node: Present) -> int:  # noqa: ARG002
        return 1

    def visit_not(self, node: Not) -> int:
        return self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> int:
        return sum(self.visit(term) for term in node.terms)

    def visit_value_path(self, node: ValuePath) -> int:
        return self.visit(node.val_filter)


def check(filter_: ScimFilter[Any]) -> None:
    """400 invalidFilter for more terms than are judged."""
    if Terms().visit(filter_.ast) > MOST_TERMS:
        raise ScimRefusal(f"The filter has more than {MOST_TERMS} terms.", "invalidFilter")


def most_judged(filter_: ScimFilter[Any] | None) -> int:
    """How many resources are looked at for this filter: the more terms it has, the fewer."""
    return MOST_JUDGED if filter_ is None else min(MOST_JUDGED, JUDGEMENTS // Terms().visit(filter_.ast))


class Narrow(FilterVisitor[Condition], ABC):
    """SQL that everything the filter finds fulfils (None: nothing can be said). What fulfils it is still judged."""

    def __init__(self, today: Any) -> None:
        self.today = today

    @abstractmethod
    def equal(self, name: str, value: str) -> Condition:
        """`name` (in small letters, dotted) equals `value`."""

    @abstractmethod
    def later(self, since: datetime) -> Condition:
        """Changed at this instant or after."""

    def visit_comparison(self, node: Comparison, inside: str = "") -> Condition:
        path = node.attr_path
        name = ".".join(part for part in (inside, path.attr, path.sub_attr) if part).lower()
        if not isinstance(node.value, str):
            return None
        if node.op == "eq":
            return self.equal(name, node.value)
        if name == "meta.lastmodified" and node.op in ("gt", "ge"):
            try:
                since = datetime.fromisoformat(node.value)
            except ValueError:
                return None
            return self.later(since if since.tzinfo else since.replace(tzinfo=UTC))
        return None

    def visit_present(self, node: Present) -> Condition:  # noqa: ARG002
        return None

    def visit_not(self, node: Not) -> Condition:  # noqa: ARG002
        return None

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        return self._joined(node.op, [self.visit(term) for term in node.terms])

    def _joined(self, op: LogicalOperator, found: list[Condition]) -> Condition:
        known = [condition for condition in found if condition is not None]
        if op == LogicalOperator.and_:
            return and_(*known) if known else None
        return or_(*known) if len(known) == len(found) else None

    def visit_value_path(self, node: ValuePath) -> Condition:
        """`emails[type eq "work" and value eq "…"]`: comparisons inside are of the attribute outside."""
        inner = node.val_filter
        if isinstance(inner, Comparison):
            return self.visit_comparison(inner, node.attr_path.attr)
        if isinstance(inner, LogicalExpr):
            found = [self.visit_comparison(term, node.attr_path.attr) if isinstance(term, Comparison) else None for term in inner.terms]
            return self._joined(inner.op, found)
        return None


def _number(value: str, column: Any) -> ColumnElement[bool]:
    return column == int(value) if value.isascii() and value.isdigit() and len(value) < 16 else false()


class NarrowUsers(Narrow):
    """For users: names, numbers and addresses that are unique here, and when they changed."""

    def equal(self, name: str, value: str) -> Condition:
        """Directories ask for these all the time, so they must cost nothing."""
        if name == "username":
            return ScimUser.user_name_key == name_key(value)
        if name == "externalid":
            return ScimUser.external_id == value
        if name == "id":
            return _number(value, ScimUser.person_id)
        if name in ("emails", "emails.value"):
            return Person.email == value.lower()
        return Person.employee_number == value if name == "employeenumber" else None

    def later(self, since: datetime) -> Condition:
        """Whichever of the two rows changed."""
        return or_(ScimUser.updated_at >= since, Person.updated_at >= since)


class NarrowGroups(Narrow):
    """For groups: their ids, and who belongs to them."""

    def equal(self, name: str, value: str) -> Condition:
        """A name is compared in SQL as far as both databases agree on it."""
        if name == "externalid":
            return ScimGroup.external_id == value
        if name == "id":
            return _number(value, ScimGroup.unit_id)
        if name == "displayname" and value.isascii():
            return func.lower(ScimGroup.display_name) == value.lower()
        if name in ("members", "members.value"):
            theirs = select(Membership.unit_id).where(_number(value, Membership.person_id), current(Membership, self.today))
            return ScimGroup.unit_id.in_(theirs)
        return None

    def later(self, since: datetime) -> Condition:  # noqa: ARG002
        """Members come and go without the group's own row: every group is looked at."""
        return None
