import pytest

from understudy.errors import UserError
from understudy.student.extras import extra


def test_a_missing_library_names_the_install_line():
    with pytest.raises(UserError, match="needs `no_such_library`") as caught:
        extra("no_such_library", "static")
    assert "pip install 'understudy[static]'" in caught.value.hint


def test_a_library_that_is_there_is_returned():
    assert extra("json", "static").loads("1") == 1
