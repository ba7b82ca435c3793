import signal

import pytest
from small_project import SmallProject


@pytest.fixture(autouse=True)
def _signals_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_bert):
    """A project whose run has ended."""
    small = SmallProject(tmp_path_factory.mktemp("finished") / "project", tiny_bert, codebook='positive = "pos"')
    small.write_recorded({row["id"]: row["label"] for row in (*small.gold, *small.pool)})
    small.open().run()
    return small


@pytest.fixture
def project(tmp_path, tiny_bert):
    return SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"')
