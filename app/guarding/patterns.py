"""What details of children and families look like in text. Every pattern is bounded, so that no text makes it slow (tests/guarding).

All of them run over a copy of the text of the same length, in which every kind of space, dash and digit is the plain one.
"""

from __future__ import annotations

import re

SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t"
DASHES = "‐‑‒–—―−﹣－"
PLAIN = (
    dict.fromkeys(map(ord, SPACES), " ")
    | dict.fromkeys(map(ord, DASHES), "-")
    | dict.fromkeys(map(ord, "‘’‛ʼ＇"), "'")
    | {0xFF10 + n: str(n) for n in range(10)}
    | {0x660 + n: str(n) for n in range(10)}
    | {ord("＠"): "@"}
)
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Characters that take no room: they come with pasted text, and would hide what stands around them."""

# Dates -------------------------------------------------------------------------------------------------------------

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?)"
)
_DATE = (
    r"(?:\d{4}-\d{1,2}-\d{1,2}"
    r"|\d{1,2} ?[/.-] ?\d{1,2} ?[/.-] ?(?:\d{4}|\d{2})(?!\d)"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of|-)? ?{_MONTH}\.?,?[ -]?(?:\d{{4}}|'?\d{{2}})(?!\d)"
    rf"|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_FILLER = (
    r"(?:[ \n:=,(\-]|is|was|on|the|as|recorded|given|were|are|of|for|him|her|them|he|she|they|child|children|both|being|"
    r"in [A-Z][a-z]{1,15}){0,8}"
)
BORN = re.compile(
    r"(?<![a-z])(?:d\.? ?o\.? ?b\b\.?|dates? of birth|birth ?date|birthday|born|b\.(?= ?\d))" + _FILLER + rf"(?P<date>{_DATE})",
    re.IGNORECASE,
)
BORN_AFTER = re.compile(
    rf"(?<![\w/])(?P<date>{_DATE})[ )\],(:-]{{0,3}}(?:\(?d\.? ?o\.? ?b\b|(?:is|was|being) (?:his|her|their|"
    rf"the \w{{1,12}}'s) (?:date of birth|birthday|d\.?o\.?b))",
    re.IGNORECASE,
)
_NAME = r"(?:[A-Z][a-z]{1,20}|[A-Z]'[A-Z][a-z]{1,20})(?:-[A-Z][a-z]{1,20})?"
NAMED_DATE = re.compile(
    rf"(?<![\w'-])(?P<name>{_NAME}(?: (?:{_NAME}|"
    rf"[A-Z]\.?)){{1,3}}) ?[,(:-]{{0,2}} ?(?:aged? \d{{1,2}}[,;]? ?)?(?P<date>(?i:{_DATE}))(?![\d/])"
)
NOT_NAMES = frozenset(
    """academy act acts agency agenda agreement annual appendix april assessment august authority away bill board boards briefing building
    bulletin care careers case celebration central centre chapter children circular code college committee community conference
    conduct continuing convention core council county course court data day days december department development direct directive
    disability draft duty early education effective england english essentials event every exam executive extended fair family
    february forum foster foundation framework friday group guidance handbook health hearing help higher home hospital house housing
    human improvement independent induction inquiry inspection interim january joint journal july june justice keeping knowledge
    learning lecture legal level line local management manager march masterclass matters may meeting mental midway module monday munro
    national newsletter notes november observation october office ofsted order panel parliament partnership part performance placement
    plan planning policy portfolio practice principal professional programme progress protection protocol public queen king quarter
    reading reflection reflective regional regulation regulations release report research residential restorative review reviewing
    reviews rights round royal safeguarding safeguards saturday school seminar september serious service services session shadowing
    skills social society stage standard standards statement statutory strategy summary summit sunday supervision support systemic
    team term the third thursday together training tuesday unit united university update version virtual visit wednesday week welfare
    westmarch with work workshop worker working year young youth zoom teams moderation cohort interview webinar spring summer autumn
    winter lord lady mr mrs ms dr miss professor""".split()
)
"""Words that begin with a capital and make a title of two words, not somebody's name."""

# Numbers -----------------------------------------------------------------------------------------------------------

NHS = re.compile(r"(?<![\w/.+])(?<!\d[ -])(?P<number>\d{3}(?P<gap>[ -]?)\d{3}(?P=gap)\d{4})(?!-?\w)(?! \d{3})")
NHS_SAID = re.compile(
    r"(?<![a-z])(?:NHS|CHI|H ?& ?C)(?: (?:number|num|no|id|ref(?:erence)?))?\.?[ :=#(-]{0,3}(?:is|"
    r"was)?[ :]{0,2}(?P<number>\d(?:[ .-]?\d){9})(?!\d)",
    re.IGNORECASE,
)
PHONE = re.compile(r"(?<![\w+/-])(?P<number>(?:(?:\+|00) ?44[ .-]?(?:\(0\)[ .-]?)?[1-9]\d|\(?0[1-9]\d)(?:[ ().-]{0,3}\d){8})(?!-?\w)")
NOT_A_CALLER = ("3", "5", "8", "9")
"""First digits, after the 0, of numbers that organisations and services have."""
OTHER_NUMBER = re.compile(
    r"(?:isbn|issn|doi|order|invoice|purchase|po|account|sort code|certificate|serial|ticket|booking|receipt|payroll|employee|asset|"
    r"licence|"
    r"library|barcode|card|membership|registration|company|charity|vat|grant|payment|budget|cost|journal|parcel|tracking|job|vacancy|"
    r"course|"
    r"meeting|webinar|passcode|zoom|part|stock|model|candidate|learner|student|transaction|delivery|warranty|contract|policy|record)"
    r"(?:[- ](?:centre|code|record|meeting))?(?:[- ](?:number|no|num|id|ref|reference|code))?\.?(?:[ :=#(]| is| was|'s|"
    r"of){0,4}(?:[A-Z]{1,5}-?)?$",
    re.IGNORECASE,
)
"""What stands before a number that is nobody's telephone and no NHS number."""
SERVICE = re.compile(
    r"(?:helpline|help line|switchboard|reception|front desk|hotline|duty (?:line|desk|team)|academy|samaritans|childline|office|"
    r"out[- ]of[- ]hours"
    r"(?: team)?|venue|hotel|it support|service desk|training team|training provider)"
    r"(?: (?:number|phone|team|line))?(?:[ :(,-]| is| on| at| number){0,4}$",
    re.IGNORECASE,
)
EMAIL = re.compile(r"(?<![\w.%+'-])(?P<local>\w[\w.%+'-]{0,63})@(?P<host>[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5})")
WORK_HOSTS = (
    ".gov.uk",
    ".nhs.uk",
    "nhs.net",
    ".police.uk",
    ".sch.uk",
    ".ac.uk",
    ".gov.scot",
    ".gov.wales",
    ".hscni.net",
    ".mod.uk",
    ".edu",
)
ROLE_BOXES = frozenset(
    "academy admin bookings careers contact enquiries events hello help info learning mail noreply no-reply office support training".split()
)

# Places ------------------------------------------------------------------------------------------------------------

AREAS = frozenset(
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G GL GU GY HA HD "
    "HG HP HR "
    "HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA "
    "SE SG SK "
    "SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE".split()
)
POSTCODE = re.compile(
    r"(?<![\w-])(?P<area>[A-Za-z]{1,2})(?P<district>\d[A-Za-z\d]?)(?P<gap> {0,2})(?P<inward>\d[ABD-HJLNP-UW-Zabd-hjlnp-uw-z]{2})(?![\w-])"
)
ORDINAL = re.compile(r"\d(?:st|nd|rd|th)")
CODE_BEFORE = re.compile(
    r"(?<![a-z])(?:course|module|session|room|unit|code|version|form|event|group|cohort|model|part|series|product|asset|seat|gate|bay|desk)"
    r"(?: code| number| no)?[ :(]{0,2}(?:is )?$",
    re.IGNORECASE,
)
_KINDS = (
    "street|road|avenue|lane|close|drive|crescent|court|gardens?|grove|terrace|place|way|square|hill|walk|mews|rise|row|parade|green|"
    "view|"
    "wharf|croft|fold|meadows?|bank|brow|yard|gate|villas|heights|fields?|cottages?|rd|st|ave|ln|cres|dr|gdns|terr"
)
STREET = re.compile(
    r"(?<![\w./£%-])(?P<lead>(?:(?:flat|apartment|apt|unit|room) ?\d{1,4}[a-z]?,? (?:of |"
    r"at )?)?)(?P<number>\d{1,4}[a-zA-Z]?(?:-\d{1,4})?),? "
    rf"(?P<street>[A-Z][\w'.-]{{1,20}}(?: (?!and |or |the )[A-Z][\w'.-]{{0,20}}){{0,2}}? (?P<kind>(?i:{_KINDS})))(?![\w'-])"
)
STREET_SAID = re.compile(
    r"(?<![a-z])(?:liv(?:es?|ed|ing)|resid(?:es?|ed|ing)|mov(?:es?|ed|ing)|address(?: is| was|:)?|stay(?:s|ed|ing)|hous(?:ed|ing)|"
    r"placed|home(?: is)?)"
    r"(?: (?:at|on|in|to|is|was|with \w{1,12}|from|back|now|temporarily|around|near)){0,3}:? "
    rf"(?P<place>(?:(?:flat|number|no\.?|apartment) )?(?:\d{{1,4}}[a-z]?,? )?(?:(?!the |my |a |and |one |each |"
    rf"to )[\w'.-]{{2,20}} ){{1,3}}?(?P<kind>{_KINDS}))(?![\w'-])",
    re.IGNORECASE,
)
HOUSEHOLD = re.compile(
    r"(?<![a-z])(?P<place>(?:flat|apartment) \d{1,4}[a-zA-Z]?,? (?P<house>[A-Z][\w'-]{1,20}(?: [A-Z][\w'-]{1,20}){0,2}))", re.IGNORECASE
)
NOT_A_STREET = re.compile(
    r"^(?:crown|county|family|high|magistrates'?|youth|supreme|appeal|coroner'?s?|moot|mock|central|combined|district|employment|"
    r"criminal|sheriff|hour|minute|day|week|month|year|open|steady|fresh|long|new|best|good|only|two|one|three|right|wrong|clear|safe|"
    r"restorative|relational|systemic) "
    r"(?:court|close|drive|way|view|place|rise|row|walk|gate|field|fields|bank|square|hill|green)s?$",
    re.IGNORECASE,
)
NOT_A_HOUSE = re.compile(
    r"(?:sections?|article|chapter|part|level|stage|module|week|unit|step|rule|tier|outcome|standard|day|year|regulation|paragraph|para|"
    r"schedule|pages?|table|figure|question|slide|item|s\.|ss\.|act|band|grade|group|cohort|vol|volume|issue|january|february|march|april|"
    r"may|june|july|august|september|october|november|december),? $",
    re.IGNORECASE,
)

# References --------------------------------------------------------------------------------------------------------

_REF = r"(?:reference number|reference no|ref(?:erence)?s?|number|numbers|no|nos|num|id|identifier|code|#)"
_FILE = (
    r"(?:case|family case|file|case file|record|client|child|child's|children's|family|referral|incident|crime|court|court case|mosaic|"
    r"liquid ?logic|lcs|ics|eclipse|care ?first|framework ?i|azeus|person|service user|patient|hospital|pupil|unique pupil|upn|cin|cp|cpp|"
    r"lac|cla|ehm|eha|mash|police|national insurance|ni|passport|home office|asylum|arc|benefit|tenancy|rent|social care|swift|protocol|"
    r"capita one|synergy)"
)
_SOMEBODY = (
    r"(?:his|her|their|family's|mother's|mum's|dad's|father's|parents?'s?|carer's|young person's|boy's|girl's|baby's|brother's|sister's)"
)
REFERENCE_SAID = re.compile(
    rf"(?<![\w-])(?:{_FILE} {_REF}|{_SOMEBODY} (?:reference number|ref(?:erence)?|case|id)|mosaic|liquid ?logic|lcs|upn|crn|(?P<bare>case))"
    r"\.?(?:[ :=#(,-]|is|was|number){0,5}(?<![a-z])"
    r"(?P<number>(?:[A-Za-z]{1,6}[ /-]?)?\d[A-Za-z0-9/*-]{2,20})(?![\w])",
    re.IGNORECASE,
)
REFERENCE = re.compile(
    r"(?<![\w/-])(?P<number>"
    r"[A-Z]{2}\d{2}[CPFZ]\d{5}"  # a family court's case
    r"|[A-HJ-NP-RT-Z]\d{11}[\dA-Z]"  # unique pupil number
    r"|[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"  # National Insurance
    r"|(?:LCS|ICS|CIN|CPP?|LAC|CLA|MASH|EHM|EHA|EHCP|MOS|LL|CYP|PID|CAF|YOS|YOT)(?:[ #:/-]{0,2}\d{5,10}|[ /-](?:19|20)?\d\d[/-]\d{3,6})"
    r")(?![\w/-])"
)
