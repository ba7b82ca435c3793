"""What fault tests share."""

import pytest


@pytest.fixture
def path(tmp_path):
    """Where a journal is made."""
    return tmp_path / "journal.sqlite"
