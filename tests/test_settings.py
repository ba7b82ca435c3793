"""Settings: defaults, overrides, and complaints that name line and nearest name."""

import pytest

from understudy.errors import UserError
from understudy.settings import FILE_NAME, Settings, Table, read_settings


def project(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    return tmp_path


def complaint(tmp_path, text):
    with pytest.raises(UserError) as caught:
        read_settings(project(tmp_path, text), environment={})
    return caught.value


def test_an_empty_file_has_every_default(tmp_path):
    assert read_settings(project(tmp_path, ""), environment={}) == Settings()


def test_missing_file_says_how_to_make_a_project(tmp_path):
    with pytest.raises(UserError) as caught:
        read_settings(tmp_path)
    assert "understudy init" in caught.value.hint


def test_unknown_key_names_line_and_nearest_name(tmp_path):
    error = complaint(tmp_path, "[project]\nname = 'x'\n\n[teacher]\nmodel = 'm'\ntemprature = 1.0\n")
    assert error.message == "understudy.toml line 6: unknown setting `teacher.temprature`. Did you mean `temperature`?"


def test_unknown_table_names_line_and_nearest_name(tmp_path):
    error = complaint(tmp_path, "[project]\n\n[studnet]\nkind = 'linear'\n")
    assert error.message == "understudy.toml line 3: unknown setting `studnet`. Did you mean `student`?"


def test_wrong_type_shows_what_was_found(tmp_path):
    error = complaint(tmp_path, "[teacher]\nreplicates = 'three'\n")
    assert error.message.startswith("understudy.toml line 2: `teacher.replicates`:")
    assert "'three'" in error.message


def test_mistake_in_the_second_label_names_its_line(tmp_path):
    text = "[codebook]\n[[codebook.labels]]\nname = 'a'\n[[codebook.labels]]\nname = 'b'\ndefinitoin = 'x'\n"
    assert "line 6: unknown setting `codebook.labels.1.definitoin`" in complaint(tmp_path, text).message


def test_every_mistake_is_told_at_once(tmp_path):
    error = complaint(tmp_path, "[teacher]\nreplicates = 0\nk = 2\n[gate]\nmin_f1 = 2.0\n")
    assert error.message.count("understudy.toml line") == 3


def test_labels_that_other_formats_would_turn_into_booleans_stay_strings(tmp_path):
    labels = "".join(f"[[codebook.labels]]\nname = '{name}'\n" for name in ("no", "yes", "1e3", "012", "None"))
    settings = read_settings(project(tmp_path, labels), environment={})
    assert settings.codebook.names == ("no", "yes", "1e3", "012", "None")


def test_unquoted_date_is_refused_as_text(tmp_path):
    assert "date" in complaint(tmp_path, "[codebook]\ninstructions = 2024-01-01\n").message


def test_broken_toml_is_named(tmp_path):
    assert "line 1" in complaint(tmp_path, "[project\n").message


def test_byte_order_mark_is_understood(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"\xef\xbb\xbf[project]\nname = 'x'\n")
    assert read_settings(tmp_path, environment={}).project.name == "x"


def test_flag_beats_environment_beats_file(tmp_path):
    folder = project(tmp_path, "[teacher]\nmodel = 'file'\nreplicates = 2\nconcurrency = 2\n")
    environment = {"UNDERSTUDY_TEACHER__MODEL": "environment", "UNDERSTUDY_TEACHER__REPLICATES": "3", "HOME": "x"}
    teacher = read_settings(folder, {"teacher.model": "flag"}, environment).teacher
    assert (teacher.model, teacher.replicates, teacher.concurrency) == ("flag", 3, 2)


def test_override_of_an_unknown_setting_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"teacher\.tempo"):
        read_settings(project(tmp_path, ""), {"teacher.tempo": "1"}, {})


@pytest.mark.parametrize("amount", ["100", "0.25"])
def test_gold_amounts_are_counts_or_shares(tmp_path, amount):
    demo = read_settings(project(tmp_path, f"[gold]\ndemo = {amount}\n"), environment={}).gold.demo
    assert demo == float(amount)
    assert isinstance(demo, int) == (amount == "100")


def test_every_setting_says_what_it_means():
    def undocumented(table, path):
        for name, field in table.model_fields.items():
            if isinstance(field.default, Table):
                yield from undocumented(type(field.default), f"{path}{name}.")
            elif not field.description:
                yield path + name

    assert list(undocumented(Settings, "")) == []
