"""Telling pages apart by what they are made of."""

from __future__ import annotations

from tests.markup import markup


def test_markup_tells_pages_apart() -> None:
    """More rows of the same kind are nothing new; another kind of element, or another state of one, is."""
    row = '<tr><td class="a">1</td></tr>'
    page = f'<main id="x"><table>{row * 2}</table></main><p>'
    assert markup(page) == markup(page.replace(row * 2, row * 9).replace(">1<", ">2<"))
    assert not markup(page.replace('<td class="a">1</td></tr></table>', "<td><b>1</b></td></tr></table>")) <= markup(page)
    assert not markup(page.replace('class="a"', 'class="b"')) <= markup(page)
