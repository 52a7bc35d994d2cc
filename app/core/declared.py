"""Tables declared as classes with typed columns: `name: Mapped[str]`, `unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))`.

A declaration reads as SQLAlchemy's own do, but nothing is mapped: at run time such a class is its table, and its attributes are the table's
columns, so that statements are those of Core alone (docs/decisions/0031). To a type checker a column knows the type of its values.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, get_args

from sqlalchemy import Column, FromClause, MetaData, Table

T = TypeVar("T")


class Mapped(Generic[T]):
    """Annotates a column by the type of its values; `| None` where it may be NULL."""

    if TYPE_CHECKING:

        def __get__(self, instance: None, owner: Any) -> Column[T]: ...


class _Column:
    """What is said of a column beyond the type of its values: it is made once the class is known, anew for each that inherits it."""

    def __init__(self, *said: Any, **options: Any) -> None:
        self.said, self.options = said, options

    def made(self, name: str, values: Any, kinds: dict[Any, Any]) -> Column[Any]:
        (kind,) = get_args(values)
        several = [each for each in get_args(kind) if each is not NoneType]
        nullable = NoneType in get_args(kind)
        if nullable and len(several) == 1:
            (kind,) = several
        typed = [] if kind not in kinds or any(self._is_type(each) for each in self.said) else [kinds[kind]]
        column = Column(*typed, *self.said, **{"nullable": nullable, **self.options})
        column.name = column.key = name  # a plain string: Column would make a quoted_name of it, which readers of rows are slow with
        return column

    @staticmethod
    def _is_type(said: Any) -> bool:
        """A foreign key's column has the type of the one that it names."""
        return hasattr(said, "dialect_impl") or hasattr(said, "target_fullname") or isinstance(said, type)


def mapped_column(*said: Any, **options: Any) -> Any:
    """SQLAlchemy's Column, but for its name and, where its values' type says enough, its type."""
    return _Column(*said, **options)


class Declared:
    """Whatever inherits from this and names a table is that table."""

    metadata: ClassVar[MetaData]
    __kinds__: ClassVar[dict[Any, Any]]  # which type of column the values of a type have
    __tablename__: ClassVar[str]
    __table__: ClassVar[Table]
    __table_args__: ClassVar[tuple[Any, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__tablename__" in cls.__dict__:
            columns = [made.made(name, values, cls.__kinds__) for name, values, made in _declared(cls)]
            columns.sort(key=lambda column: column.name != "id")  # it comes first
            rules = [each for each in cls.__table_args__ if not isinstance(each, dict)]
            options = {name: value for each in cls.__table_args__ if isinstance(each, dict) for name, value in each.items()}
            cls.__table__ = Table(cls.__tablename__, cls.metadata, *columns, *rules, **options)
            for column in columns:
                setattr(cls, column.name, column)

    @classmethod
    def __clause_element__(cls) -> Table:
        """What SQLAlchemy takes where a class stands for its table."""
        return cls.__table__


def _declared(cls: type) -> Iterator[tuple[str, Any, _Column]]:
    """Name, annotation and declaration of each column: its own, and those that it inherits and does not say anew."""
    known: set[str] = set()
    for base in cls.__mro__:
        names = vars(sys.modules[base.__module__])
        for name, said in vars(base).get("__annotations__", {}).items():
            if name not in known and said.startswith("Mapped["):
                known.add(name)
                yield name, eval(said, names), vars(base).get(name) or _Column()  # noqa: S307 - the annotation of a class of ours


class _Again:
    """A table under another name."""

    def __init__(self, table: type[Declared], name: str | None) -> None:
        self._again = table.__table__.alias(name)
        vars(self).update(self._again.c)

    def __clause_element__(self) -> FromClause:
        return self._again


def aliased(table: type[T], name: str | None = None) -> type[T]:
    """The same table once more in a statement, under this name or one of SQLAlchemy's choice."""
    return cast("type[T]", _Again(cast("type[Declared]", table), name))
