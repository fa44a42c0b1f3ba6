"""The site: README, docs and docstrings, and no dead link."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed: requirements-docs.txt")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_readme_is_the_first_page_and_its_links_are_pages(site):
    page = (site / "index.html").read_text("utf-8")
    assert "3D human pose from one colour image" in page
    assert 'href="deployment/"' in page
    assert 'href="api/keras_pose.config/"' in page


def test_docstrings_have_pages(site):
    page = (site / "api/keras_pose.pose/index.html").read_text("utf-8")
    text = re.sub(r"<[^>]*>", "", page)
    assert "(J, 3) mm, relative to the root" in text
    assert (site / "api/keras_pose.data.sources.h36m.raw/index.html").exists()


def test_nothing_is_loaded_from_elsewhere(site):
    for path in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|img|link)[^>]*(?:src|href)=.(https?:)?//",
            path.read_text("utf-8"),
        )
        assert loaded == [], path
