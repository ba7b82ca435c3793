"""autolabel (refuel-autolabel 0.0.16 with openai 0.28.1) on texts of the throughput benchmark.

``python autolabel.py URL N CONCURRENCY [--forgetful]``; the last line is the seconds of its run. It asks one text after
the other, whatever the concurrency. As it is used by default it keeps each answer in SQLite; `--forgetful` turns that
off. Token counts are made by splitting at spaces, because its own tokenizer wants a file from the net: a little faster.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.remove(str(Path(__file__).resolve().parent))  # or this file would be imported in the peer's stead
url, n_texts = sys.argv[1], int(sys.argv[2])
os.environ.update(OPENAI_API_KEY="none", OPENAI_API_BASE=url)

import tiktoken  # noqa: E402


class Words:
    """Stands for a tokenizer."""

    name = "words"

    def encode(self, text, **_):
        """Words for tokens."""
        return text.split()

    def decode(self, tokens):
        """The text again, nearly."""
        return " ".join(map(str, tokens))


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda _name: Words()

import openai  # noqa: E402
from autolabel import AutolabelDataset, LabelingAgent  # noqa: E402

openai.api_base = url
CONFIG = {
    "task_name": "sentiment",
    "task_type": "classification",
    "model": {"provider": "openai", "name": "gpt-3.5-turbo"},
    "dataset": {"label_column": "label", "delimiter": ","},
    "prompt": {
        "task_guidelines": "Classify: {labels}",
        "labels": ["pos", "neg"],
        "example_template": "Input: {text}\nOutput: {label}",
    },
}
os.chdir(tempfile.mkdtemp())
Path("texts.csv").write_text("text,label\n" + "".join(f"text number {i},pos\n" for i in range(n_texts)))
agent = LabelingAgent(config=CONFIG, cache="--forgetful" not in sys.argv, console_output=False)
texts = AutolabelDataset("texts.csv", config=CONFIG)
started = time.perf_counter()
labelled = agent.run(texts, skip_eval=True)
seconds = time.perf_counter() - started
assert len(labelled.df) == n_texts
print(seconds)
