"""Students of entities and relations beside the usual recipes: same encoder, data and hyper-parameters, three seeds.

    python benchmarks/span_students.py DATA [--seeds 0 1 2] [--only entities|relations] [--systems recipe encoder]

DATA is a folder with `gold_ner_crossner_politics` and `gold_re_wiki80`. Entities: transformers' token classification
(`AutoModelForTokenClassification`, `DataCollatorForTokenClassification`, `Trainer`; words as the file has them, labels
at first subwords, the larger score wins) against `EncoderTagger`, which is given the text alone. Relations: a plain
entity-marker model (the states at both opening markers, dropout, one linear layer) in a loop of a few lines against
`EncoderRelations`. Both students on frozen vectors (`linear`) stand beside. F1 is micro over exact spans, or over
relations. The last line is one JSON object: mean F1 of each, and `difference`, the student's minus the recipe's.
Seeds and systems can be run apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from understudy.codebook import Task, task_of
from understudy.embedding import bundled_folder, load_encoder
from understudy.evaluation.spans import tag_spans
from understudy.records import Document, Span, Value
from understudy.settings import Codebook, EmbeddingSettings, EncoderSettings, Label, StudentSettings
from understudy.student import make_student

PLAN = EncoderSettings(learning_rate=2e-4, batch_size=16, epochs=4, max_tokens=128)
N_TRAIN, N_TEST, N_RELATIONS = 300, 300, 10
SYSTEMS = ("recipe", "encoder", "linear")
MARKERS = ["[E1]", "[/E1]", "[E2]", "[/E2]"]

Systems = dict[str, Callable[[int], float]]


class Sentence(NamedTuple):
    """A document with the words and tags of its file."""

    document: Document
    words: list[str]
    tags: list[str]


def main() -> None:
    """Train and score."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--only", choices=("entities", "relations"))
    parser.add_argument("--systems", choices=SYSTEMS, nargs="+", default=SYSTEMS)
    given = parser.parse_args()
    tasks = {"entities": entities, "relations": relations}
    figures: dict[str, object] = {"seeds": list(given.seeds)}
    for name, systems_of in tasks.items():
        if given.only in (None, name):
            systems = systems_of(given.data)
            figures[name] = compared({system: systems[system] for system in given.systems}, given.seeds)
    print(json.dumps(figures))


def entities(data: Path) -> Systems:
    """Micro F1 over exact spans, by seed."""
    folder = data / "gold_ner_crossner_politics"
    train = (sentences(folder / "train.jsonl") + sentences(folder / "dev.jsonl"))[:N_TRAIN]
    test = sentences(folder / "test.jsonl")[:N_TEST]
    labels = sorted({span.label for s in train for span in spans_of(s.document)})
    task = task_of(Codebook(kind="entities", labels=tuple(Label(name=label) for label in labels)))
    shown, asked = [s.document for s in train], [s.document for s in test]
    return {
        "recipe": lambda seed: f1(task, asked, token_classification(train, test, labels, seed)),
        "encoder": lambda seed: f1(task, asked, student(task, "encoder", shown, asked, seed)),
        "linear": lambda seed: f1(task, asked, student(task, "linear", shown, asked, seed)),
    }


def relations(data: Path) -> Systems:
    """Micro F1, which is accuracy, by seed: no label is left out."""
    pool = pairs(data / "gold_re_wiki80" / "gold_dev.jsonl")
    names = [str(name) for name, _ in Counter(document.value for document in pool).most_common(N_RELATIONS)]
    rng = np.random.default_rng(0)
    known = [document for document in pool if document.value in names]
    order = rng.permutation(len(known))
    shown, asked = ([known[i] for i in part] for part in (order[:N_TRAIN], order[N_TRAIN : N_TRAIN + N_TEST]))
    task = task_of(Codebook(kind="relations", labels=tuple(Label(name=name) for name in names)))
    return {
        "recipe": lambda seed: f1(task, asked, entity_markers(shown, asked, names, seed)),
        "encoder": lambda seed: f1(task, asked, student(task, "encoder", shown, asked, seed)),
        "linear": lambda seed: f1(task, asked, student(task, "linear", shown, asked, seed)),
    }


def compared(systems: Systems, seeds: Sequence[int]) -> dict[str, float]:
    """Mean F1 of each system, and the fine-tuned student's minus the recipe's where both are run."""
    found: dict[str, list[float]] = {name: [] for name in systems}
    for seed in seeds:
        for name, run in systems.items():
            if name == "linear" and found[name]:
                continue  # nothing in it depends on the seed but the folds
            started = time.monotonic()
            found[name].append(run(seed))
            print(f"{name:8} seed {seed}: F1 {found[name][-1]:.4f} in {time.monotonic() - started:.0f} s", flush=True)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    if {"encoder", "recipe"} <= means.keys():
        means["difference"] = means["encoder"] - means["recipe"]
    return means


def student(task: Task, kind: Any, shown: Sequence[Document], asked: Sequence[Document], seed: int) -> list[Value]:
    """What a student of ours says."""
    settings = StudentSettings(kind=kind, encoder=PLAN)
    made = make_student(settings, task, load_encoder(EmbeddingSettings(), None), seed)
    targets = task.encode([document.value for document in shown]).astype(np.float64)
    return made.fit(shown, targets).predict(asked)


def f1(task: Task, asked: Sequence[Document], said: Sequence[Value]) -> float:
    """Micro F1 over everything."""
    tally = task.count([document.value for document in asked], said)
    right = 2 * tally.tp.sum()
    return float(right / (right + tally.fp.sum() + tally.fn.sum()))


def token_classification(
    train: Sequence[Sentence], test: Sequence[Sentence], labels: Sequence[str], seed: int
) -> list[Value]:
    """Transformers' recipe."""
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    set_seed(seed)
    names = ["O"] + [f"{prefix}-{label}" for label in labels for prefix in "BI"]
    tokenizer = AutoTokenizer.from_pretrained(bundled_folder())
    network = AutoModelForTokenClassification.from_pretrained(bundled_folder(), num_labels=len(names))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, learning_rate=PLAN.learning_rate, per_device_train_batch_size=PLAN.batch_size,
            num_train_epochs=PLAN.epochs, warmup_steps=PLAN.warmup, weight_decay=PLAN.weight_decay,
            max_grad_norm=PLAN.max_grad_norm, seed=seed, save_strategy="no", report_to=[], disable_tqdm=True,
            logging_strategy="no",
        )  # fmt: skip
        examples = [first_subwords(tokenizer, sentence, names) for sentence in train]
        Trainer(
            network, arguments, train_dataset=examples, data_collator=DataCollatorForTokenClassification(tokenizer)
        ).train()
    network.eval()
    return [spans_at(sentence, tags_at(network, tokenizer, sentence, names)) for sentence in test]


def first_subwords(tokenizer: Any, sentence: Sentence, names: Sequence[str]) -> dict[str, Any]:
    """Tokens with the label of each word at its first one and -100 at the others."""
    encoded = tokenizer(sentence.words, is_split_into_words=True, truncation=True, max_length=PLAN.max_tokens)
    words = encoded.word_ids()
    is_first = [now is not None and now != before for before, now in pairwise([None, *words])]
    wanted = [names.index(sentence.tags[w]) if first else -100 for w, first in zip(words, is_first, strict=True)]
    return {**encoded, "labels": wanted}


def tags_at(network: Any, tokenizer: Any, sentence: Sentence, names: Sequence[str]) -> list[str]:
    """The most likely tag of each word's first token; O where it was cut off."""
    encoded = tokenizer(
        sentence.words, is_split_into_words=True, truncation=True, max_length=PLAN.max_tokens, return_tensors="pt"
    )
    with torch.inference_mode():
        best = network(**encoded).logits[0].argmax(dim=1).tolist()
    tags = ["O"] * len(sentence.words)
    for place, word in reversed(list(enumerate(encoded.word_ids()))):
        if word is not None:
            tags[word] = names[best[place]]
    return tags


def entity_markers(
    shown: Sequence[Document], asked: Sequence[Document], names: Sequence[str], seed: int
) -> list[Value]:
    """A plain entity-marker model."""
    from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(bundled_folder())
    tokenizer.add_special_tokens({"additional_special_tokens": MARKERS})
    body = AutoModel.from_pretrained(bundled_folder())
    body.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    head = torch.nn.Linear(2 * body.config.hidden_size, len(names))
    opening = tokenizer.convert_tokens_to_ids([MARKERS[0], MARKERS[2]])

    def scores(documents: Sequence[Document]) -> torch.Tensor:
        texts = [with_markers(document) for document in documents]
        batch = tokenizer(texts, padding=True, truncation=True, max_length=PLAN.max_tokens, return_tensors="pt")
        states = body(**batch).last_hidden_state
        rows = torch.arange(len(texts))
        found = [states[rows, (batch["input_ids"] == marker).int().argmax(dim=1)] for marker in opening]
        return head(torch.nn.functional.dropout(torch.cat(found, dim=1), 0.1, body.training))

    parameters = [*body.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=PLAN.learning_rate, weight_decay=PLAN.weight_decay)
    n_steps = PLAN.epochs * -(-len(shown) // PLAN.batch_size)
    schedule = get_linear_schedule_with_warmup(optimiser, int(PLAN.warmup * n_steps), n_steps)
    body.train()
    for _ in range(PLAN.epochs):
        for rows in torch.randperm(len(shown)).split(PLAN.batch_size):
            batch = [shown[row] for row in rows.tolist()]
            wanted = torch.tensor([names.index(str(document.value)) for document in batch])
            torch.nn.functional.cross_entropy(scores(batch), wanted).backward()
            torch.nn.utils.clip_grad_norm_(parameters, PLAN.max_grad_norm)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
    body.eval()
    with torch.inference_mode():
        return [names[int(scores([document]).argmax())] for document in asked]


def with_markers(document: Document) -> str:
    """The text with markers; head and tail do not overlap in this set."""
    text = document.text
    marked = [(document.head, MARKERS[:2]), (document.tail, MARKERS[2:])]
    for span, (before, behind) in sorted(marked, key=lambda pair: pair[0].start if pair[0] else 0, reverse=True):
        assert span is not None
        text = f"{text[: span.start]} {before} {span.text} {behind} {text[span.end :]}"
    return text


def sentences(path: Path) -> list[Sentence]:
    """A file of tokens and BIO tags."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    bare = [Sentence(Document(r["id"], " ".join(r["tokens"])), r["tokens"], r["tags"]) for r in rows]
    return [s._replace(document=Document(s.document.id, s.document.text, spans_at(s, s.tags))) for s in bare]


def spans_at(sentence: Sentence, tags: Sequence[str]) -> tuple[Span, ...]:
    """Spans of tags as spans of the text."""
    starts = np.cumsum([0] + [len(word) + 1 for word in sentence.words])
    found = []
    for first, last, label in tag_spans(tags):
        start, end = int(starts[first]), int(starts[last]) - 1
        found.append(Span(start, end, label, sentence.document.text[start:end]))
    return tuple(found)


def spans_of(document: Document) -> list[Span]:
    """The spans that it carries."""
    return [span for span in document.value or () if isinstance(span, Span)]


def pairs(path: Path) -> list[Document]:
    """A file of tokens with a head and a tail; pairs that overlap are left out."""
    found = []
    for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        words = Sentence(Document(row["id"], " ".join(row["tokens"])), row["tokens"], [])
        head, tail = (words_span(words, name, *row[name]) for name in ("head", "tail"))
        if head.end <= tail.start or tail.end <= head.start:
            found.append(Document(row["id"], words.document.text, row["label"], head=head, tail=tail))
    return found


def words_span(sentence: Sentence, label: str, first: int, last: int) -> Span:
    """The span of the words ``[first, last)``."""
    start = len(" ".join([*sentence.words[:first], ""]))
    quote = " ".join(sentence.words[first:last])
    return Span(start, start + len(quote), label, quote)


if __name__ == "__main__":
    main()
