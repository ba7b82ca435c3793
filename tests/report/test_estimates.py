import json
from dataclasses import replace

import pytest

from understudy.evaluation import Interval
from understudy.evaluation.inference import Estimate
from understudy.report.as_json import report_json
from understudy.report.data import Estimated, EstimatedRow, Flips, LookBack, Multiverse
from understudy.report.estimates import assumptions, estimate_views
from understudy.report.page import render


def figure(value, half_width, method, n_gold=300):
    interval = Interval(value - half_width, value + half_width, method)
    return Estimate("x", value, half_width / 1.96, interval, n_gold, 1500)


SHARE = EstimatedRow("yes", figure(0.52, 0.01, "naive"), figure(0.31, 0.03, "PPI++"), figure(0.33, 0.05, "Wilson"))
REFUSED = EstimatedRow(
    "yes in A", figure(0.6, 0.01, "naive"), None, figure(0.4, 0.1, "Wilson"), refusal="only 7 of 40 gold texts"
)
CONTRAST = EstimatedRow(
    "yes, party = A against the others", figure(0.25, 0.02, "naive"), figure(-0.01, 0.05, "PPI++"),
    figure(0.02, 0.08, "Wilson"), 0.7, is_overturned=True,
)  # fmt: skip
FLIPS = Multiverse("yes, party = A against the others", ("teacher", "teacher-250"), Flips(2, 1, 0), Flips(1, 0, 0))


@pytest.fixture
def found():
    return Estimated(
        "understudy estimate --by party", "teacher", 300, 1500, 2, (SHARE, REFUSED), (CONTRAST,), (FLIPS,)
    )  # fmt: skip


def printed(data, figures):
    return render(data, figures, "report.json", "figures")


def test_naive_figures_are_struck_through_beside_the_corrected_ones(found, six_labels, figures):
    page = printed(replace(six_labels, estimates=(found,)), figures)
    naive, corrected = page.index(">0.520<"), page.index(">0.310<")
    assert 'class="naive" title="machine labels taken for the truth: not to be used"' in page[naive - 150 : naive]
    assert "naive" not in page[corrected - 100 : corrected]
    # Across, not through the middle, where a line would hide a minus sign.
    assert ".naive .number, .naive .interval { color: var(--soft); background: linear-gradient(to top right" in page
    assert "[0.280, 0.340]" in page
    assert "+0.250" in page
    assert "-0.010" in page
    assert "another conclusion" in page
    assert "understudy estimate --by party" in page


def test_a_refusal_is_shown_as_one(found, six_labels, figures):
    other = Estimated("understudy estimate", "x", refusal="No such `x`")
    page = printed(replace(six_labels, estimates=(found, other)), figures)
    at = page.index("only 7 of 40 gold texts")
    assert "refused" in page[at - 100 : at]
    assert "No such" in page
    assert page.count('badge bad">refused<') == 2


def test_flips_and_assumptions_are_told(found):
    (view,) = estimate_views([found])
    assert view.labellers == "teacher and teacher-250"
    assert view.multiverse == (
        "yes, party = A against the others: of 2 naive figures 1 with another sign and 0 with another significance "
        "than most; of 1 corrected 0 and 0.",
    )
    assert view.basis.endswith("2 texts without a usable answer count with the mean of the others.")
    told = " ".join(assumptions([found]))
    assert "random sample" in told
    assert "Holm" in told
    assert "gold test alone" not in told
    assert "gold test alone" in " ".join(assumptions([replace(found, labeller="teacher-250")]))
    assert not list(assumptions([replace(found, shares=(), contrasts=())]))


def test_without_a_declaration_the_page_says_how_to_make_one(six_labels, figures):
    assert "No estimate is declared" in printed(six_labels, figures)


def test_numbers_are_strict_json(found, six_labels):
    told = report_json(replace(six_labels, estimates=(found,)))["estimates"]
    share, refused = json.loads(json.dumps(told, allow_nan=False))[0]["shares"]
    assert (share["naive"]["value"], share["corrected"]["value"]) == (0.52, 0.31)
    assert refused["corrected"] is None
    assert refused["p_value"] is None
    assert told[0]["multiverse"][0]["naive"] == {"n": 2, "signs": 1, "significances": 0}


def test_looks_of_monitoring_are_printed_with_their_alarms(six_labels, figures):
    looks = (
        LookBack("2026-01-02T03:04:05+00:00", ("new.csv: AUROC 0.510, p = 0.4000",), False),
        LookBack(
            "2026-02-02T03:04:05+00:00", ("may.csv: AUROC 0.910, p = 0.0050", "period <may>: right on 0.700"), True
        ),
    )
    data = replace(six_labels, looks=looks)
    page = printed(data, figures)
    assert page.index("2026-01-02 03:04 UTC") < page.index("AUROC 0.510") < page.index("2026-02-02 03:04 UTC")
    assert page.count('badge bad">alarm<') == 1
    assert "period &lt;may&gt;" in page
    assert report_json(data)["looks"][1]["is_alarm"] is True
    assert "Does it still hold?" not in printed(six_labels, figures)
