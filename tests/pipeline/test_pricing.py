"""Where the price of a teacher comes from: settings before the project's table before the one that comes along."""

import pytest

from understudy.pipeline.pricing import priced
from understudy.settings import Settings


def teacher(**changes):
    return Settings.model_validate({"teacher": {"kind": "openai", "model": "gpt-4o-mini", **changes}})


def prices(settings):
    return settings.teacher.price_in_usd, settings.teacher.price_out_usd, settings.teacher.price_cached_usd


def test_known_models_are_priced_with_date_and_source(tmp_path):
    settings, words = priced(teacher(), tmp_path)
    assert prices(settings) == (0.15, 0.6, 0.075)
    assert "openai.com" in words
    assert "2024-10" in words


def test_settings_go_first(tmp_path):
    settings, words = priced(teacher(price_in_usd=0.0, price_out_usd=0.0), tmp_path)
    assert prices(settings) == (0.0, 0.0, None)
    assert "settings" in words
    assert prices(priced(teacher(price_out_usd=9.0), tmp_path)[0]) == (0.15, 9.0, 0.075)


@pytest.mark.parametrize("changes", [{"model": "new-model"}, {"base_url": "http://127.0.0.1:8000/v1"}])
def test_b03_unknown_stays_unknown(tmp_path, changes):
    settings, words = priced(teacher(**changes), tmp_path)
    assert prices(settings) == (None, None, None)
    assert words == ""


def test_who_asks_nobody_has_no_price(tmp_path):
    (tmp_path / "prices.toml").write_text("this is not TOML")
    settings = Settings()
    assert priced(settings, tmp_path) == (settings, "")
