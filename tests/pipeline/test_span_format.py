"""Projects of spans and relations against a scripted server: the form of answers, and the other way round."""

import json
import re

import pytest
from fakellm import ok, serving

from understudy import Project
from understudy.pipeline.annotation import documents_to_label, teach
from understudy.pipeline.direction import check_direction, stored_direction
from understudy.pipeline.prompting import wording_of
from understudy.pipeline.span_format import best_format
from understudy.records import Role

NAMES = ("Anna", "Bo", "Cy", "Di", "El", "Fay", "Gus", "Hal", "Ida", "Jo")


def project_of(folder, codebook, rows, url, **settings):
    """A project with twelve texts of gold and some of the pool."""
    folder.mkdir(exist_ok=True)
    lines = ["[codebook]", *codebook, "[data]", 'pool = ["pool.jsonl"]', 'gold = ["gold.jsonl"]']
    lines += ['head = "head"', 'tail = "tail"'] if "head" in rows[0] else []
    lines += ["[prompt]", 'demonstrations = "fixed"', "k = 1", "[gold]", "demo = 4", "dev = 4"]
    (folder / "understudy.toml").write_text("\n".join(lines), encoding="utf-8")
    for name, some in (("gold", rows[:12]), ("pool", rows[12:])):
        text = "\n".join(json.dumps(row | {"id": f"{name}{n}"}) for n, row in enumerate(some))
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    overrides = {"teacher.kind": "openai", "teacher.model": "m", "teacher.base_url": url, "teacher.concurrency": "2"}
    return Project.open(folder, overrides | {f"prompt.{key}": value for key, value in settings.items()})


def spans_project(folder, url, **settings):
    rows = []
    for n in range(20):
        name = NAMES[n % 10]
        label = [{"start": 4, "end": 4 + len(name), "label": "PER", "text": name}]
        rows.append({"text": f"Now {name} sings {n}", "label": label})
    codebook = ['kind = "entities"', "[[codebook.labels]]", 'name = "PER"']
    return project_of(folder, codebook, rows, url, **settings)


def only_json_is_right(call):
    """Marks the name in JSON with a number; in the other forms it marks `sings`."""
    system = call.body["messages"][0]["content"]
    name = re.search(r"Now (\w+) sings", call.question)[1]
    if '"occurrence"' in system:
        return ok(json.dumps({"entities": [{"text": name, "type": "PER", "occurrence": 1}], "unsure": False}))
    if '"span"' in system:
        return ok(json.dumps({"entities": [{"span": "sings", "type": "PER"}], "unsure": False}))
    text = re.search(r">\n(Now .*)\n</text", call.question)[1]
    return ok(text.replace("sings", "<PER>sings</PER>"))


def test_the_best_form_is_found_once_on_gold_dev_and_used(tmp_path):
    with serving(only_json_is_right) as fake:
        project = spans_project(tmp_path / "p", fake.url)
        assert wording_of(project).span_format == "tags"
        documents = documents_to_label(project)
        said = teach(project, documents)
        n_dev = len(project.gold_of(Role.DEV))
        # each form about gold dev; the best one's answers there are not asked again
        assert len(fake.calls) == 3 * n_dev + len(documents) - n_dev
        again = spans_project(tmp_path / "p", fake.url)
        assert wording_of(again).span_format == "json"
        assert teach(again, documents) == said
        assert len(fake.calls) == 2 * n_dev + len(documents)
    assert {said[d.id].value[0].text for d in documents} <= set(NAMES)
    test_texts = [f"{d.text}\n</text" for d in project.gold_of(Role.TEST)]
    tried = [call for call in fake.calls if '"occurrence"' not in call.body["messages"][0]["content"]]
    assert not any(text in call.question for call in tried for text in test_texts)


def test_a_named_form_is_not_tried(tmp_path):
    with serving(only_json_is_right) as fake:
        project = spans_project(tmp_path / "p", fake.url, span_format="llmaaa")
        documents = documents_to_label(project)
        teach(project, documents)
        assert len(fake.calls) == len(documents)
        assert "LLMaAA" not in fake.calls[0].raw
        assert '"span"' in fake.calls[0].body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ({"tags": 0.5, "json": 0.7, "llmaaa": 0.6}, "json"),
        ({"tags": 0.7, "json": 0.7, "llmaaa": 0.6}, "tags"),
        ({"tags": None, "json": 0.0, "llmaaa": None}, "json"),
        ({"tags": None, "json": None, "llmaaa": None}, "tags"),
    ],
)
def test_the_highest_score_wins_and_the_first_of_equals(scores, best):
    assert best_format(scores) == best


def relations_project(folder, url, **settings):
    rows = []
    for n in range(20):
        head, tail = NAMES[n % 10], NAMES[(n + 3) % 10]
        text = f"{head} raised {tail} in year {n}"
        places = {"head": [0, len(head)], "tail": [len(head) + 8, len(head) + 8 + len(tail)]}
        rows.append({"text": text, "label": ("parent", "sibling", "none")[n % 3], **places})
    codebook = ['kind = "relations"', 'null = "none"']
    for name in ("parent", "sibling", "none"):
        codebook += ["[[codebook.labels]]", f'name = "{name}"']
    return project_of(folder, codebook, rows, url, **settings)


def by_year(call):
    """`none` in even years; in odd ones `sibling` both ways below 10, else `parent` from the first name alone."""
    text = re.search(r">\n(\[E.*)\n</text", call.question)[1]
    year = int(text.rsplit(" ", 1)[1])
    if year % 2 == 0:
        return ok('{"label": "none"}')
    if year < 10:
        return ok('{"label": "sibling"}')
    return ok('{"label": "parent"}' if text.startswith("[E1]") else '{"label": "none"}')


def test_relations_are_asked_the_other_way_round_and_counted_by_label(tmp_path):
    with serving(by_year) as fake:
        project = relations_project(tmp_path / "p", fake.url, direction_check="1.0")
        said = teach(project, documents_to_label(project))
        n = len(fake.calls)
        assert stored_direction(project, said) is None
        checked = check_direction(project, said)
        found = [a.value for a in said.values()]
        n_sibling, n_parent = found.count("sibling"), found.count("parent")
        assert checked.by_label == (("parent", 0, n_parent), ("sibling", n_sibling, n_sibling))
        assert (checked.n, checked.n_unusable) == (n_sibling + n_parent, 0)
        assert len(fake.calls) == n + checked.n
        assert stored_direction(project, said) == check_direction(project, said) == checked
        assert len(fake.calls) == n + checked.n
    assert f"{n_sibling} of {n_sibling + n_parent} relations given both ways" in checked.line


def test_a_share_of_nothing_asks_nothing(tmp_path):
    with serving(by_year) as fake:
        project = relations_project(tmp_path / "p", fake.url, direction_check="0")
        assert check_direction(project, teach(project, documents_to_label(project))) is None


def test_an_answer_about_spans_has_room_for_the_text_and_is_planned_so(tmp_path):
    usual = spans_project(tmp_path / "a", "http://127.0.0.1:9/v1")
    assert usual.settings.teacher.max_tokens == 1024
    assert usual.plan().cost_usd is None
    assert relations_project(tmp_path / "b", "http://127.0.0.1:9/v1").settings.teacher.max_tokens == 64
    text = (tmp_path / "a" / "understudy.toml").read_text(encoding="utf-8")
    (tmp_path / "a" / "understudy.toml").write_text(text + "\n[teacher]\nmax_tokens = 64\n", encoding="utf-8")
    assert Project.open(tmp_path / "a").settings.teacher.max_tokens == 64
