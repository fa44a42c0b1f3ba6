import dataclasses

import numpy as np
import pytest

from keras_pose.data.sources import conventions
from keras_pose.data.sources.conventions import Convention
from keras_pose.skeleton import H36M_17
from tests.data.sources import made_h36m

# How each form writes a camera that stands at C: (R, T).
FORMS = {
    (False, True): lambda r, c: (r, c),
    (False, False): lambda r, c: (r, -r @ c),
    (True, True): lambda r, c: (r.T, c),
    (True, False): lambda r, c: (r.T, -r @ c),
}


def observations(form, unit, target, mirror=False, padding=1.2):
    rows = []
    for number in range(1, 5):
        for pose in made_h36m.world_poses("S1", "Directions 1")[::3]:
            place = FORMS[form](*made_h36m.camera_of("S1", number))
            points = made_h36m.seen(pose, "S1", number)
            low, high = points.min(axis=0), points.max(axis=0)
            size = (high - low) * padding
            order = list(H36M_17.flip_permutation)
            rows.append(
                conventions.Observation(
                    pose[order] if mirror else pose,
                    place[0],
                    place[1] / unit,
                    made_h36m.INTRINSICS,
                    made_h36m.LENS,
                    points if target == "joints" else None,
                    np.array([*((low + high) / 2 - size / 2), *size])
                    if target == "box"
                    else None,
                    (made_h36m.WIDTH, made_h36m.HEIGHT),
                )
            )
    return rows


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", [1.0, 1000.0])
@pytest.mark.parametrize("target", ["joints", "box", "frame"])
def test_each_form_is_found_and_puts_the_camera_in_its_place(
    form, unit, target
):
    rows = observations(form, unit, target)
    found, note = conventions.detect(rows, H36M_17, "cameras.pkl")
    assert found == Convention(*form, unit, False)
    assert note.startswith(f"cameras.pkl: read as {found}: 0.")
    rotation, place = found.place(rows[0].rotation, rows[0].translation)
    true_rotation, true_place = made_h36m.camera_of("S1", 1)
    np.testing.assert_allclose(rotation, true_rotation, atol=1e-12)
    np.testing.assert_allclose(place, true_place)


def test_a_convention_says_its_formula():
    assert str(Convention(False, True, 1.0, False)) == "R (X - T), T in mm"
    assert str(Convention(True, False, 1000.0, True)) == (
        "R^T X + T, T in m, sides swapped"
    )


def test_swapped_sides_are_refused():
    rows = observations((False, True), 1.0, "joints", mirror=True)
    with pytest.raises(ValueError, match=r"c: the left joints .*swapped: 0\."):
        conventions.detect(rows, H36M_17, "c")


def test_swapped_sides_in_the_camera_frame_are_refused():
    rows = observations((False, True), 1.0, "joints")
    moved = [
        dataclasses.replace(
            row,
            joints=(row.joints - row.translation) @ row.rotation.T,
            rotation=np.eye(3),
            translation=np.zeros(3),
        )
        for row in rows
    ]
    conventions.detect(moved, H36M_17, "c", conventions.IN_CAMERA)
    swapped = [
        dataclasses.replace(
            row, joints=row.joints[list(H36M_17.flip_permutation)]
        )
        for row in moved
    ]
    with pytest.raises(ValueError, match="left joints"):
        conventions.detect(swapped, H36M_17, "c", conventions.IN_CAMERA)


@pytest.mark.parametrize("target", ["joints", "box", "frame"])
def test_what_fits_in_no_way_is_refused_with_all_errors(target):
    rows = [
        dataclasses.replace(row, translation=row.translation + [0, 3000, 0])
        for row in observations((False, True), 1.0, target)
    ]
    with pytest.raises(ValueError, match="must put its poses") as error:
        conventions.detect(rows, H36M_17, "c")
    text = str(error.value)
    for formula in ("R (X - T)", "R X + T", "R^T (X - T)", "R^T X + T"):
        for unit in ("mm", "m"):
            assert f"{formula}, T in {unit}: " in text


def test_a_camera_of_the_next_subject_does_not_fit():
    rows = observations((False, False), 1.0, "box")
    shifted = [
        dataclasses.replace(row, rotation=other.rotation)
        for row, other in zip(rows, rows[4:] + rows[:4], strict=True)
    ]
    with pytest.raises(ValueError, match="must put its poses"):
        conventions.detect(shifted, H36M_17, "c")


def test_two_ways_that_fit_alike_are_refused():
    # Without rotation and with the camera in the origin, all forms agree.
    pose = made_h36m.STANDING + [0, 0, 4000]
    points = pose[:, :2] / pose[:, 2:] * [573, 572] + [256, 258]
    row = conventions.Observation(
        pose,
        np.eye(3),
        np.zeros(3),
        made_h36m.INTRINSICS,
        np.zeros(5),
        joints_px=points,
    )
    with pytest.raises(ValueError, match="more than one way"):
        conventions.detect([row], H36M_17, "c")


@pytest.mark.parametrize("shift", [4, 25])
def test_boxes_may_be_a_little_off(shift):
    rows = [
        dataclasses.replace(row, box=row.box + [shift, 0, 0, 0])
        for row in observations((False, False), 1.0, "box")
    ]
    if shift < 10:
        conventions.detect(rows, H36M_17, "c")
    else:
        with pytest.raises(ValueError, match="within 3% of the person"):
            conventions.detect(rows, H36M_17, "c")


@pytest.mark.parametrize("padding", [0.8, 1.8])
def test_boxes_are_not_of_any_size(padding):
    rows = observations((False, False), 1.0, "box", padding=padding)
    with pytest.raises(ValueError, match="must put its poses"):
        conventions.detect(rows, H36M_17, "c")


@pytest.mark.parametrize(
    "rotation",
    [
        np.eye(2),
        2 * np.eye(3),
        np.diag([1, 1, -1.0]),
        np.full((3, 3), np.nan),
        np.full((3, 3), 1e300),
    ],
    ids=["shape", "scale", "mirror", "nan", "huge"],
)
def test_what_is_no_rotation_is_refused(rotation):
    with pytest.raises(ValueError, match="R must be a"):
        conventions.check_rotation(rotation)
    conventions.check_rotation(made_h36m.camera_of("S1", 2)[0])
