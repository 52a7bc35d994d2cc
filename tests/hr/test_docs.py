import re
from dataclasses import fields

from app.core.config import ROOT
from app.hr.mapping import _KEYS, COLUMNS, Mapping, load_mapping

TEXT = (ROOT / "docs" / "hr-extract.md").read_text()


def test_every_column_and_entry_is_documented() -> None:
    assert [column for column in COLUMNS if f"`{column}`" not in TEXT] == []
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    mapping = load_mapping(example[1])
    assert [key for key in _KEYS if f"{key}:" not in example[1]] == []
    left_alone = {f.name for f in fields(Mapping) if getattr(mapping, f.name) == getattr(Mapping(), f.name)}
    assert left_alone == {"dates", "units", "create_units"}
