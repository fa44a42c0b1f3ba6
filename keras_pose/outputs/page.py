"""A recording on one page that a browser opens, with nothing else at hand."""

import base64
import hashlib
import html
import importlib.resources
import json
import re

from keras_pose.durable import replaced
from keras_pose.outputs.page_data import page_data

# In the order in which the browser reads them.
_SCRIPTS = (
    "page_recording.js",
    "page_colours.js",
    "page_picture.js",
    "page_view.js",
    "page_scene.js",
    "page_angles.js",
    "page.js",
)


def write_page(path, recording, pictures=()):
    """Writes the poses as a page: pictures, 3D scene, angles, numbers.

    The page is one file of 5 to 25 MB, however long the video. It loads
    nothing from anywhere, and tells its browser to refuse whatever tries.

    Args:
        path: The .html file, replaced when the new one is whole.
        recording: The Recording.
        pictures: Mapping of frame index -> JPEG bytes, or such pairs, as
            `page_pictures.Thumbnails` makes them. A frame without one shows
            the nearest; photos without one are left out.

    Raises:
        ValueError: The recording has no frame, or a picture is not a JPEG or
            belongs to none of its frames.
    """
    if not recording.frame_names:
        raise ValueError(
            "`recording` must have a frame or more. Received: none"
        )
    pictures = dict(pictures)
    _check_pictures(pictures, len(recording.frame_names))
    data = page_data(recording, sorted(pictures))
    data["pictures"] = {
        int(frame): base64.b64encode(pictures[frame]).decode("ascii")
        for frame in sorted(pictures)
    }
    parts = _parts(data)
    with replaced(path) as aside:
        # Scripts are known by their bytes: no line end may change. The name of
        # a file need not be Unicode.
        with open(
            aside, "w", encoding="utf-8", errors="replace", newline=""
        ) as file:
            # Split with a group: texts and names of parts by turns.
            pieces = re.split(r"\{\{(\w+)\}\}", _file("page.html"))
            for turn, piece in enumerate(pieces):
                file.write(parts[piece] if turn % 2 else piece)


def _parts(data):
    """What stands in page.html for each name in double braces."""
    from plotly.offline import get_plotlyjs

    plotly, script = get_plotlyjs(), "".join(map(_file, _SCRIPTS))
    return {
        "policy": _policy(plotly, script),
        "title": html.escape(data["title"]),
        "style": _file("page.css"),
        "data": _json_in_html(data),
        "plotly": plotly,
        "script": script,
    }


def _policy(*scripts):
    """What the browser may do: run these scripts, and show what is inlined.

    Not even a tag that got into the page could run, as its hash is not here.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'"
        for s in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; "
        "style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json_in_html(data):
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _file(name):
    """The text of a file beside this module."""
    folder = importlib.resources.files(__package__)
    return folder.joinpath(name).read_text(encoding="utf-8")


def _check_pictures(pictures, num_frames):
    for frame, encoded in pictures.items():
        if not 0 <= frame < num_frames:
            raise ValueError(
                "`pictures` must be of frames of the recording, 0 to "
                f"{num_frames - 1}. Received: {frame}"
            )
        if encoded[:2] != b"\xff\xd8":
            raise ValueError(
                "`pictures` must be JPEG files. "
                f"Received: frame {frame} begins with {encoded[:4]!r}"
            )
