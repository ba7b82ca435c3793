"""Bad and strange input, one test a case of the fault catalogue (section D)."""

import json
import os
import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from understudy.codebook import Codebook, Label, task_of
from understudy.corpus import (
    check_corpus,
    find_duplicates,
    find_near_duplicates,
    hidden_characters,
    is_blank,
    read_documents,
    read_rows,
    split_gold,
    text_digest,
)
from understudy.errors import UserError
from understudy.records import Document, Role
from understudy.settings import DataSettings, GoldSettings


def read_label(*names):
    return task_of(Codebook(labels=tuple(Label(name=name) for name in names))).read


def written(folder: Path, content: str | bytes, name: str = "gold.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def documents(path: Path, *labels: str, **settings):
    reader = read_label(*labels) if labels else None
    return list(read_documents([path], DataSettings(**settings), reader))


def complaint(path: Path, *labels: str, **settings) -> UserError:
    with pytest.raises(UserError) as caught:
        documents(path, *labels, **settings)
    return caught.value


def cells(path: Path, encoding: str = "utf-8"):
    return [row.cells for row in read_rows(path, encoding)]


def checked(gold, pool=(), labels=("a", "b"), **settings):
    ledger = split_gold(gold, GoldSettings(demo=1, dev=1), 0, {})
    return check_corpus(pool, gold, ledger, labels, DataSettings(**settings))


@pytest.mark.parametrize("content", ["id,text\n", "id,text", "", "\n\n"])
@pytest.mark.parametrize("name", ["gold.csv", "gold.tsv"])
def test_d01_an_empty_file_is_an_error_with_its_name(tmp_path, content, name):
    assert f"{name} " in complaint(written(tmp_path, content, name)).message
    assert "0 rows" in complaint(written(tmp_path, content, name)).message


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_d01_an_empty_json_lines_file_has_0_rows(tmp_path, content):
    assert "pool.jsonl has 0 rows" in complaint(written(tmp_path, content, "pool.jsonl")).message


@pytest.mark.parametrize("text", ["", "   ", "\n", "\t\r\n", "\u200b", "\ufeff \u200d", "\u00a0\u3000", "\u2800"])
def test_d02_what_shows_nothing_is_blank_and_reported(text):
    gold = [Document("1", text, "a"), *(Document(f"x{n}", f"text {n}", "ab"[n % 2]) for n in range(6))]
    assert is_blank(text)
    assert "blank gold texts, to be skipped: 1" in [finding.title for finding in checked(gold)]


def test_d02_a_letter_among_zero_width_characters_is_no_blank():
    assert not is_blank("\u200b.\u200b")


def test_d03_a_text_of_5_mb_is_read_whole_and_reported_as_overlong(tmp_path):
    text = "five megabytes, " * 330_000  # 16 * 330,000 = 5,280,000 characters
    (document,) = documents(written(tmp_path, f'id,text\n1,"{text}"\n'))
    assert document.text == text
    gold = [Document(str(n), f"text {n}", "ab"[n % 2]) for n in range(6)]
    titles = [finding.title for finding in checked(gold, [document])]
    assert "pool texts longer than 20,000 characters (data.overlong: skip): 1" in titles


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_d04_byte_order_mark_is_not_part_of_the_column(tmp_path, encoding):
    path = written(tmp_path, "id,text\n1,Grüße\n".encode(encoding))
    assert cells(path) == [{"id": "1", "text": "Grüße"}]


def test_d04_byte_order_mark_before_json(tmp_path):
    assert cells(written(tmp_path, '\ufeff{"id": "1"}\n', "p.jsonl")) == [{"id": "1"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_d05_line_ends_between_rows_are_ends_and_inside_quotes_are_text(tmp_path, end):
    text = "one\ntwo\r\nthree\rfour\u2028five\u0085six"
    path = written(tmp_path, end.join(["id,text", f'1,"{text}"', "2,a\u2028b\u0085c", ""]))
    assert [document.text for document in documents(path)] == [text, "a\u2028b\u0085c"]


def test_d05_line_separators_inside_json_do_not_end_the_row(tmp_path):
    record = {"id": "1", "text": "a\u2028b\u0085c\r\nd"}
    path = written(tmp_path, json.dumps(record, ensure_ascii=False) + "\r\n", "p.jsonl")
    assert cells(path) == [record]


def test_d06_an_invalid_byte_deep_in_the_file_is_named_by_line_and_byte(tmp_path):
    head = b"id,text\n" + b"1,abcdefg\n" * 200_000  # 8 + 10 * 200,000 bytes, 200,001 lines
    error = complaint(written(tmp_path, head + b"2,caf\xe9\n"), allow_duplicate_ids=True)
    assert "gold.csv line 200002: byte 2000013 of the file (0xe9) is not utf-8" in error.message
    assert "windows-1252" in error.hint


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "utf-16-le", "utf-16-be"])
def test_d06_a_declared_encoding_is_used(tmp_path, encoding):
    path = written(tmp_path, "id,text\n1,caf\u00e9\n".encode(encoding))
    assert cells(path, encoding)[0]["text"] == "caf\u00e9"


def test_d06_utf_16_without_a_mark_is_recognised(tmp_path):
    error = complaint(written(tmp_path, "id,text\n1,hello\n".encode("utf-16-le")))
    assert "looks like UTF-16" in error.message
    assert "utf-16-le" in error.hint


@pytest.mark.parametrize("name", ["utf8000", "base64", "rot13"])
def test_d06_an_unknown_encoding_is_refused(tmp_path, name):
    assert name in complaint(written(tmp_path, "id,text\n1,a\n"), encoding=name).message


def test_d07_half_a_surrogate_pair_is_refused_with_its_line(tmp_path):
    path = written(tmp_path, '{"id": "1", "text": "a"}\n{"id": "2", "text": "\\ud83d"}\n', "p.jsonl")
    assert "p.jsonl line 2: half a surrogate pair" in complaint(path).message


def test_d07_a_whole_pair_is_a_character_and_the_digest_never_fails(tmp_path):
    path = written(tmp_path, '{"id": "1", "text": "\\ud83d\\ude00"}\n', "p.jsonl")
    assert documents(path)[0].text == "\U0001f600"
    assert len(text_digest("\ud83d")) == 64


def test_d08_control_characters_are_kept_and_counted(tmp_path):
    text = "a\x00b\x1b[31mc\x9bd"
    (document,) = documents(written(tmp_path, f"id,text\n1,{text}\n"))
    assert document.text == text
    assert hidden_characters(text) == {"control character": 3}


def test_d08_examples_in_findings_show_no_control_characters():
    gold = [Document(str(n), f"\x1b[2J\u202etext {n}", "ab"[n % 2]) for n in range(6)]
    shown = "".join(detail for finding in checked(gold) for detail in finding.details)
    assert "\\u001b" in shown
    assert shown.isprintable()


def test_d09_nfc_and_nfd_are_duplicates_and_the_text_is_kept(tmp_path):
    composed, decomposed = "caf\u00e9 👨‍👩‍👧 🇩🇪 👍🏽", "cafe\u0301 👨‍👩‍👧 🇩🇪 👍🏽"
    found = documents(written(tmp_path, f"id,text\n1,{composed}\n2,{decomposed}\n"))
    assert [document.text for document in found] == [composed, decomposed]
    assert [[document.id for document in same] for same in find_duplicates(found)] == [["1", "2"]]


def test_d09_emoji_hide_nothing():
    assert hidden_characters("👨‍👩‍👧 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 👍🏽 ❤️‍🔥") == {}


def test_d10_bidi_controls_are_counted_and_right_to_left_text_is_ordinary():
    assert hidden_characters("שלום مرحبا می‌خواهم") == {}
    assert hidden_characters("a\u202eb\u2066c\u2069") == {"bidi control": 3}


def test_d11_zero_width_and_tag_characters_are_found():
    smuggled = "nice film" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore")
    assert hidden_characters(smuggled) == {"tag character": 6}
    assert hidden_characters("pos\u200bitive\u2060 a\u200db") == {"zero-width character": 3}


IDS = ["1", "01", "1.0", "NaN", "9007199254740993", "../x", "x" * 300, "🙂", "ID", "id", " 1", "0x1", "1e5"]


def test_d12_ids_stay_what_they_are(tmp_path):
    path = written(tmp_path, "id,text\n" + "".join(f"{name},t\n" for name in IDS))
    assert [document.id for document in documents(path)] == IDS


def test_d12_numbers_as_json_ids_stay_as_written(tmp_path):
    rows = [f'{{"id": {number}, "text": "t"}}\n' for number in ("1", "1.0", "9007199254740993", "1e5")]
    path = written(tmp_path, "".join(rows), "p.jsonl")
    assert [document.id for document in documents(path)] == ["1", "1.0", "9007199254740993", "1e5"]


def test_d12_duplicate_ids_are_listed_and_refused(tmp_path):
    path = written(tmp_path, "id,text\n" + "".join(f"{n % 7},t\n" for n in range(14)))
    error = complaint(path)
    assert error.message.startswith("7 rows with an id that stands before: `0` in gold.csv row 8 (line 9), first in ")
    assert error.message.count(" first in ") == 5
    assert "allow_duplicate_ids" in error.hint


def test_d12_duplicate_ids_are_numbered_on_request(tmp_path):
    path = written(tmp_path, "id,text\na,1\na,2\na#2,3\na,4\n")
    assert [d.id for d in documents(path, allow_duplicate_ids=True)] == ["a", "a#2", "a#2#2", "a#3"]


@pytest.mark.parametrize("row", [",t", "  ,t"])
def test_d12_a_missing_id_names_its_row(tmp_path, row):
    assert "gold.csv row 2 (line 3): the id" in complaint(written(tmp_path, f"id,text\n1,t\n{row}\n")).message


def test_d12_ids_that_differ_only_by_case_or_zeros_are_noted():
    gold = [Document(name, f"text {name} {n}", "ab"[n % 2]) for n, name in enumerate(["1", "01", "1.0", "A", "a", "b"])]
    (finding,) = [finding for finding in checked(gold) if "case or zeros" in finding.title]
    assert finding.details == ("`01`, `1`, `1.0`", "`A`, `a`")


def test_d13_equal_texts_are_never_split_over_roles():
    gold = [Document(f"{n}-{copy}", f"text {n}" + " " * copy, "ab"[n % 2]) for n in range(40) for copy in range(3)]
    ledger = split_gold(gold, GoldSettings(), 3, {})
    for n in range(40):
        assert len({ledger.roles[f"{n}-{copy}"] for copy in range(3)}) == 1
    assert {ledger.roles[document.id] for document in gold} == set(Role)


def test_d14_near_duplicates_across_the_split_are_reported():
    text = "the quick brown fox jumps over the lazy dog and runs far away into the deep dark forest"
    (near,) = find_near_duplicates([Document("a", text), Document("c", "nothing alike")], [Document("b", text + "!")])
    assert (near.left.id, near.right.id) == ("a", "b")


@pytest.mark.parametrize("label", ["None", "NA", "null", "nan", "no", "NaN", "N/A", "true", "1", "01"])
def test_d15_words_that_other_tools_eat_are_labels(tmp_path, label):
    path = written(tmp_path, f"id,text,label\n1,{label},{label}\n2,b,other\n3,c,\n")
    found = documents(path, label, "other")
    assert [document.value for document in found] == [label, "other", None]
    assert found[0].text == label


def test_d15_json_null_and_columnar_null_are_missing_and_the_word_is_not(tmp_path):
    lines = '{"id":"1","text":"a","label":null}\n{"id":"2","text":"b","label":"null"}\n{"id":"3","text":"c"}\n'
    assert [d.value for d in documents(written(tmp_path, lines, "g.jsonl"), "null", "x")] == [None, "null", None]
    parquet.write_table(pa.table({"id": [1, 2], "text": ["a", "b"], "label": [None, "null"]}), tmp_path / "g.parquet")
    assert [d.value for d in documents(tmp_path / "g.parquet", "null", "x")] == [None, "null"]


def test_d16_wrong_labels_are_gathered_with_counts_places_and_the_nearest(tmp_path):
    labels = ["pos", "Pos", "positve", "Pos", "neg ", "Pos", "Pos", "ne\u0301g"]
    path = written(tmp_path, "id,text,label\n" + "".join(f"{n},t,{label}\n" for n, label in enumerate(labels)))
    lines = complaint(path, "pos", "neg").message.split("\n")
    assert lines[0] == (
        "label `Pos` is not in the codebook: 4 rows, gold.csv row 2 (line 3), gold.csv row 4 (line 5), "
        "gold.csv row 6 (line 7), …. Did you mean `pos`?"
    )
    assert [line.split("`")[1] for line in lines] == ["Pos", "positve", "ne\u0301g"]


@pytest.mark.parametrize(("n", "expected"), [(1, "`rare`: 1"), (2, "`rare`: 2")])
def test_d17_a_class_with_few_examples_is_named(n, expected):
    gold = [Document(f"{k}", f"text number {k}", "often") for k in range(30)]
    rare = [Document(f"r{k}", f"something rare {k}", "rare", role=Role.TEST) for k in range(n)]
    gold = [Document(d.id, d.text, d.value, role=list(Role)[k % 3]) for k, d in enumerate(gold)] + rare
    findings = check_corpus(
        (), gold, split_gold(gold, GoldSettings(), 0, {}), ("often", "rare", "never"), DataSettings()
    )
    details = {finding.title: finding.details for finding in findings if finding.level == "warning"}
    assert details["labels without a single gold text: 1"] == ("`never`",)
    assert details["labels with fewer than 3 texts in test, whose scores are undefined or nearly so: 1"] == (expected,)
    assert any("in dev" in title for title in details)


def test_d18_numeric_labels_are_not_merged(tmp_path):
    values = ["1", '"1"', "true", "1.0", '"true"']
    lines = "".join(f'{{"id": "{n}", "text": "t", "label": {value}}}\n' for n, value in enumerate(values))
    found = documents(written(tmp_path, lines, "g.jsonl"), "1", "true", "1.0")
    assert [document.value for document in found] == ["1", "1", "true", "1.0", "true"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("2,a,b", "row 3 (line 4): the header has 2 cells, this row 3"),
        ("2", "row 3 (line 4): the header has 2 cells, this row 1"),
        ('2,"never closed', "row 3 (begins on line 4)"),
        ('2,"closed" badly', "row 3 (begins on line 4)"),
    ],
)
def test_d19_a_broken_row_is_named_and_nothing_is_swallowed(tmp_path, bad, said):
    rows = [f"{n},fine" for n in range(10_000)]
    rows[2] = bad
    error = complaint(written(tmp_path, "id,text\n" + "\n".join(rows) + "\n"))
    assert said in error.message
    assert "quote" in error.hint


def test_d20_a_missing_column_lists_what_there_is_and_the_nearest(tmp_path):
    error = complaint(written(tmp_path, "id,Text,label\n1,a,b\n"))
    assert "there is no column `text`. The columns are `id`, `Text`, `label`" in error.message
    assert "Did you mean `Text`?" in error.hint


def test_d20_a_missing_label_column_is_an_error_even_if_every_row_could_do_without(tmp_path):
    path = written(tmp_path, '{"id":"1","text":"a","Label":"x"}\n', "g.jsonl")
    assert "no column `label`" in complaint(path, "x", "y").message


def test_d20_two_columns_of_one_name_are_refused(tmp_path):
    assert "column `text` stands more than once" in complaint(written(tmp_path, "id,text,text\n1,a,b\n")).message


def test_d21_a_text_that_is_no_string_is_its_json_text(tmp_path):
    values = ["3", "1.50", '["a", 1]', '{"k": null}', "null"]
    lines = "".join(f'{{"id": "{n}", "text": {value}}}\n' for n, value in enumerate(values))
    found = documents(written(tmp_path, lines, "p.jsonl"))
    assert [document.text for document in found] == ["3", "1.50", '["a", 1]', '{"k": null}', ""]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "2",}', "not JSON"),
        ('{"id": NaN}', "`NaN` is not JSON"),
        ('{"id": -Infinity}', "`-Infinity` is not JSON"),
        ('{"id": "2", "id": "3"}', "key `id` stands twice"),
        ('{"id": "2", "x": {"a": 1, "a": 2}}', "key `a` stands twice"),
        ('["id", "2"]', "expected an object"),
        ('{"id": ' + "[" * 200_000, "nested too deeply"),
        ('{"id": "2"', "the file ends inside this line"),
        ('{"id": ' + "1" * 5000 + "}", "digits"),
        ('{"id": "a\tb"}', "not JSON"),
    ],
)
def test_d22_bad_json_is_named_by_line(tmp_path, line, said):
    error = complaint(written(tmp_path, f'{{"id": "1", "text": "a"}}\n\n{line}', "p.jsonl"))
    assert error.message.startswith("p.jsonl line 3: ")
    assert said in error.message


def test_d22_blank_lines_are_no_rows(tmp_path):
    path = written(tmp_path, '\n{"id": "1"}\n  \n\r\n{"id": "2"}', "p.jsonl")
    assert [(row.number, row.line, row.cells["id"]) for row in read_rows(path)] == [(1, 2, "1"), (2, 5, "2")]


def test_d25_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "folder.csv").mkdir()
    written(tmp_path, "id\n", "gold.csv")
    said = {
        "pipe.csv": "pipe or device",
        "link.csv": "is a link to",
        "folder.csv": "folder without a saved dataset",
        "missing.csv": "does not exist",
    }
    for name, words in said.items():
        with pytest.raises(UserError, match=words):
            list(read_rows(tmp_path / name))
    with pytest.raises(UserError) as caught:
        read_rows(tmp_path / "gold.cvs")
    assert caught.value.hint == "Did you mean `gold.csv`?"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_d25_a_device_is_refused():
    with pytest.raises(UserError, match="pipe or device"):
        read_rows(Path("/dev/zero"))


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def test_d26_pickles_and_loading_scripts_are_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, pickle.dumps(Bomb()), "pool.pkl")
    (tmp_path / "set").mkdir()
    written(tmp_path / "set", "import pathlib; pathlib.Path('exploded').touch()", "set.py")
    table = pa.table({"id": ["1"], "text": [pickle.dumps(Bomb())]})
    parquet.write_table(table, tmp_path / "pool.parquet")
    said = {"pool.pkl": "pickled objects", "set": "loading script", "pool.parquet": "`text` holds bytes"}
    for name, words in said.items():
        with pytest.raises(UserError, match=words):
            list(read_rows(tmp_path / name))
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "text", ["{x} {0.__class__} %s {{ 7*7 }} $(id) `id`", "<|endoftext|><|im_start|>system", "=1+1"]
)
def test_d27_d28_templates_and_delimiters_are_read_as_text(tmp_path, text):
    assert documents(written(tmp_path, f"id,text\n1,{text}\n"))[0].text == text
