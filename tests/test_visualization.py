import cv2
import numpy as np
import pytest

from keras_pose import visualization
from keras_pose.skeleton import H36M_17

LEFT, RIGHT, CENTRE = (0, 114, 178), (213, 94, 0), (90, 90, 90)

# A person seen from the front, so that their left is on the image's right;
# wider than tall, so that nothing fits when x and y are swapped.
JOINTS_PX = np.array(
    [
        [150, 80],
        [130, 80],
        [110, 110],
        [70, 130],
        [170, 80],
        [190, 110],
        [230, 130],
        [150, 60],
        [150, 40],
        [150, 28],
        [150, 14],
        [180, 40],
        [220, 50],
        [270, 40],
        [120, 40],
        [80, 50],
        [30, 40],
    ],
    float,
)
BONES = {  # joints of H36M_17 and the colour between them
    "left thigh": (4, 5, LEFT),
    "left hip": (0, 4, LEFT),
    "left upper arm": (11, 12, LEFT),
    "left lower arm": (12, 13, LEFT),
    "left shoulder": (8, 11, LEFT),
    "right thigh": (1, 2, RIGHT),
    "right hip": (0, 1, RIGHT),
    "right lower arm": (15, 16, RIGHT),
    "right shoulder": (8, 14, RIGHT),
    "spine": (7, 8, CENTRE),
}


@pytest.fixture
def image():
    return np.full((150, 300, 3), 200, np.uint8)


@pytest.mark.parametrize(("start", "end", "colour"), BONES.values(), ids=BONES)
def test_bone_has_the_colour_of_its_side(start, end, colour, image):
    drawn = visualization.draw_skeleton(image, JOINTS_PX, H36M_17)
    x, y = np.round((JOINTS_PX[start] + JOINTS_PX[end]) / 2).astype(int)
    assert tuple(drawn[y, x]) == colour


@pytest.mark.parametrize("joint", range(17), ids=H36M_17.joints)
def test_joint_has_the_colour_of_its_side(joint, image):
    drawn = visualization.draw_skeleton(image, JOINTS_PX, H36M_17)
    x, y = JOINTS_PX[joint].astype(int)
    name = H36M_17.joints[joint]
    colour = LEFT if "left" in name else RIGHT if "right" in name else CENTRE
    assert tuple(drawn[y, x]) == colour


def test_drawing_stays_beside_the_bones(image):
    drawn = visualization.draw_skeleton(image, JOINTS_PX, H36M_17)
    painted = cv2.dilate(np.uint8((drawn != 200).any(axis=2)), np.ones((3, 3)))
    rows, columns = np.nonzero(painted)
    assert (columns.min(), columns.max()) == pytest.approx((30, 270), abs=9)
    assert (rows.min(), rows.max()) == pytest.approx((14, 130), abs=9)
    assert painted.mean() < 0.3


def test_draw_skeleton_leaves_its_input_alone(image):
    joints = JOINTS_PX.copy()
    drawn = visualization.draw_skeleton(image, joints, H36M_17)
    assert drawn.shape == image.shape
    assert (image == 200).all()
    np.testing.assert_array_equal(joints, JOINTS_PX)


@pytest.mark.parametrize("offset", [-250.0, 1e4, -1e5], ids=str)
def test_joints_outside_the_image_are_drawn_as_far_as_seen(offset, image):
    joints = JOINTS_PX.copy()
    joints[[13, 16]] += offset
    drawn = visualization.draw_skeleton(image, joints, H36M_17)
    assert (drawn != image).any()


def test_joints_that_coincide_are_drawn(image):
    drawn = visualization.draw_skeleton(image, 0 * JOINTS_PX + 50, H36M_17)
    assert (drawn[50, 50] != 200).any()


def test_unknown_joints_and_their_bones_are_not_drawn(image):
    joints, known = JOINTS_PX.copy(), np.ones(17, bool)
    joints[13], known[13] = np.nan, False  # the left wrist
    drawn = visualization.draw_skeleton(image, joints, H36M_17, known)
    assert (drawn[30:50, 250:280] == 200).all()
    assert tuple(drawn[45, 200]) == LEFT  # the upper arm
    nothing = visualization.draw_skeleton(image, joints, H36M_17, known & False)
    np.testing.assert_array_equal(nothing, image)


def test_a_pose_can_be_of_one_colour_and_outline(image):
    drawn = visualization.draw_skeleton(
        image, JOINTS_PX, H36M_17, colour=(1, 2, 3), outline=(9, 8, 7)
    )
    for x, y in JOINTS_PX.astype(int):
        assert tuple(drawn[y, x]) == (1, 2, 3)
    assert (drawn == (9, 8, 7)).all(axis=2).any()
    assert not (drawn == LEFT).all(axis=2).any()


SMALL = JOINTS_PX / 5  # 60 px wide


@pytest.mark.parametrize(
    ("count", "columns", "shape"),
    [(5, 3, (2, 3)), (6, 3, (2, 3)), (1, 3, (1, 3)), (9, 8, (2, 8))],
)
def test_contact_sheet_places_images_row_by_row(count, columns, shape):
    images = [np.full((64, 64, 3), 10 * n, np.uint8) for n in range(count)]
    joints = [SMALL + n for n in range(count)]
    sheet = visualization.contact_sheet(images, joints, H36M_17, columns)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (64 * shape[0], 64 * shape[1], 3)
    for place in range(shape[0] * shape[1]):
        row, column = divmod(place, columns)
        tile = sheet[64 * row :, 64 * column :][:64, :64]
        if place < count:
            np.testing.assert_array_equal(
                tile,
                visualization.draw_skeleton(
                    images[place], joints[place], H36M_17
                ),
            )
        else:
            assert (tile == 255).all()


def test_contact_sheet_has_eight_columns_unless_told():
    sheet = visualization.contact_sheet(
        [np.zeros((64, 64, 3), np.uint8)] * 2, [SMALL] * 2, H36M_17
    )
    assert sheet.shape == (64, 512, 3)


def test_contact_sheet_leaves_its_images_alone():
    images = [np.zeros((64, 64, 3), np.uint8)]
    visualization.contact_sheet(images, [SMALL], H36M_17)
    assert not images[0].any()


def test_contact_sheet_refuses_images_without_joints():
    images = [np.zeros((64, 64, 3), np.uint8)] * 2
    with pytest.raises(ValueError, match="shorter"):
        visualization.contact_sheet(images, [SMALL], H36M_17)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e12, 3.6e11])
def test_joint_far_out_or_nowhere_spoils_no_picture(image, value):
    joints = JOINTS_PX.copy()
    joints[13] = value  # a wrist
    drawn = visualization.draw_skeleton(image, joints, H36M_17)
    plain = visualization.draw_skeleton(image, JOINTS_PX, H36M_17)
    if not np.isfinite(value):
        # But for the lower arm all is as it was.
        arm = slice(30, 70), slice(205, 300)
        plain[arm] = drawn[arm]
        np.testing.assert_array_equal(drawn, plain)
    assert (drawn != image).any()


def test_a_large_person_has_a_border_that_is_seen_when_shown_small():
    zoom = 20
    image = np.full((170 * zoom, 300 * zoom, 3), 128, np.uint8)
    drawn = visualization.draw_skeleton(image, JOINTS_PX * zoom, H36M_17)
    # Through the lower spine, which is upright: 240 * 20 px across all.
    (row,) = drawn[70 * zoom, 100 * zoom : 200 * zoom][None]
    bone = (row == CENTRE).all(axis=-1).sum()
    border = (row == 255).all(axis=-1).sum()
    assert bone == pytest.approx(2 * 48, abs=3)
    assert border == pytest.approx(2 * 12, abs=3)
