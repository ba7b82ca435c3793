"""How long choosing a batch takes, and how much memory, side by side with small-text and scikit-activeml.

    python benchmarks/acquisition.py --quick                     our strategies at 10,000 rows
    python benchmarks/acquisition.py --peers FOLDER              10,000 and 100,000 rows, peers installed under FOLDER
    python benchmarks/acquisition.py --peers FOLDER --million    and 1,000,000

Everybody chooses 100 rows from the same unit vectors (N x 384, single precision, 300 overlapping groups) with the same
probabilities (4 labels); 100 rows are labelled. One child process per measurement; loading and importing are not timed;
we read a memory-mapped file, peers get the array in memory. Ours is the median of three runs up to 100,000 rows.
Threads: one for everybody (`--threads`), because machines are shared and scikit-learn's pools disturb each other; the
processor time beside the wall time tells how much of a difference is the neighbours'.

What the peers do: small-text's EmbeddingKMeans runs scikit-learn's KMeans over all rows to convergence and takes the
nearest row per centre; its GreedyCoreset measures all rows against all centres for every pick; its BADGE and that of
scikit-activeml write the N x (4 * 384) gradients down. scikit-activeml's CoreSet and TypiClust are as published.
`coverage` is the mean squared distance from every row to the nearest chosen one, `radius` the largest: lower is better.

The last line is one JSON object: how many times faster than the fastest peer that ran, at the largest size up to
100,000 (null without peers), and the largest peak memory of our strategies at 1,000,000 rows (null without --million).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DIMENSIONS, N_LABELS, N_LABELLED, N_GROUPS, BATCH, SEED = 384, 4, 100, 300, 100, 20
PEERS = {"small-text": ("small-text==1.4.1", "torch==2.13.0"), "scikit-activeml": ("scikit-activeml==1.0.1",)}
SAME_WORK = {
    "k_means": ("small-text",),
    "k_centre": ("small-text", "scikit-activeml"),
    "badge": ("small-text", "scikit-activeml"),
    "typical": ("scikit-activeml",),
}
RATIOS = {"ratio_kmeans": "k_means", "ratio_coreset": "k_centre", "ratio_badge": "badge"}


# --- the data ---------------------------------------------------------------------------------------------------------


def write_data(folder: Path, n: int) -> None:
    """`embeddings.npy`, `probabilities.npy` and `draws.npy`; written in blocks."""
    rng = np.random.default_rng(SEED)
    groups = rng.standard_normal((N_GROUPS, DIMENSIONS), dtype=np.float32)
    head = 20 * rng.standard_normal((DIMENSIONS, N_LABELS), dtype=np.float32) / DIMENSIONS**0.5
    embeddings = np.lib.format.open_memmap(folder / "embeddings.npy", "w+", np.float32, (n, DIMENSIONS))
    draws = np.empty((3, n, N_LABELS), dtype=np.float32)
    for start in range(0, n, 50_000):
        rows = slice(start, min(start + 50_000, n))
        block = groups[rng.integers(N_GROUPS, size=rows.stop - start)]
        block += 1.5 * rng.standard_normal(block.shape, dtype=np.float32)
        embeddings[rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
        noise = 0.3 * rng.standard_normal((3, len(block), N_LABELS), dtype=np.float32)
        odds = np.exp(embeddings[rows] @ head + noise)
        draws[:, rows] = odds / odds.sum(axis=2, keepdims=True)
    np.save(folder / "draws.npy", draws)
    np.save(folder / "probabilities.npy", draws.mean(axis=0))


# --- one measurement, in a process of its own -------------------------------------------------------------------------


def ours(strategy: str, folder: Path) -> Callable[[], Any]:
    from understudy.acquisition import PoolView, select_batch

    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("embeddings", "probabilities", "draws")}
    p = np.array(arrays["probabilities"])
    pool = PoolView(**arrays, teacher=arrays["draws"][0], trust=p.max(axis=1), scores=p[:, 0])
    labelled = np.arange(len(p) - N_LABELLED, len(p))
    return lambda: select_batch(strategy, BATCH, pool, labelled, np.random.default_rng(1), random_share=0).indices


def small_text(strategy: str, folder: Path) -> Callable[[], Any]:
    from small_text.integrations.pytorch.query_strategies import BADGE
    from small_text.query_strategies import EmbeddingKMeans
    from small_text.query_strategies.coresets import GreedyCoreset

    np.random.seed(1)
    x, p = np.load(folder / "embeddings.npy"), np.load(folder / "probabilities.npy")
    free, labelled = np.split(np.arange(len(x)), [len(x) - N_LABELLED])
    made = {"k_means": EmbeddingKMeans, "k_centre": GreedyCoreset, "badge": lambda: BADGE(N_LABELS)}[strategy]()
    return lambda: made.sample(None, None, free, labelled, None, BATCH, x, embeddings_proba=p)


def scikit_activeml(strategy: str, folder: Path) -> Callable[[], Any]:
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge, CoreSet, TypiClust

    x, p = np.load(folder / "embeddings.npy"), np.load(folder / "probabilities.npy")
    y = np.full(len(x), np.nan)
    y[-N_LABELLED:] = p[-N_LABELLED:].argmax(axis=1)

    class Recorded(SkactivemlClassifier):
        """The given probabilities of the rows without a label."""

        def fit(self, *_: Any) -> Recorded:
            return self

        def predict_proba(self, _: Any) -> Any:
            return p[:-N_LABELLED]

    if strategy == "badge":
        clf = Recorded(classes=list(range(N_LABELS)))
        return lambda: Badge(random_state=1).query(x, y, clf=clf, fit_clf=False, batch_size=BATCH)
    made = {"k_centre": CoreSet, "typical": lambda **k: TypiClust(k=20, **k)}[strategy](random_state=1)
    return lambda: made.query(x, y, batch_size=BATCH)


CHILDREN = {"understudy": ours, "small-text": small_text, "scikit-activeml": scikit_activeml}


def measure_here(library: str, strategy: str, folder: Path, repeats: int, memory_gb: float) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory_gb * 1024**3),) * 2)
    choose = CHILDREN[library](strategy, folder)
    times, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        chosen = choose()
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    status = Path("/proc/self/status").read_text()  # getrusage's maximum survives exec and would be the parent's
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024**2
    found = {"time_s": statistics.median(times), "cpu_s": statistics.median(cpu), "peak_gb": peak}
    print(json.dumps({**found, "chosen": [int(row) for row in chosen]}))


# --- all measurements -------------------------------------------------------------------------------------------------


def measure(python: Path, library: str, strategy: str, folder: Path, options: argparse.Namespace, n: int) -> Any:
    """What the child found; None, with a line that says why, if it failed or took too long."""
    threads = {name: str(options.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    repeats = 3 if library == "understudy" and n <= 100_000 else 1
    command = [python, __file__, "--child", library, strategy, folder, str(repeats), str(options.memory_gb)]
    limit = options.limit_s * repeats
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env={**os.environ, **threads})
    except subprocess.TimeoutExpired:
        return print(f"{n:>9,}  {strategy:<18} {library:<16} over {options.limit_s} s, stopped", flush=True)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"killed by signal {-done.returncode}, memory?"])[-1]
        return print(f"{n:>9,}  {strategy:<18} {library:<16} failed: {why[:150]}", flush=True)
    found = json.loads(done.stdout.splitlines()[-1])
    found["coverage"], found["radius"] = coverage(folder, found["chosen"], n)
    assert len(set(found["chosen"])) == BATCH or library != "understudy"
    print(
        f"{n:>9,}  {strategy:<18} {library:<16} {found['time_s']:9.2f} s "
        f"(processor {found['cpu_s']:.2f} s) {found['peak_gb']:6.2f} GB  "
        f"coverage {found['coverage']:.4f}  radius {found['radius']:.4f}",
        flush=True,
    )
    return found


def coverage(folder: Path, chosen: list[int], n: int) -> tuple[float, float]:
    """Mean and largest squared distance of at most 20,000 rows, evenly spaced, to the nearest chosen row."""
    embeddings = np.load(folder / "embeddings.npy", mmap_mode="r")
    nearest = 2 - 2 * (embeddings[:: max(1, n // 20_000)] @ embeddings[chosen].T).max(axis=1)
    return float(nearest.mean()), float(nearest.max())


def install_peers(folder: Path | None) -> dict[str, Path]:
    """A Python per peer, installed where it is missing."""
    if folder is None:
        print("Peers are skipped: --peers FOLDER installs them in virtual environments of their own.")
        return {}
    pythons = {peer: folder / peer / "bin" / "python" for peer in PEERS}
    for peer, python in pythons.items():
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", folder / peer], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[peer]], check=True)
    return pythons


def run_size(n: int, pythons: dict[str, Path], options: argparse.Namespace) -> dict[tuple[str, str], Any]:
    from understudy.acquisition import STRATEGIES

    results = {}
    with tempfile.TemporaryDirectory(dir=options.data) as name:
        folder = Path(name)
        write_data(folder, n)
        for strategy in options.only or STRATEGIES:
            results["understudy", strategy] = measure(Path(sys.executable), "understudy", strategy, folder, options, n)
            for peer in SAME_WORK.get(strategy, ()) if pythons else ():
                results[peer, strategy] = measure(pythons[peer], peer, strategy, folder, options, n)
    return results


def ratios(results: dict[tuple[str, str], Any], unit: str) -> dict[str, float | None]:
    """How many times the fastest peer's time is ours, by `time_s` or `cpu_s`; None where no peer ran."""
    found = {}
    for name, strategy in RATIOS.items():
        peers = [one[unit] for (who, what), one in results.items() if one and what == strategy and who in PEERS]
        mine = results.get(("understudy", strategy))
        found[name] = round(min(peers) / mine[unit], 1) if mine and peers else None
    return found


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="folder for the peers' virtual environments")
    parser.add_argument("--quick", action="store_true", help="10,000 rows only")
    parser.add_argument("--million", action="store_true", help="also 1,000,000 rows")
    parser.add_argument("--sizes", type=int, nargs="+", help="these sizes instead")
    parser.add_argument("--only", nargs="+", help="these strategies only")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit-s", type=float, default=600, help="a measurement is stopped after so many seconds")
    parser.add_argument("--memory-gb", type=float, default=12, help="no measurement may take more")
    parser.add_argument("--data", type=Path, help="folder for the temporary data (1.6 GB with --million)")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    sizes = options.sizes or [10_000, *[100_000] * (not options.quick), *[1_000_000] * options.million]
    pythons = install_peers(options.peers)
    by_size = {n: run_size(n, pythons, options) for n in sizes}
    compared = by_size[max((n for n in sizes if n <= 100_000), default=min(sizes))]
    print("by processor time:", json.dumps(ratios(compared, "cpu_s")))
    peaks = [
        found["peak_gb"] for (who, _), found in by_size.get(1_000_000, {}).items() if found and who == "understudy"
    ]
    print(json.dumps({**ratios(compared, "time_s"), "peak_gb_1m": round(max(peaks), 2) if peaks else None}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        measure_here(sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))
    else:
        main()
