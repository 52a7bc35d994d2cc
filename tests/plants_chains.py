"""A portfolio that three have signed, and ways to break what must hold of it."""

from __future__ import annotations

from sqlalchemy import update

from app.core.tx import Tx
from app.programmes.operations import heads
from app.programmes.portfolio_models import DailyHead, Opening, Revision
from tests.factory import Make
from tests.plants import plants
from tests.programmes.signing import signing


def a_portfolio(make: Make) -> None:
    """Signed by three, under a daily head."""
    room = signing(make)
    room.sign_all(room.freeze())
    with room.of() as tx:
        heads.daily_head(tx, [])


@plants("chains-hold")
def _(tx: Tx) -> None:
    tx.db.execute(update(Opening).where(Opening.path == "main/support").values(value='"Nothing."'))


@plants("documents-say-what-was-signed")
def _(tx: Tx) -> None:
    tx.db.execute(update(Revision).values(content={"support": "Nothing.", "own": "Patience."}))


@plants("daily-heads-hold")
def _(tx: Tx) -> None:
    tx.db.execute(update(DailyHead).values(entries=9, heads=[]))
