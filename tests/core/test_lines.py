"""Long tables drawn in one go say exactly what a template's loop would."""

from __future__ import annotations

from markupsafe import Markup

from app.core.web import lines

LINE = Markup('<tr><td>%s</td><td class="50%%">%s</td></tr>')


def test_every_text_is_escaped_and_html_is_kept() -> None:
    drawn = lines(LINE, [("<b>&", Markup("<i>x</i>")), (7, 'Mo "Mo" O\'Dea %s')])
    assert drawn == (
        '<tr><td>&lt;b&gt;&amp;</td><td class="50%"><i>x</i></td></tr><tr><td>7</td><td class="50%">Mo &#34;Mo&#34; O&#39;Dea %s</td></tr>'
    )
    assert isinstance(drawn, Markup)


def test_a_text_may_hold_any_character() -> None:
    assert lines("[%s|%s]", [("a\x1fb", "<c>"), ("\x00", "")]) == "[a\x1fb|&lt;c&gt;][\x00|]"


def test_without_rows_there_is_nothing() -> None:
    assert lines(LINE, []) == ""


def test_a_cell_may_be_left_out() -> None:
    assert lines("%.0s<p>%s</p>", [(12, "x")]) == "<p>x</p>"
