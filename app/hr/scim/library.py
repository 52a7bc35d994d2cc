"""scim2_models, with its refusals turned into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from scim2_models import Error, SCIMException

from app.hr.scim.errors import ScimRefusal
from app.hr.scim.schemas import POLICY


@contextmanager
def understood() -> Iterator[None]:
    """Inside, requests are read with the tolerance that Entra needs; what cannot be understood is refused in SCIM's words."""
    try:
        with POLICY:
            yield
    except ValidationError as wrong:
        raise _refusal(Error.from_validation_errors(wrong)[0]) from None
    except SCIMException as wrong:
        if isinstance(wrong.__cause__, ValidationError):
            raise _refusal(Error.from_validation_errors(wrong.__cause__)[0]) from None
        raise _refusal(wrong.to_error()) from None
    except RecursionError:
        raise ScimRefusal("This is nested too deeply.", "invalidSyntax") from None


def _refusal(error: Any) -> ScimRefusal:
    words = " ".join((error.detail or "This is not right.").split())
    return ScimRefusal(words[:500], error.scim_type or "", error.status or 400)
