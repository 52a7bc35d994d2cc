"""Whatever is wrong in a file is said with its line, its place, the reason and the remedy."""

from __future__ import annotations

import pytest

from app.frameworks.operations import prepare
from app.frameworks.reading import FileRefused, Problem, read
from tests.frameworks.drafts import ASYE, REFERENCE, RULES, altered

SET = """\
standards_sets:
  - code: SET
    version: "1"
    title: A set
    items:
      - {code: SET-1, number: 1, title: First}
"""
GROWING = b"a: &a [x, x, x, x, x, x, x, x]\n" + b"".join(  # each line eight times the one before
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 8)) for n in range(8)
)
APPRENTICESHIPS = (REFERENCE / "apprenticeships.yaml").read_text()


def problems(text: str | bytes) -> list[Problem]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(FileRefused) as refused:
        prepare([("file.yaml", content)])
    return refused.value.problems


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


@pytest.mark.parametrize(
    ("content", "line", "wrong"),
    [
        (b"", 1, "The file is empty."),
        (b"\xef\xbb\xbf\n# nothing\n", 1, "The file is empty."),
        (b"a: 1\nb: \xff", 2, "This is not text in UTF-8."),
        (b"a: 1\nb:\n\tc: 2\n", 3, "not well-formed YAML"),
        (b"a: 1\nb: c: d\n", 2, "not well-formed YAML"),
        (b"a: 1\n---\nb: 2\n", 2, "not well-formed YAML"),
        (b"a: 1\nb: 2\na: 3\n", 3, "“a” is given twice; first on line 1."),
        (b"a: 1\nyes: 2\n", 2, "“yes” cannot be a name here."),
        (b"a: 1\n<<: {b: 2}\n", 2, "“<<” cannot be a name here."),
        (b"a: 1\nb: 1.5\n", 2, "'1.5' is neither text, a whole number, a date nor true or false."),
        (b"a: 1\nb: 2027-02-30\n", 2, "'2027-02-30' is not a value of a kind known here."),
        (b"a: 2026-01-01 10:00:00\n", 1, "is neither text, a whole number, a date nor true or false."),
        (b"a: \x07\n", 1, "There is a character here that YAML does not allow."),
        (b"a:\n  " + b"[" * 100_000, 2, "levels inside each other"),
        (GROWING, 6, "too large or too deep"),
        (b"a: &a [*a]\n", 1, "too large or too deep"),
        (b"x" * (1024 * 1024 + 1), 1, "The file is larger than 1024 kB."),
        (b"something: 1\n", 1, "The file does not say what it holds."),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(content: bytes, line: int, wrong: str) -> None:
    found = problems(content)
    assert [(each.file, each.line) for each in found] == [("file.yaml", line)]
    assert wrong in found[0].wrong and found[0].remedy


@pytest.mark.parametrize(
    ("old", "new", "where", "wrong", "remedy"),
    [
        ("  nominal_months: 12\n", '  nominal_months: "12"\n', "programme › nominal_months", "must be a whole number", "digits"),
        ("  provisional: false\n", "  provisional: maybe\n", "programme › provisional", "must be true or false", "without quotation marks"),
        ("  starts_from: null\n", '  starts_from: "2027-09-01"\n', "programme › starts_from", "must be a date", "2027-09-01"),
        ('  version: "2026-04"\n', "  version: 2026\n", "programme › version", "must be text", 'version: "2026"'),
        ("  kind: early_career\n", "  kind: course\n", "programme › kind", "“kind” cannot be “course”.", "early_career"),
        ("  code: ASYE-CF\n", "  code: asye\n", "programme › code", "cannot be “asye”", "capital letters"),
        ("  outcomes: [pass, fail]\n", "  outcomes: pass\n", "programme › outcomes", "must be a list", "hyphen"),
        ("  protected_percent: 10\n", "  protected_percent: 110\n", "programme › protected_percent", "is more than 100", ""),
        ("      due_month: 6\n", "      due: 6\n", "programme › stages › ASYE-3 › due", "“due” is not known here", "spelling"),
        (
            "          title: Heading page\n",
            "",
            "programme › stages › ASYE-1 › documents › HP1",
            "“title” is missing",
            "Add a line “title: …”",
        ),
        (
            "          kind: agreement\n",
            "          kind: contract\n",
            "programme › stages › ASYE-1 › documents › SAA › kind",
            "cannot be “contract”",
            "Use one of: form, observation",
        ),
        (
            "  eligibility:\n    registered: required\n",
            "  eligibility:\n    registered: required\n    registered: not_needed\n",
            "programme › eligibility",
            "“registered” is given twice",
            "Keep one",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_line_place_reason_and_remedy(old: str, new: str, where: str, wrong: str, remedy: str) -> None:
    text = altered(ASYE, (old, new))
    found = [each for each in problems(text) if each.where == where]
    assert found and wrong in found[0].wrong and remedy in found[0].remedy
    if new and "registered" not in new:
        assert found[0].line == line_of(text, new.strip("\n"))


@pytest.mark.parametrize(
    ("old", "new", "where", "wrong"),
    [
        (
            "signed_by: [nqsw, assessor, line_manager] # not",
            "signed_by: [nqsw, head] # not",
            "signed_by › number 2",
            "There is no role “head”",
        ),
        ("signed_by: [nqsw, assessor, line_manager] # not", "signed_by: [nqsw, nqsw] # not", "signed_by › number 2", "“nqsw” signs twice"),
        (
            "{code: line_manager, title: Line manager, side: assessing}",
            "{code: boss, title: Boss, side: assessing}",
            "roles › boss › code",
            "knows no part “boss”",
        ),
        ("title: Observer, side: assessing", "title: Observer, side: moderating", "roles › observer › side", "is on the side assessing"),
        (
            "title: Assessor, side: assessing",
            "title: Assessor, side: learner",
            "roles",
            "There must be one role on the learner's side, and there are 2",
        ),
        ("code: ASYE-4\n", "code: ASYE-3\n", "stages › ASYE-3 › code", "The stage “ASYE-3” is given twice"),
        ("due_month: 6\n", "due_month: 2\n", "stages › ASYE-3 › due_month", "before the stage above it"),
        ("- code: CONF\n", "- code: HP1\n", "documents › HP1 › code", "The document “HP1” stands in ASYE-1 too"),
        (
            "{code: how, label: How I do that,",
            "{code: consent, label: How I do that,",
            "items › consent › code",
            "stands in section statement too",
        ),
        (
            "direct_observations: 3,",
            "direct_observations: 4,",
            "minimum_evidence › direct_observations",
            "4 direct observations are needed, and the stages have room for 3",
        ),
        ("measure: workload}", "}", "checklist › workload", "Nothing says when this line is met"),
        ("kind: observation, at_least: 3}", "kind: observation}", "checklist › observations", "kind and at_least go together"),
        ("signed: [SAA]}", "signed: [HP1]}", "checklist › agreement › signed › number 1", "Nobody signs HP1"),
        ("signed: [RSPA5]}", "signed: [RSPA9]}", "checklist › final_report › signed › number 1", "There is no document “RSPA9”"),
        ("choices: [pass, fail]}", "choices: [pass, refer]}", "recommendation › choices", "one of the programme's outcomes"),
        ("choices: [pass, fail]}", "choices: [pass]}", "recommendation › choices", "two answers or more"),
        ("total_gbp: 2000", "total_gbp: 2500", "grant › total_gbp", "The total is not what is paid"),
        ("maximum_months: 24", "maximum_months: 6", "extension › maximum_months", "shorter than the usual one"),
        ("{document: SAA, signed_by", "{document: AGR, signed_by", "assessor_change › document", "There is no document “AGR”"),
        ("      kind: panel\n", "      kind: stage\n", "panel", "no stage has the kind panel"),
        ("  recommended_by: assessor", "  recommended_by: tutor", "recommended_by", "There is no role “tutor”"),
        ("  kind: early_career", "  kind: apprenticeship", "apprenticeship", "names its standard here"),
        ("title: Your own view\n", "title: Your own view\n                after: [head]\n", "after › number 1", "There is no role “head”"),
        (
            "title: Your own view\n",
            "title: Your own view\n                after: [line_manager]\n",
            "after › number 1",
            "“line_manager” has nothing to answer before this section.",
        ),
    ],
)
def test_what_does_not_hold_together_is_said(old: str, new: str, where: str, wrong: str) -> None:
    found = problems(altered(ASYE, (old, new)))
    assert [each for each in found if each.where.endswith(where) and wrong in each.wrong and each.remedy and each.line > 1], found


@pytest.mark.parametrize(
    ("text", "change", "where", "wrong"),
    [
        (RULES, ("every_days: 7}", "every_days: 7, every_months: 1}"), "periods › number 1", "in days or in months"),
        (RULES, ("from_day: 42,", "from_day: 43,"), "periods › number 2", "does not begin where the one before ends"),
        (
            RULES,
            ("from_month: 6, every_months: 1}", "from_month: 6, to_month: 9, every_months: 1}"),
            "periods › number 3",
            "Every period but the last has an end",
        ),
        (RULES, ("SUP-ECDP", "SUP-ASYE"), "SUP-ASYE", "SUP-ASYE 2026 is given twice"),
        (
            APPRENTICESHIPS,
            ("otj_minimum_hours: null", "otj_minimum_hours: 500"),
            "ST0510 › otj_minimum_hours",
            "Nothing says where this figure is from",
        ),
        (
            APPRENTICESHIPS,
            ("starts_to: 2025-07-31", "starts_to: 2021-07-31"),
            "APP-2022 › starts_to",
            "The last start date is before the first",
        ),
        (
            SET,
            ("number: 1, title: First}", "number: 1, title: First}\n      - {code: SET-2, number: 1, title: Second}"),
            "SET-2 › number",
            "Two standards have the number 1",
        ),
        (
            SET,
            ("    items:", "    in_force_from: 2027-04-01\n    in_force_to: 2027-03-31\n    items:"),
            "SET › in_force_to",
            "out of force before",
        ),
    ],
)
def test_rules_and_standards_that_do_not_hold_together(text: str, change: tuple[str, str], where: str, wrong: str) -> None:
    found = problems(altered(text, change))
    assert [each for each in found if each.where.endswith(where) and wrong in each.wrong], found


def test_a_section_may_come_after_somebody_and_others_keep_their_fingerprint() -> None:
    """Where it is not said it is not kept, so that definitions from before are the same to the letter."""
    later = altered(ASYE, ("title: Your own view\n", "title: Your own view\n                after: [observer]\n"))
    before, after = (str(prepare([("file.yaml", text.encode())])[0].made.model_dump(mode="json")) for text in (ASYE, later))
    assert "'after'" not in before and "'after': ['observer']" in after


def test_every_problem_of_every_file_is_said_at_once() -> None:
    one, two = altered(ASYE, ("nominal_months: 12", "nominal_months: 0"), ("kind: plan\n", "kind: list\n")), "something: 1\n"
    with pytest.raises(FileRefused) as refused:
        prepare([("one.yaml", one.encode()), ("two.yaml", two.encode())])
    assert {each.file for each in refused.value.problems} == {"one.yaml", "two.yaml"}
    assert len(refused.value.problems) == 4  # the months, the two plans that say their kind in a line of its own, and the other file
    assert [each.line for each in refused.value.problems if each.file == "one.yaml"] == sorted(
        each.line for each in refused.value.problems if each.file == "one.yaml"
    )
    assert "There are 4 problems. The first: one.yaml, line" in refused.value.message


def test_a_tag_never_calls_anything() -> None:
    """A tag names no kind of ours: the list behind it is only a list."""
    assert read("file.yaml", b"a: !!python/object/apply:os.system [ls]\n").data == {"a": ["ls"]}


def test_text_is_tidied_so_that_the_same_words_are_the_same() -> None:
    decomposed = 'a: "Cafe\u0301"\nb: |\n  two   \n  lines\n'
    assert read("x", decomposed.encode()).data == {"a": "Café", "b": "two\nlines"}
