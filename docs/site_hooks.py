"""What turns README, docs and docstrings into the site; MkDocs calls it.

The README is the first page. Every public module has a page made of its
docstrings. Links between files become links between pages; those to files that
are no page of the site become plain text.
"""

import pathlib
import posixpath
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[1]
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s:#]+)(#[^)]*)?\)")
# What README and docs link to of other pages' sources.
_PAGES = {"README.md": "index.md", "web/README.md": "web.md"}

_INDEX = """
[`keras_pose.load`](keras_pose.md) gives a
[`Predictor`](keras_pose.prediction.md), which makes
[`Poses`](keras_pose.pose.md) of an image.
"""


def on_files(files, config):
    """Adds the pages that are not files of the folder."""
    for source, page in _PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=text))
    modules = _modules()
    for module in modules:
        content = f"# {module}\n\n::: {module}\n"
        page = _page_of(module)
        files.append(File.generated(config, page, content=content))
    rows = "\n".join(
        f"| [`{module}`]({module}.md) | {_first_line(path)} |"
        for module, path in modules.items()
    )
    index = f"# Python\n\n{_INDEX}\n\n| module | |\n| --- | --- |\n{rows}\n"
    files.append(File.generated(config, "api/index.md", content=index))
    return files


def on_page_markdown(markdown, page, config, files):
    """Makes the links of a file those of its page."""
    place = {page: source for source, page in _PAGES.items()}.get(
        page.file.src_uri, f"docs/{page.file.src_uri}"
    )
    if place.startswith("docs/api/"):
        return markdown

    def to_page(match):
        text, target, anchor = match.groups()
        path = posixpath.normpath(
            posixpath.join(posixpath.dirname(place), target)
        )
        found = _PAGES.get(path) or _module_page(path)
        if path.startswith("docs/") and path.endswith(".md"):
            found = path.removeprefix("docs/")
        if found is None:
            return text
        here = posixpath.dirname(page.file.src_uri) or "."
        return f"[{text}]({posixpath.relpath(found, here)}{anchor or ''})"

    markdown = _LINK.sub(to_page, markdown)
    return re.sub(r"\]\((?:\.\./)?docs/images/", "](images/", markdown)


def _modules():
    """Public modules by name: their paths."""
    found = {}
    for path in sorted((ROOT / "keras_pose").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path
    return dict(sorted(found.items()))


def _module_page(path):
    """The page of a module's file or a package's folder, or None."""
    for module, file in _modules().items():
        here = file.relative_to(ROOT).as_posix()
        if path in (here, posixpath.dirname(here)):
            return _page_of(module)
    return None


def _page_of(module):
    return f"api/{module}.md"


def _first_line(path):
    text = path.read_text("utf-8")
    return text.partition('"""')[2].partition("\n")[0].strip('"').rstrip(".")
