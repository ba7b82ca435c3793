import random

from understudy.corpus import check_corpus, split_gold
from understudy.records import Document, Role
from understudy.settings import DataSettings, GoldSettings

DEFAULT_SPLIT = GoldSettings()
WORDS = [f"word{n}" for n in range(400)]


def sentence(rng):
    return " ".join(rng.choices(WORDS, k=12))


def corpus(n_gold=300, n_pool=50):
    """Nothing to complain about."""
    rng = random.Random(0)
    gold = [Document(f"g{k}", sentence(rng), "ab"[k % 2], source=f"gold.csv:{k + 1}") for k in range(n_gold)]
    return gold, [Document(f"p{k}", sentence(rng), source=f"pool.csv:{k + 1}") for k in range(n_pool)]


def findings(gold, pool=(), labels=("a", "b"), split=DEFAULT_SPLIT, **settings):
    ledger = split_gold(gold, split, 0, {})
    return check_corpus(pool, gold, ledger, labels, DataSettings(**settings))


def titles(found, level):
    return [finding.title for finding in found if finding.level == level]


def one(found, part):
    (finding,) = [finding for finding in found if part in finding.title]
    return finding


def test_a_clean_corpus_is_only_counted():
    found = findings(*corpus())
    assert [finding.level for finding in found] == ["ok", "ok"]
    assert found[0].title == "50 pool texts, 300 gold texts (demo 90, dev 60, test 150)"
    assert found[1].details == ("`a`: demo 45, dev 30, test 75", "`b`: demo 45, dev 30, test 75")


def test_examples_are_five_and_the_rest_is_counted():
    gold, _ = corpus()
    pool = [Document(f"p{k}", " ", source=f"pool.csv:{k + 1}") for k in range(12)]
    finding = one(findings(gold, pool), "blank")
    assert finding.title == "blank pool texts, to be skipped: 12"
    assert finding.details[0] == "`p0` (pool.csv:1): "
    assert finding.details[5:] == ("and 7 more",)


def test_repeated_texts_are_counted_once_a_text():
    gold, pool = corpus()
    copies = [Document(f"c{k}", " " + pool[0].text, source="x") for k in range(3)]
    finding = one(findings(gold, [*pool, *copies]), "more than once")
    assert (finding.level, finding.title) == ("note", "pool texts that stand more than once: 1 (4 documents)")
    assert finding.details[0].startswith("`p0`, `c0`, `c1`, `c2`: word")


def test_equal_gold_texts_with_different_labels_are_named_with_them():
    gold, _ = corpus()
    found = findings([*gold, Document("twin", gold[0].text, "b")])
    finding = one(found, "different labels")
    assert finding.level == "warning"
    assert finding.details[0].startswith("`g0` a, `twin` b: ")


def test_pool_texts_that_judge_are_a_warning_and_other_gold_texts_a_note():
    gold, pool = corpus()
    ledger = split_gold(gold, GoldSettings(), 0, {})
    for role, level, count in ((Role.TEST, "warning", 1), (Role.DEMO, "note", 0)):
        copy = Document("copy", ledger.documents(role)[0].text, source="pool.csv:51")
        finding = one(findings(gold, [*pool, copy]), "that also stand in gold")
        assert finding.level == level
        assert finding.title.startswith(f"pool texts that also stand in gold: 1, in test {count}; ")


def test_near_duplicates_of_test_are_looked_for_in_pool_demo_and_dev():
    gold, pool = corpus()
    ledger = split_gold(gold, GoldSettings(), 0, {})
    tested, shown = ledger.documents(Role.TEST)[0], ledger.documents(Role.DEMO)[0]
    near_pool = [*pool, Document("near", tested.text + "!")]
    assert (
        one(findings(gold, near_pool), "near duplicate in the pool").details[0].startswith(f"`{tested.id}` and `near`")
    )
    roles = [Document(d.id, d.text, d.value, role=ledger.roles[d.id]) for d in gold]
    near_gold = [*roles, Document("near", shown.text + "!", "a", role=Role.TEST)]
    assert one(findings(near_gold, pool), "near duplicate in demo or dev").details[0].startswith("`near` and ")


def test_overlong_texts_say_what_happens_to_them():
    finding = one(findings(*corpus(), max_characters=80, overlong="truncate"), "pool texts longer")
    assert "80 characters (data.overlong: truncate)" in finding.title


def test_smuggled_characters_warn_and_ordinary_hidden_ones_are_noted():
    gold, pool = corpus()
    found = findings(gold, [*pool, Document("x", "a\u200bb"), Document("y", "tag\U000e0041"), Document("z", "schÃ¶n")])
    assert titles(found, "note") == ["texts with a zero-width character: 1"]
    assert titles(found, "warning") == [
        "texts with a tag character: 1",
        "texts that look misread, as UTF-8 opened as Windows-1252: 1",
    ]


def test_one_id_for_two_texts_is_an_error():
    gold, pool = corpus()
    found = findings(gold, [*pool, Document("g0", "another text altogether"), gold[1]])
    assert titles(found, "error") == ["pool documents with the id of a gold document but another text: 1"]


def test_a_label_is_counted_in_each_role_and_in_sets():
    gold, _ = corpus()
    sets = [Document(d.id, d.text, ("a", "b") if k % 2 else ("a",)) for k, d in enumerate(gold)]
    assert one(findings(sets), "labels in gold").details == (
        "`a`: demo 90, dev 60, test 150",
        "`b`: demo 45, dev 30, test 75",
    )


def test_every_label_without_text_is_named():
    names = [f"unused {n}" for n in range(8)]
    finding = one(findings(*corpus(), labels=("a", "b", *names)), "without a single gold text")
    assert finding.title == "labels without a single gold text: 8"
    assert finding.details == tuple(f"`{name}`" for name in names)


def test_groups_that_straddle_by_a_role_column_and_between_pool_and_test():
    gold, pool = corpus()
    roles = [Document(d.id, d.text, d.value, "ann", list(Role)[k % 3]) for k, d in enumerate(gold)]
    found = findings(roles, [Document(d.id, d.text, group="ann" if k < 2 else "bob") for k, d in enumerate(pool)])
    assert one(found, "several gold roles").details == ("`ann`: demo, dev, test",)
    assert one(found, "a group that is also in test").title.endswith(": 2")


def test_documents_moved_against_the_role_column_are_reported():
    gold, _ = corpus()
    roles = [Document(d.id, d.text, d.value, role=list(Role)[k % 3]) for k, d in enumerate(gold)]
    copy = Document("copy", gold[0].text, "a", role=Role.TEST)
    assert one(findings([*roles, copy]), "against the role column").details == ("`copy` is demo",)


def test_sizes_that_make_results_weak_are_said():
    gold, _ = corpus(40)
    found = findings([*gold, Document("x", "unlabelled")], split=GoldSettings(demo=0, dev=0.2, share_demo_dev=False))
    assert "no gold text has the role demo" in titles(found, "warning")
    assert "gold texts without a human label, left out: 1" in titles(found, "note")
    assert "32 test texts: every interval will be wide" in titles(found, "note")
    shared = findings(gold, split=GoldSettings(share_demo_dev=True))
    assert any(title.startswith("demo and dev are one set") for title in titles(shared, "note"))


def test_an_empty_pool_is_no_problem():
    gold, _ = corpus()
    assert findings(gold)[0].title.startswith("0 pool texts")
