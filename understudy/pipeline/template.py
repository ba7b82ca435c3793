"""New project folders: a commented settings file written from the settings themselves, and sample data."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

from understudy.errors import UserError
from understudy.pipeline.span_samples import sample_rows
from understudy.settings import FILE_NAME, Codebook, EstimateSettings, ProjectSettings, Settings, Table

INSTRUCTIONS = {
    "classification": "What does the writer of this message want?",
    "multilabel": "Which of these does the review speak of?",
    "entities": "Mark the names of persons, companies and places; the whole name and nothing else.",
    "relations": "What does the text say about the marked person and the marked company?",
}
LABELS = {
    "classification": (
        ("complaint", "Something went wrong and the writer says so.", "Polite complaints count too.",
         "A question about how something works is `question`.", "The parcel arrived broken again.",
         "How do I return a parcel?"),
        ("question", "The writer wants to know something.", "Also when no question mark is used.",
         "A rhetorical question that vents anger is `complaint`.", "When do you open on Sundays?",
         "Do you ever answer the phone?"),
        ("praise", "The writer is content and says so.", "", "Irony is `complaint`.", "Fast and friendly, thank you!",
         "Great, three weeks for a postcard."),
    ),
    "multilabel": (
        ("food", "The review judges what was eaten or drunk.", "", "Prices alone are `price`.",
         "The soup was cold.", "Eight euros for a soup!"),
        ("service", "The review judges the staff or the waiting.", "", "", "We waited for an hour.",
         "The soup was cold."),
        ("price", "The review judges what it cost.", "", "", "Eight euros for a soup!", "We waited for an hour."),
    ),
    "entities": (
        ("person", "The name of a person.", "With a title, if one stands there.", "", "Dr Weir is ill.",
         "The doctor is ill."),
        ("company", "The name of a company.", "", "Its building is still `company`.", "Salt Ltd pays late.",
         "The company pays late."),
        ("place", "The name of a town or country.", "", "", "The fair in Lyon is over.", "The fair is over."),
    ),
    "relations": (
        ("works_for", "The person is paid by the company.", "Also as its owner, if the text says so.", "",
         "Weir is a cook at Salt Ltd.", "Weir was a guest at Salt Ltd."),
        ("founded", "The person started the company.", "", "", "Salt Ltd began in Weir's kitchen.",
         "Weir bought Salt Ltd."),
        ("no_relation", "The text says neither.", "", "", "Weir was a guest at Salt Ltd.", ""),
    ),
}  # fmt: skip
DEMOS = {"classification": "demo_project", "entities": "demo_entities"}
"""Kind of task -> folder of the demo project in the package."""

GIVEN: dict[str, dict[str, dict[str, Any]]] = {
    "entities": {"data": {"pool": ["data/pool.jsonl"], "gold": ["data/gold.jsonl"]}},
    "relations": {
        "codebook": {"null": "no_relation"},
        "data": {"pool": ["data/pool.jsonl"], "gold": ["data/gold.jsonl"], "head": "head", "tail": "tail"},
    },
}
"""What the samples of a kind need beside the defaults: table -> setting -> value."""

LABEL_KEYS = (
    "name", "definition", "clarification", "negative_clarification", "positive_example", "negative_example"
)  # fmt: skip
GOLD_ROWS = {
    "classification": (
        ("My order never came.", "complaint"), ("Is the blue one back in stock?", "question"),
        ("Best shop in town.", "praise"), ("You charged me twice.", "complaint"),
        ("Can I pay by card?", "question"), ("Lovely packaging, thanks.", "praise"),
        ("The zip broke after a day.", "complaint"), ("Which size fits a child of six?", "question"),
        ("Delivered before lunch, wonderful.", "praise"), ("Still no refund.", "complaint"),
    ),
    "multilabel": (
        ("The soup was cold and dear.", "food|price"), ("Charming waiter.", "service"),
        ("Great pasta for little money.", "food|price"), ("We left hungry after an hour of waiting.", "service"),
        ("Nice view.", "[]"), ("Dessert was the best part.", "food"),
        ("They overcharged us and shrugged.", "service|price"),
        ("Cheap and quick.", "service|price"), ("The fish was fresh.", "food"), ("Parking is difficult.", "[]"),
    ),
}  # fmt: skip
POOL_ROWS = {
    "classification": (
        "Where is my parcel?", "The box was empty.", "Thank you for the quick exchange.", "Do you ship abroad?",
        "Wrong colour, again.", "I will order here again.", "How long is the warranty?", "The manual is missing.",
        "Excellent advice on the phone.", "Your website logged me out three times.",
    ),
    "multilabel": (
        "The coffee was weak.", "Nobody took our order.", "Fair prices.", "Cold fries, warm beer.", "A quiet place.",
        "The cook came out to greet us.", "Twelve euros for a salad.", "Perfect steak.", "Friendly but slow.",
        "Good value lunch.",
    ),
}  # fmt: skip


def create_project(folder: Path, kind: str) -> list[Path]:
    """Make a project folder with settings, ten gold and ten pool rows; returns the files it wrote, settings first.

    Data files that are there already stay as they are.

    Raises
    ------
    UserError
        If the folder already holds a project; nothing is overwritten.
    """
    if (folder / FILE_NAME).exists():
        raise UserError(f"`{folder}` already holds a project.", "Choose another folder, or edit the one there.")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    settings = folder / FILE_NAME
    settings.write_text(template(folder.resolve().name, kind), encoding="utf-8")
    samples = _tables_of_spans(kind) if kind in GIVEN else _tables_of_labels(kind)
    missing = {
        folder / "data" / name: lines for name, lines in samples.items() if not (folder / "data" / name).exists()
    }
    for path, lines in missing.items():
        path.write_text(lines, encoding="utf-8", newline="")
    return [settings, *missing]


def _tables_of_labels(kind: str) -> dict[str, str]:
    """File name -> contents of the sample tables, as CSV."""
    gold = [(f"g{i}", text, label) for i, (text, label) in enumerate(GOLD_ROWS[kind], 1)]
    pool = [(f"p{i}", text) for i, text in enumerate(POOL_ROWS[kind], 1)]
    return {"gold.csv": _csv(("id", "text", "label"), gold), "pool.csv": _csv(("id", "text"), pool)}


def _tables_of_spans(kind: str) -> dict[str, str]:
    """File name -> contents of the sample tables, as JSONL."""
    gold, pool = ("".join(f"{_toml(row)}\n" for row in rows) for rows in sample_rows(kind))
    return {"gold.jsonl": gold, "pool.jsonl": pool}


def copy_demo_project(folder: Path, kind: str = "classification") -> None:
    """Copy the project of a kind that ships with the package, unless it is there already.

    Raises
    ------
    UserError
        If the folder holds something else.
    """
    source = resources.files("understudy") / DEMOS[kind]
    target = folder / FILE_NAME
    if target.exists():
        if target.read_bytes() != (source / FILE_NAME).read_bytes():
            raise UserError(f"`{folder}` holds another project.", "Name another folder: `understudy demo FOLDER`.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    with resources.as_file(source) as path:
        shutil.copytree(path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.py"))


def template(name: str, kind: str) -> str:
    """A settings file for a kind of task: every setting with its meaning and its default."""
    given = GIVEN.get(kind, {})
    lines = [
        "# An Understudy project. Every setting stands here with its meaning;",
        "# those behind a `#` have the value shown unless you change them.",
        "",
        "[project]",
        f"name = {_toml(name)}",
        *_settings_of(ProjectSettings, {"name"}, {}),
        "",
        "[codebook]",
        f"kind = {_toml(kind)}",
        f"instructions = {_toml(INSTRUCTIONS[kind])}",
        *_settings_of(Codebook, {"kind", "instructions", "labels"}, given.get("codebook", {})),
    ]
    for label in LABELS[kind]:
        lines += ["", "[[codebook.labels]]"]
        lines += [f"{key} = {_toml(value)}" for key, value in zip(LABEL_KEYS, label, strict=True)]
    lines += ["", *_tables(Settings(), "", {"project", "codebook"}, given)]
    lines += [f"# {Settings.model_fields['estimates'].description}", "# [[estimates]]"]
    lines += _settings_of(EstimateSettings, set(), {})
    return "\n".join(lines).rstrip() + "\n"


def _tables(table: Table, prefix: str, skip: set[str], given: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name in type(table).model_fields:
        value = getattr(table, name)
        if name in skip or not isinstance(value, Table):
            continue
        yield f"[{prefix}{name}]"
        yield from _settings_of(type(value), set(), given.get(f"{prefix}{name}", {}))
        yield ""
        yield from _tables(value, f"{prefix}{name}.", set(), given)


def _settings_of(table: type[Table], skip: set[str], given: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, field in table.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if name in skip or isinstance(default, Table):
            continue
        lines.append(f"# {field.description}")
        if name in given:
            lines.append(f"{name} = {_toml(given[name])}")
        else:
            lines.append(f"# {name} = {'' if default is None else _toml(default)}".rstrip())
    return lines


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _csv(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    table = StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(header)
    writer.writerows(rows)
    return table.getvalue()
