import sys

import cv2
import numpy as np
from matplotlib.figure import Figure

from keras_pose.outputs import still
from keras_pose.skeleton import H36M_17

LEFT, RIGHT = (0, 114, 178), (213, 94, 0)


def scene_of(poses):
    axes = Figure().add_subplot(projection="3d")
    still.draw_scene(axes, poses)
    return axes


def test_scene_shows_people_right_up_and_away_from_the_camera(make_poses):
    poses = make_poses((0, 0), (250, 10))
    lines = iter(scene_of(poses).get_lines())
    for pose in poses:
        for parent, child in H36M_17.bones:
            x, y, z = pose.joints_camera_mm[[parent, child]].T
            right, away, up = next(lines).get_data_3d()
            np.testing.assert_allclose([right, away, up], [x, z, -y])


def test_scene_colours_and_names_the_person_s_own_sides(make_poses):
    axes = scene_of(make_poses((0, 0), (250, 10)))
    by_bone = dict(zip(H36M_17.bones, axes.get_lines()[:16], strict=True))
    for bone, colour in (((4, 5), LEFT), ((1, 2), RIGHT), ((8, 14), RIGHT)):
        found = by_bone[bone].get_color()
        np.testing.assert_allclose(found, np.divide(colour, 255))
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(names) == ["left", "right"]


def test_scene_has_one_scale_and_holds_everybody(make_poses):
    poses = make_poses((0, 0), (250, 10))
    axes = scene_of(poses)
    limits = [axes.get_xlim(), axes.get_ylim(), axes.get_zlim()]
    # Matplotlib keeps the sides' ratios, not their lengths.
    shown = axes._box_aspect / np.ptp(limits, axis=1)
    np.testing.assert_allclose(shown, shown[0])
    x, y, z = np.concatenate([p.joints_camera_mm for p in poses]).T
    for (low, high), values in zip(limits, (x, z, -y), strict=True):
        assert low <= values.min() <= values.max() <= high
    # They stand on the ground.
    assert limits[2][0] == -y.max()


def test_scene_without_anybody_says_so(make_poses):
    assert scene_of(make_poses()).get_title() == "nobody was found"


def test_joints_that_are_nowhere_spoil_nothing(make_poses, tmp_path):
    poses = make_poses((0, 0))
    poses[0].joints_px[13] = np.nan
    poses[0].joints_camera_mm[13] = np.nan
    axes = scene_of(poses)
    limits = [axes.get_xlim(), axes.get_ylim(), axes.get_zlim()]
    assert np.isfinite(limits).all()
    known = np.delete(poses[0].joints_camera_mm, 13, axis=0)
    assert limits[2][0] == -known[:, 1].max()
    image = np.full((300, 600, 3), 200, np.uint8)
    still.write_still(str(tmp_path / "still.png"), poses, image)
    poses[0].joints_camera_mm[:] = poses[0].joints_px[:] = np.nan
    still.write_still(str(tmp_path / "still.png"), poses, image)
    assert scene_of(poses).get_title() == "nobody was found"


def test_numbers_stand_over_several_people_alone(make_poses):
    poses = make_poses((0, 0), (250, 10))
    several = scene_of(poses)
    assert [text.get_text() for text in several.texts] == ["1", "2"]
    for pose, text in zip(poses, several.texts, strict=True):
        x, y, z = pose.joints_camera_mm[H36M_17.joints.index("head_top")]
        right, away, up = text.get_position_3d()
        assert (right, away) == (x, z)
        assert -y < up < -y + 200
    assert not scene_of(make_poses((0, 0))).texts


def test_still_has_photo_and_scene_without_pyplot(
    make_poses, tmp_path, monkeypatch
):
    # pyplot holds every figure and picks a display.
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    image = np.full((300, 600, 3), 200, np.uint8)
    path = str(tmp_path / "still.png")
    still.write_still(path, make_poses((100, 50)), image)
    found = cv2.imread(path)[..., ::-1]
    photo, scene = np.split(found, 2, axis=1)
    for part in (photo, scene):
        middles = []
        for colour in (LEFT, RIGHT):
            places = np.argwhere((part == colour).all(axis=2))
            assert len(places) > 100
            middles.append(places.mean(axis=0)[1])
        # Who faces the camera has their left on the right.
        assert middles[0] > middles[1] + 20


def test_poses_plot_themselves(make_poses):
    poses = make_poses((0, 0))
    assert len(poses.plot().axes) == 1
    figure = poses.plot(np.zeros((300, 600, 3), np.uint8))
    assert len(figure.axes) == 2
    # What a notebook asks for.
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_bones_are_thin_where_people_are_small_in_the_scene(make_poses):
    near = make_poses((0, 0), (250, 10))
    far = make_poses((0, 0), (1500, 10))  # 12 m apart
    widths = [
        scene_of(poses).get_lines()[0].get_linewidth() for poses in (near, far)
    ]
    assert 2.5 < widths[0] <= 3
    assert 1 < widths[1] < 1.5


def test_a_photo_of_one_row_is_drawn(make_poses, tmp_path):
    path = str(tmp_path / "still.png")
    still.write_still(
        path, make_poses((0, 0)), np.zeros((1, 6000, 3), np.uint8)
    )
    assert cv2.imread(path) is not None
