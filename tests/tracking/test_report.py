import base64
import html.parser
import json
import math
import re
import sys

import cv2
import numpy as np
import pytest

from keras_pose import config as config_lib
from keras_pose.tracking import manifest
from keras_pose.tracking.journal import Journal
from keras_pose.tracking.report import write_report

EVIL = '<script>alert("a&b")</script>'


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: its texts, tags and addresses."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.addresses, self.rows = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag == "table":
            self.rows.append([])

    def handle_data(self, data):
        self.text.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def row(self, first):
        return next(row for row in self.rows if row and row[0] == first)


@pytest.fixture
def workdir(tmp_path, monkeypatch):
    """A run that was killed once, and then finished."""
    monkeypatch.setattr(sys, "argv", ["train.py", "--workdir=" + EVIL])
    folder = tmp_path / "my_run"
    folder.mkdir()
    times = iter(["2026-01-01T10:00:00+00:00", "2026-01-02T10:00:00+00:00"])
    monkeypatch.setattr(manifest, "_now", lambda: next(times))
    config = config_lib.Config()
    config.train.batch_size = 77
    config.data.train = (EVIL,)
    config = json.loads(config_lib.to_json(config))
    data = {"train": [{"folder": EVIL, "count": 4321, "sha256": "ab" * 32}]}
    for step, began in ((0, 1767261600), (4, 1767348000)):
        manifest.add_start(folder, config, data, step, "jax", EVIL, ["GPU:0"])
        journal = Journal(folder, step)
        # 600 s between steps, from the start on.
        for number, point in enumerate(range(step + 1, step + 7), 1):
            now = began + 600 * number
            monkeypatch.setattr("time.time", lambda now=now: now)
            journal.scalars(point, VALUES[point - 1] | {EVIL: 1.0})
            journal.pictures(
                point, "samples", np.full((3, 4, 3), point, np.uint8)
            )
        journal.close()
    monkeypatch.setattr(manifest, "_now", lambda: "2026-01-02T12:00:00+00:00")
    manifest.note(folder, end="finished", damaged_records=[EVIL])
    return folder


ERRORS = [500, 400, 300, 250, 222.22, 260, 270, float("nan"), 290, 300]
VALUES = [
    {
        "train/loss": 1 / (1 + n),
        "validation/mpjpe_mm": error,
        "validation/pa_mpjpe_mm": 100.0 + n,
    }
    for n, error in enumerate(ERRORS)
]


def read(workdir):
    with open(write_report(workdir), encoding="utf-8") as file:
        text = file.read()
    return text, Page(text)


def test_the_head_says_the_result(workdir):
    _, page = read(workdir)
    text = "|".join(page.text)
    assert "|my_run|" in text
    assert "finished" in text
    assert "222.2 mm|best validation MPJPE, step 5|" in text
    assert "104.0 mm|its PA-MPJPE|" in text  # of the same step
    assert "|10|steps done|" in text
    # To step 4, after which the first start wrote nothing that stayed, and
    # the six steps of the second.
    assert "|1:40:00|of training|" in text


def test_what_files_say_is_escaped(workdir):
    (workdir / "scores.json").write_text(
        json.dumps(
            {
                "mpjpe_mm": 2.0,
                "pa_mpjpe_mm": 1.0,
                "per_joint_mm": {EVIL: {"mpjpe": 2.0, "pa_mpjpe": None}},
                "frames": 3,
            }
        )
    )
    text, page = read(workdir)
    assert "script" not in page.tags
    assert "<script" not in text
    # The strategy, the command, the setting, the folder, the tag, the note
    # and the joint.
    assert "".join(page.text).count('alert("a&b")') >= 4
    assert page.row(EVIL) == [EVIL, "2.0", "–", ""]


def test_the_page_needs_nothing_but_itself(workdir):
    text, page = read(workdir)
    assert page.addresses
    for address in page.addresses:
        assert address.startswith(("data:", "#"))
    assert not re.findall(r"url\((?!#)", text)
    assert "@import" not in text
    assert not {"link", "iframe", "object"} & set(page.tags)


def test_pictures_are_the_last_and_the_first(workdir):
    _, page = read(workdir)
    pictures = [a for a in page.addresses if a.startswith("data:image/png")]
    values = [
        cv2.imdecode(
            np.frombuffer(base64.b64decode(x.split(",")[1]), np.uint8), 1
        )[0, 0, 0]
        for x in pictures
    ]
    assert values == [10, 1]
    assert page.text.index("samples, step 10") < page.text.index(
        "samples, step 1"
    )


def test_settings_that_differ_stand_apart(workdir):
    text, page = read(workdir)
    assert page.row("train.batch_size") == ["train.batch_size", "77", "16"]
    assert page.row("train.epochs") == ["train.epochs", "25"]
    before, after = text.split("<details>")
    assert ">train.batch_size<" in before
    assert ">train.batch_size<" not in after
    assert ">train.epochs<" in after


def test_data_and_starts_are_listed(workdir):
    _, page = read(workdir)
    assert page.row("train") == ["train", EVIL, "4,321", "ab" * 32]
    starts = [row for row in page.rows if "train.py" in "".join(row)]
    first, second = starts
    assert (first[1], first[2]) == ("0", "killed")
    assert (second[1], second[2]) == ("4", "finished")
    # 40 minutes, by the rows; 2 hours, by the note.
    assert [row[0][-5:] + row[3][-5:] for row in starts] == [
        "00:0040:00",
        "00:0000:00",
    ]
    assert second[5] == f"train.py --workdir={EVIL}"
    assert EVIL.replace('"', '\\"') in second[6]


def test_a_run_without_a_word_may_be_under_way(workdir):
    run = json.loads((workdir / "run.json").read_text())
    del run["starts"][-1]["notes"]
    (workdir / "run.json").write_text(json.dumps(run))
    _, page = read(workdir)
    assert "under way, or killed" in "".join(page.text)


def test_curves_are_drawn_with_each_tag(workdir):
    text, page = read(workdir)
    charts = re.findall("<svg.*?</svg>", text, re.DOTALL)
    # MPJPE, PA-MPJPE, losses, and the tag that no chart knows.
    assert len(charts) == 4
    assert ">222.2<" in charts[0]  # the least is marked
    titles = [x for x in page.text if x in ("MPJPE", "PA-MPJPE", "Losses")]
    assert titles == ["MPJPE", "PA-MPJPE", "Losses"]
    assert EVIL in page.text


def test_counts_that_stayed_0_are_not_drawn(workdir):
    metrics = workdir / "metrics.jsonl"
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    for row in rows:
        row |= {"epoch": 3, "skipped_steps": 0, "train/overflow": 0.0}
    rows[-1]["train/overflow"] = 0.5
    metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, page = read(workdir)
    assert "train/overflow" in page.text
    assert not {"epoch", "skipped_steps"} & set(page.text)


def test_scores_of_each_joint_have_bars_of_their_length(workdir):
    joints = {"nose": (40.0, 30.0), "neck": (10.0, 5.0), "spine": (None, None)}
    (workdir / "scores.json").write_text(
        json.dumps(
            {
                "mpjpe_mm": 25.0,
                "pa_mpjpe_mm": 17.5,
                "per_joint_mm": {
                    name: {"mpjpe": mpjpe, "pa_mpjpe": pa}
                    for name, (mpjpe, pa) in joints.items()
                },
                "frames": 1234,
            }
        )
    )
    text, page = read(workdir)
    assert page.row("nose")[:3] == ["nose", "40.0", "30.0"]
    assert page.row("spine")[:3] == ["spine", "–", "–"]
    assert page.row("mean")[:3] == ["mean", "25.0", "17.5"]
    assert re.findall(r"width:([\d.]+)%\"", text) == ["100.0", "25.0", "62.5"]
    assert "1,234 frames" in page.text


def test_a_run_that_has_only_begun_has_a_report(tmp_path):
    manifest.add_start(tmp_path, {}, {"train": []}, 0, "jax", "one", ["CPU:0"])
    text, page = read(tmp_path)
    assert "Curves" not in page.text
    assert "svg" not in page.tags
    assert "Starts" in page.text


def test_a_change_of_versions_is_shown(workdir):
    run = json.loads((workdir / "run.json").read_text())
    run["starts"][0]["versions"]["numpy"] = "1.2.3"
    run["starts"][0]["git"] = {"commit": "abc", "changed": True}
    run["starts"][1]["git"] = None
    (workdir / "run.json").write_text(json.dumps(run))
    _, page = read(workdir)
    assert page.row("numpy")[1] == f"1.2.3, then {np.__version__}"
    assert page.row("commit")[1] == "abc, changed, then none"


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`workdir` must be"):
        write_report(tmp_path)


def test_damaged_scores_are_named(workdir):
    (workdir / "scores.json").write_text('{"mpjpe_mm": 3')
    with pytest.raises(ValueError, match="scores.json: not the scores"):
        write_report(workdir)


def test_gaps_are_no_numbers(workdir):
    with open(workdir / "metrics.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    gap = next(row for row in rows if row["step"] == 8)
    assert gap["validation/mpjpe_mm"] is None
    assert not math.isfinite(ERRORS[7])
    text, _ = read(workdir)
    assert "nan" not in re.sub("[A-Za-z0-9+/=]{200,}", "", text).lower()
