import json

import numpy as np

from tests.web import make_cases


def _assert_near(found, expected, where):
    """The same, but for what another processor rounds otherwise."""
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for name in expected:
            _assert_near(found[name], expected[name], f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for row, value in enumerate(expected):
            _assert_near(found[row], value, f"{where}[{row}]")
    elif isinstance(expected, float):
        # Poses are written in thousandths.
        np.testing.assert_allclose(
            found, expected, rtol=1e-9, atol=1.1e-3, err_msg=where
        )
    else:
        assert found == expected, where


def test_the_cases_of_the_browser_are_what_python_computes():
    written = json.loads(make_cases.CASES.read_text())

    _assert_near(make_cases.make_cases(), written, "cases")


def test_the_skeletons_of_the_browser_are_those_of_python():
    written = json.loads(make_cases.SKELETON_TABLE.read_text())

    assert written == json.loads(json.dumps(make_cases.make_skeletons()))


def test_the_browser_follows_people_by_the_numbers_of_python():
    written = json.loads(make_cases.SETTINGS.read_text())

    assert written == make_cases.make_settings()


def test_the_browser_s_files_begin_as_those_of_python():
    written = json.loads(make_cases.HEADER.read_text())

    assert written == make_cases.make_header()


def test_files_are_as_make_cases_writes_them():
    for path in (
        make_cases.CASES,
        make_cases.SKELETON_TABLE,
        make_cases.SETTINGS,
        make_cases.HEADER,
    ):
        text = path.read_text()

        assert make_cases.text_of(json.loads(text)) == text
