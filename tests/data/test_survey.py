import dataclasses
import json

import cv2
import numpy as np
import pytest

from keras_pose.data import checking
from keras_pose.data import conversion
from keras_pose.data import cropping
from keras_pose.data import survey
from keras_pose.data import survey_report
from keras_pose.data.store import Records
from keras_pose.data.survey_sheet import Sheet
from keras_pose.data.survey_sheet import draw_tile
from keras_pose.skeleton import H36M_17
from keras_pose.visualization import SIDE_COLOURS


@pytest.fixture
def found_in(make_source):
    """Gives `samples -> what a survey of them says, as for JSON`."""

    def find(samples, against=()):
        found = survey.survey(make_source(samples), against)
        content = survey_report.to_dict(found)
        json.dumps(content, allow_nan=False)
        return content

    return find


def test_it_counts_who_does_what_where(make_sample, found_in):
    samples = [
        make_sample(0, subject="S1", action="Eating"),
        make_sample(1, subject="S1", action="Walking", camera="right"),
        make_sample(2, subject="S5", action="Walking"),
    ]
    counts = found_in(samples)["counts"]
    assert counts["subject"] == {"S1": 2, "S5": 1}
    assert counts["action"] == {"Eating": 1, "Walking": 2}
    assert counts["camera"] == {"left": 2, "right": 1}
    assert counts["image"] == {"64 x 48": 3}
    assert counts["format"] == {"JPEG": 3}


def test_ranges_are_those_of_the_samples(make_sample, found_in):
    samples = [make_sample(seed) for seed in range(4)]
    content = found_in(samples)
    sides = [max(sample.box[2:]) for sample in samples]
    assert content["box_side_px"]["least"] == pytest.approx(min(sides))
    assert content["box_side_px"]["median"] == pytest.approx(np.median(sides))
    depths = [sample.joints_mm[0, 2] for sample in samples]
    assert content["root_depth_mm"]["most"] == pytest.approx(max(depths))
    reach = [np.abs(s.joints_mm - s.joints_mm[0]).max() for s in samples]
    assert content["reach_mm"]["mean"] == pytest.approx(np.mean(reach))
    assert content["beyond_metric_volume"] == 0


def test_poses_beyond_the_volumes_are_counted(make_sample, found_in):
    near, far, deep = (make_sample(seed) for seed in range(3))
    for sample, axis, offset in ((far, 1, 1150), (deep, 2, 1050)):
        sample.joints_mm[13] = sample.joints_mm[0]
        sample.joints_mm[13, axis] += offset
        sample.weight_2d[13] = 0
    content = found_in([near, far, deep])
    assert content["samples_with_a_fault"] == 0
    assert content["beyond_metric_volume"] == pytest.approx(1 / 3)
    assert content["beyond_crop_depth"] == pytest.approx(1 / 3)


def test_joints_outside_the_image_and_unknown_ones_are_counted(
    make_sample, found_in
):
    sample, other = make_sample(0), make_sample(1)
    sample.weight_3d[:] = 0
    sample.joints_px[3] = [-5, 20]
    sample.joints_px[4] = [20, 47.6]  # the last row ends at 47.5
    sample.weight_2d[5:7] = 0
    inside = other.joints_px + 0.5
    inside = ((inside >= 0) & (inside <= (64, 48))).all(axis=1).sum()
    own = np.delete(sample.joints_px, [3, 4, 5, 6], axis=0) + 0.5
    own = ((own >= 0) & (own <= (64, 48))).all(axis=1).sum()
    content = found_in([sample, other])
    assert content["joints_outside_the_image"] == pytest.approx(
        1 - (inside + own) / (17 + 15)
    )
    known = content["joints_known_2d"]
    assert (known["pelvis"], known[H36M_17.joints[5]]) == (2, 1)
    assert content["samples_with_3d"] == 1


def test_reprojection_errors_are_told_with_the_worst(make_sample, found_in):
    samples = [make_sample(seed) for seed in range(3)]
    samples[1].joints_px = samples[1].joints_px + np.float32([0.3, 0.4])
    content = found_in(samples)
    assert content["reprojection_px"]["most"] == pytest.approx(0.5, abs=1e-3)
    assert content["reprojection_px"]["median"] < 1e-3
    assert content["worst_reprojection"] == "images/1.jpg"


def test_faults_are_counted_and_the_rest_goes_on(make_sample, found_in):
    samples = [make_sample(seed) for seed in range(9)]
    for sample in samples[1:8]:
        sample.joints_mm = sample.joints_mm / 1000
    content = found_in(samples)
    assert content["samples"] == 9
    assert content["samples_with_a_fault"] == 7
    assert len(content["problems"]) == 6
    assert "images/1.jpg: `joints_mm` must be in mm" in content["problems"][0]
    assert content["problems"][5] == "and 2 samples more have a fault"
    assert content["counts"]["subject"] == {"S1": 2}


def test_repeated_samples_are_found_by_picture_and_box(make_sample, found_in):
    first, other = make_sample(0), make_sample(1)
    again = dataclasses.replace(first, name="again.jpg")
    elsewhere = dataclasses.replace(first, box=first.box + np.float32(1))
    samples = [first, other, again, elsewhere]
    assert found_in(samples)["repeated_samples"] == 1


@pytest.mark.parametrize(
    "is_cropped", [(0, 0), (1, 0), (0, 1), (1, 1)], ids=str
)
def test_pictures_of_the_test_set_are_found_in_training_data(
    make_sample, make_source, tmp_path, found_in, is_cropped
):
    test = [make_sample(seed) for seed in (3, 4)]
    source = make_source(test)
    if is_cropped[0]:
        source = cropping.cropped(source, 30, 1.2)
    conversion.convert(source, tmp_path / "test")
    digests = survey.digests_of(Records([str(tmp_path / "test")]))
    train = [make_sample(seed, name=f"{seed}.jpg") for seed in (0, 1, 4)]
    if is_cropped[1]:
        train = [cropping.crop_sample(sample, 40, 1.5) for sample in train]
    content = found_in(train, {"data/test": digests})
    assert content["pictures_shared_with"] == {"data/test": 1}
    assert content["problems"] == [
        "1 samples have a picture that is in data/test too"
    ]


def test_the_text_says_what_the_json_says(make_sample, make_source):
    samples = [make_sample(seed) for seed in range(3)]
    samples[2].image = b"GIF89a"
    source = dataclasses.replace(
        make_source(samples), notes=("cameras are R(X - T)",)
    )
    text = survey_report.to_text(survey.survey(source))
    assert text.startswith("made: 3 samples, h36m_17\n")
    assert "cameras are R(X - T)" in text
    assert "subject         S1 2\n" in text
    assert "right_hip - right_knee" in text
    assert text.splitlines()[-1].startswith("PROBLEM: images/2.jpg: ")


def test_an_empty_data_set_is_a_problem(found_in):
    assert found_in([])["problems"] == ["it has no samples"]


def test_the_sheet_shows_samples_from_all_over_the_data_set(make_sample):
    sheet = Sheet(H36M_17, 100, shown=6)
    for number in range(100):
        sheet.add(number, make_sample(number))
    drawn = sheet.draw()
    expected = [0, 20, 40, 59, 79, 99]  # every 19.8th
    tiles = [draw_tile(make_sample(seed), H36M_17) for seed in expected]
    np.testing.assert_array_equal(drawn, np.concatenate(tiles, axis=1))


def test_a_tile_has_joints_and_the_view_from_the_side(make_sample):
    sample = make_sample(0)
    tile = draw_tile(sample, H36M_17)
    picture, view = tile[:256, :256], tile[:256, 256:]
    for side in ("left", "right"):
        assert (picture == SIDE_COLOURS[side]).all(axis=-1).any()
        assert (view == SIDE_COLOURS[side]).all(axis=-1).any()
    sample.weight_3d[:] = 0
    assert (draw_tile(sample, H36M_17)[:256, 256:] == 255).all()


def test_the_view_from_the_side_has_depth_to_the_right(make_sample):
    sample = make_sample(0)
    wrist = H36M_17.joints.index("left_wrist")
    sample.weight_3d[:] = 0
    sample.weight_3d[[0, wrist, wrist - 1]] = 1
    sample.joints_mm[0] = [0, 0, 3000]
    sample.joints_mm[wrist - 1] = [-900, 0, 3500]
    sample.joints_mm[wrist] = [-900, 500, 3500]  # farther, and lower
    view = draw_tile(sample, H36M_17)[:256, 256:]
    blue = np.argwhere((view == SIDE_COLOURS["left"]).all(axis=-1))
    grey = np.argwhere((view == SIDE_COLOURS["centre"]).all(axis=-1))
    assert blue[:, 1].mean() > grey[:, 1].mean() + 20
    assert blue[:, 0].mean() > grey[:, 0].mean() + 10


def test_samples_without_image_or_box_are_shown_as_such(make_sample):
    for change in ({"image": b""}, {"box": np.float32([0, 0, 0, 0])}):
        tile = draw_tile(make_sample(0, **change), H36M_17)
        assert tile[:256, :256].std() > 1


def test_a_check_writes_report_and_sheet(make_sample, make_source, tmp_path):
    samples = [make_sample(seed) for seed in range(3)]
    out = tmp_path / "checked"
    text, is_fit = checking.check(make_source(samples), out)
    assert is_fit
    assert text.startswith("made: 3 samples")
    content = json.loads((out / "report.json").read_text())
    assert content["samples"] == 3
    assert cv2.imread(str(out / "samples.png")).shape == (276, 3 * 384, 3)


def test_a_check_says_that_a_data_set_is_unfit(
    make_sample, make_source, tmp_path
):
    broken = make_sample(1, image=b"nothing")
    source = make_source([make_sample(0), broken])
    text, is_fit = checking.check(source, tmp_path / "checked")
    assert not is_fit
    assert "PROBLEM: images/1.jpg: not an image" in text


def test_a_check_tells_what_it_saw_before_its_source_failed(
    make_sample, make_source, tmp_path
):
    def samples():
        yield make_sample(0)
        raise ValueError("a.json: row 7 is damaged")

    source = make_source(samples(), count=9)
    text, is_fit = checking.check(source, tmp_path / "checked")
    assert not is_fit
    assert "made: 1 samples" in text
    assert "PROBLEM: its reading ends with: a.json: row 7 is damaged" in text
    assert (tmp_path / "checked" / "samples.png").exists()


def test_a_check_leaves_nothing_when_it_is_stopped(make_source, tmp_path):
    def samples():
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        checking.check(make_source(samples(), count=1), tmp_path / "checked")
    assert list(tmp_path.iterdir()) == []


def test_a_check_of_crops_goes_on_after_a_damaged_picture(
    make_sample, make_source, tmp_path
):
    samples = [make_sample(seed) for seed in range(3)]
    samples[1].image = samples[1].image[:-300]
    source = cropping.cropped(make_source(samples), 30, 1.2)
    text, is_fit = checking.check(source, tmp_path / "checked")
    assert not is_fit
    assert "made: 3 samples" in text
    assert "PROBLEM: images/1.jpg: the image is damaged" in text


def test_a_few_legs_are_said_to_be_few(make_sample, make_source):
    few = survey.survey(make_source([make_sample(0)]))
    assert "bend forward; too few to judge by" in survey_report.to_text(few)
    many = survey.survey(make_source([make_sample(s) for s in range(20)]))
    assert "too few" not in survey_report.to_text(many)
