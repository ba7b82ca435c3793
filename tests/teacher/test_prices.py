import re

import pytest

from understudy.errors import UserError
from understudy.teacher.prices import built_in_prices, find_price

OPENAI = "api.openai.com"


def test_every_row_that_comes_along_is_dated_sourced_and_plausible():
    rows = built_in_prices()
    assert len(rows) >= 15
    for row in rows:
        assert re.fullmatch(r"20\d\d-\d\d", row.date), row
        assert "." in row.source
        assert 0 < row.in_usd < row.out_usd
        assert 0 < row.cached_usd < row.in_usd
    assert len({(row.provider, row.model) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("provider", "model", "in_usd"),
    [
        (OPENAI, "gpt-4o-mini", 0.15),
        (OPENAI, "gpt-4o-mini-2024-07-18", 0.15),
        (OPENAI, "GPT-4o", 2.50),
        ("anthropic", "claude-haiku-4-5-20251001", 1.00),
        ("anthropic", "claude-opus-4-6", 5.00),
        ("gemini", "gemini-2.5-flash-latest", 0.30),
        (OPENAI, "gpt-4o-mini-audio-preview", None),  # another model, whatever its first letters are
        (OPENAI, "gpt-4", None),
        ("localhost", "gpt-4o-mini", None),  # someone else's server has someone else's prices
        (OPENAI, "", None),
    ],
)
def test_b03_a_model_has_its_own_price_or_none(tmp_path, provider, model, in_usd):
    found = find_price(provider, model, tmp_path)
    assert (None if found is None else found.in_usd) == in_usd


def test_own_table_goes_before_and_its_longest_pattern_first(tmp_path):
    (tmp_path / "prices.toml").write_text("""
[[price]]
model = "gpt-4o*"
in_usd = 1
out_usd = 2
[[price]]
model = "gpt-4o-mini"
provider = "api.openai.com"
in_usd = 0.5
out_usd = 0.75
date = "2026-11-20"
source = "our contract"
""")
    assert find_price("localhost", "gpt-4o-x", tmp_path).out_usd == 2.0
    mine = find_price(OPENAI, "gpt-4o-mini", tmp_path)
    assert str(mine) == "$0.5 in, $0.75 out per million tokens (our contract, 2026-11-20)"
    assert mine.cached_usd is None
    assert find_price(OPENAI, "gpt-4.1", tmp_path).in_usd == 2.0


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ('model = "x"\nin_usd = "5 dollars"\nout_usd = 1', "row 1: `in_usd` is '5 dollars'"),
        ('model = "x"\nin_usd = -1\nout_usd = 1', "not a price"),
        ('model = "x"\nin_usd = nan\nout_usd = 1', "not a price"),
        ('model = "x"\nin_usd = true\nout_usd = 1', "`in_usd` is True"),
        ('model = "x"\nin_usd = 1', "`out_usd` is missing"),
        ('model = "x"\nin = 1\nout_usd = 1', "unknown field `in`"),
        ("model = ", "not valid TOML"),
    ],
)
def test_a_broken_own_table_is_refused_with_its_row(tmp_path, row, match):
    (tmp_path / "prices.toml").write_text(f"[[price]]\n{row}\n")
    with pytest.raises(UserError, match=match):
        find_price(OPENAI, "gpt-4o", tmp_path)
