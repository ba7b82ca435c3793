"""The sheet: text stays text, any script is welcome, the same drawing gives the same bytes."""

import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from understudy.report.canvas import draw, room, short, units


def titled(text):
    return lambda sheet: sheet.axes(0.5, 0.5, 0.5, 0.5).set_title(text)


@pytest.mark.parametrize("text", ["$x^2$ & <b>", "住房政策", "שלום", "👨‍👩‍👧‍👦", r"\frac{1}", "$unclosed", "100%"])
def test_text_stays_verbatim_in_any_script(text):
    root = ET.fromstring(draw(3, 2, text, titled(text)))
    assert text in [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_readers_see_their_own_fonts_and_labels_stay_verbatim():
    svg = draw(3, 2, "t", titled("'DejaVu Sans', <text style=\"'DejaVu Sans'"))
    root = ET.fromstring(svg)
    shown = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert all("Helvetica" in element.get("style") for element in shown)
    assert "'DejaVu Sans', <text style=\"'DejaVu Sans'" in [element.text for element in shown]


def test_the_same_drawing_gives_the_same_bytes():
    assert draw(3, 2, "t", titled("x")) == draw(3, 2, "t", titled("x"))


def test_style_of_the_caller_neither_enters_nor_changes():
    plain = draw(3, 2, "t", titled("x"))
    with mpl.rc_context({"axes.facecolor": "red", "svg.fonttype": "path", "axes.titlesize": 30}):
        assert draw(3, 2, "t", titled("x")) == plain
        assert mpl.rcParams["svg.fonttype"] == "path"


def test_axes_stand_where_they_are_told():
    def paint(sheet):
        box = sheet.axes(left=1, right=0.5, top=0.25, bottom=0.75).get_position()
        assert (box.x0 * 4, box.x1 * 4, box.y0 * 2, box.y1 * 2) == pytest.approx((1, 3.5, 0.75, 1.75))

    draw(4, 2, "t", paint)


@pytest.mark.parametrize(("text", "width"), [("", 0), ("abc", 3), ("住房", 4), ("e\u0301", 1), ("a\u200db", 2)])
def test_units(text, width):
    assert units(text) == width


@pytest.mark.parametrize(
    ("text", "most", "seen"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("住房政策", 5, "住房…"),
        ("a\nb   c", 9, "a b c"),
        ("a\x00b", 20, "a⟨U+0000⟩b"),
    ],
)
def test_short(text, most, seen):
    assert short(text, most) == seen


def test_room_is_that_of_the_widest_text():
    assert room(["ab", "abcd"]) == 2 * room(["ab"]) > 0
    assert room([]) == 0
