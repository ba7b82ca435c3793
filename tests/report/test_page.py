"""The page: texts are only ever text, nothing is loaded, nothing hides, nothing undefined prints as a number."""

import base64
import hashlib
import math
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from jinja2 import meta

from understudy.evaluation import Interval, TrustMeasure
from understudy.records import Span
from understudy.report.as_json import report_json, summary_json
from understudy.report.data import Disagreement, Distrusted, NoiseTrial, Remark, SearchResult, SearchTrial
from understudy.report.figures import draw_figures
from understudy.report.page import Page, render
from understudy.report.rows import _trust_verdict
from understudy.report.templating import _printed, environment
from understudy.report.texts import _cut, in_words
from understudy.settings import Codebook, Label

PAYLOADS = (
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "<svg/onload=window.pwned=1>",
    "</script><script>window.pwned=1</script>",
    "<details open ontoggle=window.pwned=1>",
    "[x](javascript:window.pwned=1)",
    '<a href="data:text/html,<script>window.pwned=1</script>">',
    "{{constructor.constructor('window.pwned=1')()}}",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=window.pwned=1>",
    "</textarea><script>window.pwned=1</script>",
    '<!--<img src="--><img src=x onerror=window.pwned=1>',
    "</style><script>window.pwned=1</script>",
    "![](http://127.0.0.1:9/?q=1)",
)
TAGS = """
html head meta title style body a header p h1 h2 h3 code dl div dt dd br small section ol ul li span nav figure img
figcaption table caption thead tbody tfoot tr th td details summary strong article blockquote svg rect pre footer q b
mark bdi
"""
ATTRIBUTES = """
lang charset http-equiv content name class id aria-labelledby aria-label aria-hidden href src alt width height tabindex
role scope rowspan colspan title dir viewbox preserveaspectratio
"""
PREFIX = "data:image/svg+xml;base64,"


class Reader(HTMLParser):
    """Collects every element and attribute, and the text outside the stylesheet."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.is_style = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.is_style = tag == "style"

    def handle_endtag(self, tag):
        self.is_style = False

    def handle_data(self, data):
        self.text += "" if self.is_style else data


def printed(data, figures=None):
    return render(data, draw_figures(data) if figures is None else figures, "report.json", "report-figures")


@pytest.fixture(scope="module")
def page(six_labels, figures):
    return printed(six_labels, figures)


@pytest.fixture(scope="module")
def hostile(build_report):
    """Everything that can come from outside is a payload."""
    arms = tuple(
        (name, n, human, skill) for name, (n, human, skill) in zip(
            ("teacher+human", PAYLOADS[0], PAYLOADS[1]), ((200, 100, 0.6), (100, 100, 0.4), (0, 0, 0.5)), strict=True
        )
    )  # fmt: skip
    data = build_report(labels=PAYLOADS[:5], n=80, arms=arms)
    label = Label(name="x", definition=PAYLOADS[2], clarification=PAYLOADS[0], negative_clarification=PAYLOADS[1],
                  positive_example=PAYLOADS[3], negative_example=PAYLOADS[4])  # fmt: skip
    labels = tuple(label.model_copy(update={"name": name}) for name in PAYLOADS[:5])
    disagreements = [Disagreement(one, one, one, PAYLOADS[0], PAYLOADS[1], 0.5) for one in PAYLOADS]
    return replace(
        data,
        project=PAYLOADS[11],
        headline=f"F1 of `{PAYLOADS[0]}`",
        created_at=PAYLOADS[0],
        version=PAYLOADS[0],
        student_kind=PAYLOADS[0],
        codebook=Codebook(instructions=PAYLOADS[8], labels=labels),
        recommendation=f"Deploy `{PAYLOADS[1]}`",
        teacher=replace(data.teacher, name=PAYLOADS[1], gate_roles=PAYLOADS[0], reasons=dict.fromkeys(PAYLOADS, 1),
                        models_answered=PAYLOADS,
                        gate=replace(data.teacher.gate, reason=PAYLOADS[1], trivial_answer=PAYLOADS[0])),
        disagreements=tuple(disagreements),
        remarks=tuple(Remark(one, one, (one,)) for one in PAYLOADS),
        notes=PAYLOADS,
        provenance={one: one + "\n" + one for one in PAYLOADS},
        commands=PAYLOADS,
    )  # fmt: skip


def test_S_01_and_S_02_payloads_stay_text(hostile):
    read = Reader(printed(hostile))
    assert set(read.tags) <= set(TAGS.split())
    assert {name for _, name, _ in read.attributes} <= set(ATTRIBUTES.split())
    for payload in PAYLOADS:
        assert payload in read.text


def test_S_05_policy_allows_no_script_and_fits_the_stylesheet(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    css = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert "\r" not in css


def test_I_12_nothing_is_loaded_from_anywhere(hostile):
    page = printed(hostile)
    for tag, name, value in Reader(page).attributes:
        if name == "src":
            assert (tag, value[: len(PREFIX)]) == ("img", PREFIX)
        if name == "href":
            assert (tag, value[0]) == ("a", "#")
    css = files("understudy.report").joinpath("templates", "report.css").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import", css)


def test_links_inside_the_page_arrive(page):
    read = Reader(page)
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids)) == 15
    assert {value[1:] for _, name, value in read.attributes if name == "href"} <= set(ids)
    assert {value for _, name, value in read.attributes if name == "aria-labelledby"} == set(ids)


def test_D_08_hidden_characters_are_named_wherever_they_come(six_labels, figures):
    ugly = "a\x00b\x1b[2J\u202ec\u200b\u2028\ud83d"
    page = printed(
        replace(
            six_labels,
            project=ugly,
            notes=(ugly,),
            disagreements=(Disagreement(ugly, ugly, ugly, None, ugly, 0.9),),
            provenance={ugly: ugly},
        ),
        figures,
    )
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\ud800-\udfff]", page)
    page.encode()
    assert '<span class="hidden-characters" title="hidden characters">U+202E</span>' in page


def test_L_14_undefined_prints_as_a_dash_with_the_reason(six_labels):
    arm = six_labels.arms[0]
    headline = replace(arm.scores.headline, f1=math.nan, precision=math.nan, recall=math.nan)
    labels = tuple(replace(one, precision=math.nan, predicted=0.0) for one in six_labels.arms[-1].scores.labels)
    direct = replace(six_labels.arms[-1], scores=replace(six_labels.arms[-1].scores, labels=labels))
    undefined = replace(arm, scores=replace(arm.scores, headline=headline), intervals={}, seed_f1=(math.nan,) * 3)
    data = replace(six_labels, arms=(undefined, *six_labels.arms[1:-1], direct),
                   disagreements=(Disagreement("1", "t", "a", "b", "b", math.nan),))  # fmt: skip
    text = Reader(printed(data)).text
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert "— (3)" in text
    assert text.count("never given") >= 7
    assert "the student states none" in text


def test_long_texts_are_folded_and_whole(six_labels, figures):
    long = "gull " * 4_000
    text = Reader(
        printed(replace(six_labels, disagreements=(Disagreement("1", long, "a", "b", "b", 0.5),)), figures)
    ).text
    assert text.count("gull") == 4_000
    assert "The rest, to 20,000 characters" in text


@pytest.mark.parametrize(("text", "cut"), [("x" * 500, 500), ("x" * 20_000, 420), ("word " * 200, 419)])
def test_cut(text, cut):
    assert _cut(text) == cut


def test_cut_texts_lose_no_character(six_labels):
    text = "\n".join(f"{i} 政府\u202e" for i in range(300))
    assert text[: _cut(text)] + text[_cut(text) :] == text
    assert 0 < _cut(text) < len(text)


def test_every_figure_has_words_for_who_cannot_see_it(page, figures):
    images = [dict(pairs) for pairs in _images(page)]
    assert len(images) == len(figures)
    assert all(len(image["alt"]) > 40 for image in images)


def _images(page):
    found = []
    reader = Reader("")
    reader.handle_starttag = lambda tag, attrs: found.append(attrs) if tag == "img" else None
    reader.feed(page)
    return found


def test_every_column_and_row_of_a_table_is_headed(page):
    for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
        assert "<caption>" in table
        assert 'scope="col"' in table
    assert not re.search(r"<th(?![^>]*scope=)[ >]", page)


def test_numbers_come_with_interval_and_n(page, six_labels):
    arm = six_labels.arms[1]
    interval = arm.intervals["f1"]
    row = next(row for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if ">human-250<" in row)
    assert f"{arm.scores.headline.f1:.3f}" in row
    assert f"[{interval.low:.3f}, {interval.high:.3f}]" in row
    assert "250" in row


def test_outcomes_add_up_on_the_page(page, six_labels):
    text = re.sub(r"\s+", " ", Reader(page).text)
    assert "Each of the 2,000 texts" in text
    for outcome, n in six_labels.teacher.outcomes.items():
        assert re.search(rf"{outcome.value} ?{n:,}", text)


def test_unknown_costs_are_not_free(six_labels, figures):
    data = replace(six_labels, teacher=replace(six_labels.teacher, cost_usd=None))
    assert "unknown is not free" in Reader(printed(data, figures)).text


def test_trust_stands_beside_consistency_and_the_interval_decides(six_labels, figures):
    def measure(trust, consistency, low, high):
        return TrustMeasure(trust, consistency, Interval(low, high, "paired bootstrap"))

    report = replace(
        six_labels.teacher.trust,
        auroc=measure(math.nan, math.nan, math.nan, math.nan),
        ece=measure(0.031, 0.094, -0.09, -0.02),
        brier=measure(0.121, 0.119, -0.01, 0.014),
    )
    text = Reader(printed(replace(six_labels, teacher=replace(six_labels.teacher, trust=report)), figures)).text
    rows = dict(re.findall(r"(ROC curve|calibration error|Brier score) (?:higher|lower) is better(.*)", text))
    assert "needs right and wrong labels" in rows["ROC curve"]
    assert rows["calibration error"] == "0.0310.094-0.063 [-0.090, -0.020]trust"
    assert rows["Brier score"] == "0.1210.1190.002 [-0.010, 0.014]not decidable"


def test_recipes_against_noise_say_what_they_did_and_why_not(six_labels, figures, page):
    assert "Recipes against wrong" not in Reader(page).text
    trials = (
        NoiseTrial("teacher-1000", "gold-x4", "gold mixed in", n=120, f1=0.45, plain_f1=0.39, gain=0.06,
                   gain_interval=(0.01, 0.11), is_better=True, is_used=True),
        NoiseTrial("teacher-1000", "elr", "early learning", n=120, f1=0.38, plain_f1=0.39, gain=-0.01,
                   gain_interval=(-0.04, 0.02)),
        NoiseTrial("teacher-1000", "filter", "inconsistent left out", reason="the answers do not differ"),
    )  # fmt: skip
    text = Reader(printed(replace(six_labels, noise=trials), figures)).text
    assert "gold-x4 gold mixed in1200.4500.3900.060 [0.010, 0.110]used" in text
    assert "-0.010 [-0.040, 0.020]did not win" in text
    assert "— the answers do not differnot tried" in text


def test_a_search_shows_every_combination_best_first_and_the_winner_s_seeds(six_labels, figures, page):
    assert "Search over settings" not in Reader(page).text
    trials = (
        SearchTrial({"learning_rate": 2e-5, "epochs": 3}, 0.61, 1, 60.0),
        SearchTrial({"learning_rate": 5e-5, "epochs": 3}, 0.64, 1, 61.0),
        SearchTrial({"learning_rate": 9.0, "epochs": 3}, None, 1, 5.0, "out of memory"),
    )
    chosen = {"learning_rate": 5e-5, "epochs": 3}
    found = SearchResult("teacher-1000", "grid", "gold dev", 120, trials, chosen, (0.63, None, 0.66))
    data = replace(six_labels, search=(found,))
    text = Reader(printed(data, figures)).text
    assert "learning_rate = 5e-05, epochs = 3 chosen120 gold dev10.640" in text
    assert "0.630 to 0.660 (2)" in text
    assert "— out of memory" in text
    assert text.index("5e-05") < text.index("2e-05") < text.index("learning_rate = 9.0")
    assert summary_json(data)["search"][0]["trials"][2]["f1"] is None


def test_labels_that_gold_distrusts_are_shown_with_their_texts(six_labels, figures, page):
    assert "Labels that gold distrusts" not in Reader(page).text
    label = Distrusted("teacher-1000", "p7", "a <b>fine</b> film\u202e", "no", 0.125, visits=8, zeros=6)
    found = replace(six_labels, distrusted=(label,))
    text = Reader(printed(found, figures)).text
    assert "p7no0.1256 of 8a <b>fine</b> film" in text
    assert "\u202e" not in text
    kept = report_json(found)["distrusted"]
    assert kept == [
        {"arm": "teacher-1000", "document_id": "p7", "value": "no", "weight": 0.125, "visits": 8, "zeros": 6}
    ]


@pytest.mark.parametrize(("sign", "low", "high", "verdict"), [(1, 0.1, 0.2, "trust"), (1, -0.2, -0.1, "consistency"),
                                                              (-1, 0.1, 0.2, "consistency")])  # fmt: skip
def test_less_error_is_better_and_more_discrimination_too(sign, low, high, verdict):
    middle = (low + high) / 2
    measure = TrustMeasure(0.5 + middle, 0.5, Interval(low, high, "paired bootstrap"))
    assert _trust_verdict(measure, sign) == verdict


@pytest.mark.parametrize("kind", ["multilabel", "bare", "positive"])
def test_other_reports_print(build_report, kind):
    labels = ("insult", "threat", "other")
    if kind == "multilabel":
        text = Reader(printed(build_report(labels=labels, n=60, multilabel=True))).text
        assert "A text may have several labels" in text
        assert "only if all its labels are right" in text
    elif kind == "positive":
        assert "F1 of no" in Reader(printed(build_report(labels=("yes", "no"), n=60, positive=1))).text
    else:
        data = build_report(labels=labels, n=60)
        teacher = replace(data.teacher, gate=None, outcomes={}, consistency=(), cost_usd=None, trust=None)
        bare = replace(data, arms=(), comparisons=(), recommended=None, recommendation="", disagreements=(),
                       remarks=(), notes=(), provenance={}, commands=(), teacher=teacher)  # fmt: skip
        text = Reader(printed(bare)).text
        assert "No labeller was judged" in text
        assert "The teacher was not asked about any text" in text
        assert "Trust" not in text


def test_the_same_data_give_the_same_page(six_labels, page):
    assert printed(six_labels) == page


def test_template_and_page_name_the_same_things():
    pages = environment()
    source = files("understudy.report").joinpath("templates", "report.html.jinja").read_text(encoding="utf-8")
    used = meta.find_undeclared_variables(pages.parse(source)) - set(pages.globals)
    assert used == {field.name for field in fields(Page)}


@pytest.mark.parametrize("value", [0.5, math.nan, None, True, ["a"]])
def test_the_template_cannot_print_what_is_not_words(value):
    with pytest.raises(TypeError, match="put it into words"):
        _printed(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing"),
        ("a", "a"),
        (("a", "b"), "a, b"),
        ((), "none of the labels"),
        ((Span(0, 3, "person", "Ann"),), "person: “Ann”"),
    ],
)
def test_values_in_words(value, said):
    assert in_words(value, "nothing") == said


def spanned(six_labels, text, human, teacher, student):
    item = Disagreement("1", text, human, teacher, student, 0.9)
    kinds = {"exact": 7.0, "boundary": 2.5, "wrong_label": 1.0, "both": 0.0, "missed": 4.0, "spurious": 3.0}
    arms = tuple(replace(arm, span_kinds=kinds, overlap_f1=0.625) for arm in six_labels.arms)
    return replace(six_labels, arms=arms, disagreements=(item,))


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("王小明昨天到了北京。", "北京"),
        ("👩‍🔧 met Zoë", "Zoë"),
        ("דנה כהן גרה בחיפה", "חיפה"),
        ("<b>Ann</b> left", "Ann"),
    ],
)
def test_spans_of_all_voices_stand_in_one_view(six_labels, figures, text, quote):
    start = text.index(quote)
    span = Span(start, start + len(quote), "p<i>", quote)
    page = printed(spanned(six_labels, text, (span,), (span,), ()), figures)
    marks = re.findall(r'<mark class="([^"]*)">([^<]*)</mark><small class="tag"', page)
    assert marks == [("human teacher begins", quote)]
    read = Reader(page)
    assert "p<i> H T" in read.text
    assert "p<i>" not in read.tags
    assert text.replace(quote, f"{quote}p<i> H T") in read.text


def test_nested_spans_keep_the_whole_text(six_labels, figures):
    text = "Quay Street School opens."
    whole, part = Span(0, 18, "org", "Quay Street School"), Span(0, 11, "place", "Quay Street")
    page = Reader(printed(spanned(six_labels, text, (part, whole), (whole,), (part,)), figures))
    assert "Quay Streetplace H S Schoolorg H T opens." in page.text


def test_kinds_of_wrong_spans_have_a_table(six_labels):
    read = Reader(printed(spanned(six_labels, "x", (), (), ())))
    assert "What is wrong about wrong spans" in read.text
    assert "teacher-direct72.510430.625" in read.text
    assert report_json(spanned(six_labels, "x", (), (), ()))["arms"]["teacher-direct"]["span_kinds"]["missed"] == 4.0


def test_trust_in_single_spans_has_a_table_of_its_own(six_labels, figures, page):
    assert "Trust in single spans" not in page
    spans = replace(six_labels, teacher=replace(six_labels.teacher, span_trust=six_labels.teacher.trust))
    shown = printed(spans, figures)
    assert "Trust in single spans" in shown
    assert shown.count("Area under the ROC curve") == page.count("Area under the ROC curve") + 1
    assert f"on the same {six_labels.teacher.trust.n} spans" in shown
