import dataclasses
import html.parser
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.evaluation.predictions import Predictions
from keras_pose.evaluation.protocols import PROTOCOLS
from keras_pose.evaluation.report import Conventions
from keras_pose.evaluation.report import evaluate
from keras_pose.evaluation.truth import read_truth
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPII_16
from keras_pose.tracking import evaluation_charts as charts
from keras_pose.tracking.evaluation_page import write_page
from keras_pose.tracking.worst_samples import draw_worst
from keras_pose.tracking.worst_samples import worst_rows

EVIL = "<script>alert('x')</script>&\""


class Page(html.parser.HTMLParser):
    """What is in a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.sources = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        names = dict(attrs)
        assert not any(name.startswith("on") for name in names)
        self.sources += [
            value for name, value in attrs if name in ("src", "href")
        ]

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)


@pytest.fixture
def scored(tmp_path, make_sample):
    """Records, their truth, predictions and report; names that are markup."""
    samples = [
        make_sample(
            seed,
            subject=f"S{seed % 2}{EVIL}",
            action=f"act{seed % 3}{EVIL}",
            camera=f"{seed}",
            name=f"{seed}{EVIL}.jpg",
        )
        for seed in range(6)
    ]
    source = Source("made", H36M_17, len(samples), samples)
    conversion.convert(source, tmp_path / "data")
    records = Records([str(tmp_path / "data")])
    truth = read_truth(records, H36M_17)
    mm = truth.joints_mm.copy()
    mm[:, 1:, 0] += 10.0 * np.arange(6)[:, None]
    predictions = Predictions(H36M_17.joints, truth.names, mm)
    report = evaluate(
        truth, predictions, PROTOCOLS["everything"], Conventions(EVIL, EVIL)
    )
    return records, truth, predictions, report


def test_page_escapes_names_and_loads_nothing(scored, tmp_path):
    records, truth, predictions, report = scored
    path = tmp_path / "page.html"
    worst = draw_worst(records, truth, predictions, report)
    sources = {"scored": EVIL, "data": EVIL}
    write_page(path, EVIL, report, truth, worst, sources, report)
    text = path.read_text("utf-8")
    assert "<script" not in text.lower()
    page = Page(text)
    assert page.text.count(EVIL) > 10
    assert page.tags.count("img") == 6
    for source in page.sources:
        assert source.startswith(("data:image/jpeg;base64,", "#"))
    assert "url(http" not in text
    assert page.tags.count("svg") == 5
    for heading in ("Metrics", "Where it is wrong", "The 6 worst samples"):
        assert heading in page.text
    assert f"{report.value('mpjpe_mm'):.1f} mm" in page.texts
    assert "from the side" in page.text
    assert "not to be confused" not in page.text  # the default has no namesake
    # Marks inside the charts have names of their own in each.
    marks = [
        part.split('"')[0]
        for part in text.split(' id="')[1:]
        if len(part.split('"')[0]) == 11  # a hash that begins with a letter
    ]
    assert len(marks) == len(set(marks)) > 0


def test_page_of_a_score_in_pixels(make_sample, tmp_path):
    samples = [
        dataclasses.replace(
            make_sample(seed),
            joints_mm=np.zeros((16, 3), np.float32),
            joints_px=make_sample(seed).joints_px[:16],
            weight_3d=np.zeros(16, np.float32),
            weight_2d=np.ones(16, np.float32),
            intrinsics=np.zeros((3, 3), np.float32),
            head_size=np.float32(9),
        )
        for seed in range(4)
    ]
    conversion.convert(Source("made", MPII_16, 4, samples), tmp_path / "data")
    records = Records([str(tmp_path / "data")])
    truth = read_truth(records, MPII_16)
    predictions = Predictions(
        MPII_16.joints,
        truth.names,
        np.full_like(truth.joints_mm, np.nan),
        truth.joints_px + [3.0, 0],
    )
    report = evaluate(truth, predictions, PROTOCOLS["mpii_pckh"], Conventions())
    worst = draw_worst(records, truth, predictions, report)
    path = tmp_path / "page.html"
    write_page(path, "mpii", report, truth, worst, {"data": "d"})
    page = Page(path.read_text("utf-8"))
    assert "100.0 %" in page.texts
    assert "1. 3 px: images/" in page.text
    assert "from the side" not in page.text
    picture = cv2.imdecode(np.frombuffer(worst[0].jpeg, np.uint8), 1)
    assert picture.shape == (256, 256, 3)  # nothing is known in 3D


def test_worst_samples_are_sorted_and_show_both_poses(scored):
    records, truth, predictions, report = scored
    worst = draw_worst(records, truth, predictions, report, count=4)
    assert [sample.row for sample in worst] == [5, 4, 3, 2]
    errors = [sample.error for sample in worst]
    np.testing.assert_allclose(
        errors, [50 * 16 / 17 - 160 / 17 * k for k in range(4)]
    )
    picture = cv2.imdecode(np.frombuffer(worst[0].jpeg, np.uint8), 1)
    assert picture.shape == (256, 3 * 256, 3)
    # The same picture without its prediction has other pixels in each tile.
    mm = np.where(np.arange(17)[:, None] == 0, predictions.joints_mm, np.nan)
    bare = draw_worst(
        records,
        truth,
        dataclasses.replace(predictions, joints_mm=mm),
        report,
        1,
    )
    bare = cv2.imdecode(np.frombuffer(bare[0].jpeg, np.uint8), 1)
    change = np.abs(picture.astype(int) - bare).max(axis=(0, 2))
    for tile in range(3):
        assert change[256 * tile : 256 * (tile + 1)].max() > 60


def test_predicted_joints_stand_where_the_camera_sees_them(scored):
    records, truth, predictions, report = scored
    placed = dataclasses.replace(
        predictions, joints_mm=truth.joints_mm - truth.joints_mm[:, :1] + 7
    )
    in_px = dataclasses.replace(placed, joints_px=truth.joints_px)
    shown = [
        draw_worst(records, truth, poses, report, 1)[0].jpeg
        for poses in (placed, in_px)
    ]
    pictures = [
        cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).astype(int)
        for jpeg in shown
    ]
    # Perfect poses, placed at the true root: the labels' own pixels.
    assert np.abs(pictures[0] - pictures[1]).mean() < 1


def test_worst_rows_are_few_of_a_clip():
    errors = np.array([9.0, 8, 7, 6, np.nan, 5])
    assert worst_rows(errors, np.array([0, 0, 0, 1, 1, 1]), 9) == [0, 1, 3, 5]
    assert worst_rows(errors, np.arange(6), 2) == [0, 1]
    assert worst_rows(errors * np.nan, np.arange(6), 2) == []


def svg_texts(svg):
    root = ET.fromstring(svg)
    return [
        "".join(element.itertext()).strip()
        for element in root.iter("{http://www.w3.org/2000/svg}text")
    ]


def test_bars_name_their_rows_and_values():
    svg = charts.bars(
        {"left_hip": [12.34, 5.0], EVIL: [99.5, np.nan], "$x$": [1.0, 1.0]},
        ["MPJPE", "PA"],
        "mm",
        "a",
    )
    texts = svg_texts(svg)
    for text in ("left_hip", EVIL, "$x$", "12.3", "99.5", "MPJPE", "PA", "mm"):
        assert text in texts
    assert "currentColor" in svg


@pytest.mark.parametrize("count", [1, 7, 3000])
def test_charts_of_few_and_of_many_frames(count):
    rng = np.random.default_rng(0)
    errors = rng.gamma(3, 20, count)
    texts = svg_texts(
        charts.distribution(errors, {"median": np.median(errors)}, "mm")
    )
    assert any(text.startswith("median") for text in texts)
    svg = charts.over_distance(rng.gamma(5, 50, count), errors)
    assert "MPJPE, mm" in svg_texts(svg)
    assert len(svg) < 300_000
    assert charts.distribution(np.zeros(count), {"median": 0.0}, "mm")


def test_pck_curve_leaves_out_what_is_not_there():
    errors, weight = np.full((4, 3), 40.0), np.ones((4, 3))
    joints = ("pelvis", "left_wrist", "neck")
    texts = svg_texts(charts.pck_curve(errors, weight, joints))
    assert "all joints" in texts
    assert "wrists" in texts
    assert "ankles" not in texts
