import numpy as np
from PIL import Image

from keras_pose import visualization
from keras_pose.outputs import picture
from keras_pose.skeleton import H36M_17

GREY = np.full((300, 600, 3), 120, np.uint8)


def test_a_person_is_drawn_with_the_box_and_no_number(make_poses):
    (pose,) = poses = make_poses((100, 50))
    drawn = picture.draw(GREY, poses)
    bones = visualization.draw_skeleton(GREY, pose.joints_px, H36M_17)
    # The box is all that is there besides.
    apart = np.argwhere((drawn != bones).any(axis=2))
    x, y, width, height = pose.box
    assert abs(apart.min(axis=0) - [y, x]).max() <= 5
    assert abs(apart.max(axis=0) - [y + height, x + width]).max() <= 5
    inside = (apart > [y + 5, x + 5]) & (
        apart < [y + height - 5, x + width - 5]
    )
    assert not inside.all(axis=1).any()
    assert (GREY == 120).all()


def test_the_nearer_one_covers_the_farther_one(make_poses):
    # Numbers grow with the distance; the second lies over the first but 1 px.
    poses = make_poses((100, 50), (101, 50))
    drawn = picture.draw(GREY, poses)
    near = visualization.draw_skeleton(GREY, poses[0].joints_px, H36M_17)
    spine = np.s_[112:118, 248:252]
    np.testing.assert_array_equal(drawn[spine], near[spine])


def test_numbers_of_several_people_stand_at_their_boxes(make_poses):
    poses = make_poses((20, 100), (300, 100))
    plain = picture.draw(GREY, make_poses((20, 100)))
    drawn = picture.draw(GREY, poses)
    for pose in poses:
        x, y = pose.box[:2].astype(int)
        label = drawn[y + 3 : y + 15, x + 3 : x + 15]
        assert (label == 0).mean() > 0.2
        assert (label > 150).mean() > 0.01
    assert not (plain[100:130, 50:80] == 0).all(axis=2).mean() > 0.3


def test_a_number_stays_inside_the_picture(make_poses):
    poses = make_poses((0, 0), (5000, -4000))
    drawn = picture.draw(GREY, poses)
    assert (drawn[:30, -40:] == 0).all(axis=2).mean() > 0.3


def test_written_picture_is_a_jpeg(tmp_path, make_poses):
    path = tmp_path / "drawn.jpg"
    drawn = picture.draw(GREY, make_poses((100, 50)))
    picture.write(path, drawn)
    with Image.open(path) as found:
        assert found.format == "JPEG"
        apart = np.abs(np.int32(found) - drawn).mean()
    assert apart < 3
