"""distilabel on texts of the throughput benchmark, without its cache of whole steps.

``python distilabel.py URL N CONCURRENCY``; the last line is the seconds of its run less those of a run over one batch,
so that the start of its processes does not count. Its batches are as large as the concurrency. It wants answers in
JSON, so that its labels come back empty here; the requests are the same.
"""

import sys
import time
from pathlib import Path

sys.path.remove(str(Path(__file__).resolve().parent))  # or this file would be imported in the peer's stead

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextClassification


def seconds_of(url, n_texts, at_once):
    started = time.perf_counter()
    with Pipeline(name="throughput") as pipeline:
        load = LoadDataFromDicts(data=[{"text": f"text number {i}"} for i in range(n_texts)], batch_size=at_once)
        classify = TextClassification(
            llm=OpenAILLM(model="fake", base_url=url, api_key="none", max_retries=0),
            available_labels=["pos", "neg"],
            input_batch_size=at_once,
            use_default_structured_output=False,
        )
        load >> classify
    done = pipeline.run(use_cache=False)
    seconds = time.perf_counter() - started
    assert len(done["default"]["train"]) == n_texts
    return seconds


if __name__ == "__main__":
    url, n_texts, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    start = seconds_of(url, at_once, at_once)
    print(seconds_of(url, n_texts + at_once, at_once) - start)
