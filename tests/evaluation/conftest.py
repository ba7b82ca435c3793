from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240611)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets beside the repository; tests that need it are skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no public data in {folder}; set UNDERSTUDY_SHARED_DATA to run this")
    return folder
