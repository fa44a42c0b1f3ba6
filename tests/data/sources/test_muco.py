import json

import numpy as np
import pytest

from keras_pose.data.sources import muco
from keras_pose.skeleton import MPI_INF_3DHP_17
from keras_pose.skeleton import MPI_INF_3DHP_28
from keras_pose.skeleton import MUCO_21
from tests.data.sources import made_crowds
from tests.data.sources import made_others
from tests.data.sources import made_pictures

FILES = {"muco": "MuCo-3DHP.json", "mupots": "MuPoTS-3D.json"}
OPEN = {"muco": muco.muco, "mupots": muco.mupots}


@pytest.fixture(params=FILES)
def made(request, tmp_path):
    """(source, its root, the content of its file) of each."""
    made_others.MADE[request.param](tmp_path)
    content = json.loads((tmp_path / FILES[request.param]).read_text())
    return request.param, tmp_path, content


def test_people_are_read_with_their_own_images_and_cameras(made):
    name, root, content = made
    samples = list(OPEN[name](str(root)).samples)
    # One of four is not valid, or has left the picture.
    left_out = {"muco": 2, "mupots": 1}[name]
    people = [p for p in content["annotations"] if p["id"] != left_out]
    images = {image["id"]: image for image in content["images"]}
    for sample, person in zip(samples, people, strict=True):
        image = images[person["image_id"]]
        assert sample.name == image["file_name"]
        assert sample.image == made_pictures.jpeg(image["id"])
        for field, key in (
            ("joints_mm", "keypoints_cam"),
            ("joints_px", "keypoints_img"),
            ("box", "bbox"),
        ):
            np.testing.assert_allclose(
                getattr(sample, field), person[key], rtol=1e-6
            )
        np.testing.assert_array_equal(
            sample.intrinsics, made_pictures.INTRINSICS
        )
        assert sample.weight_3d.all()


def test_joint_sets_are_those_of_the_files(made):
    name, root, _ = made
    assert (
        OPEN[name](str(root)).skeleton
        == {
            "muco": MUCO_21,
            "mupots": MPI_INF_3DHP_17,
        }[name]
    )
    # PoseNet's order, by the names that MPI-INF-3DHP has for its joints.
    assert MUCO_21.joints[:17] == MPI_INF_3DHP_17.joints
    assert MUCO_21.joints[17:] == (
        "right_hand",
        "left_hand",
        "right_toe",
        "left_toe",
    )
    assert set(MUCO_21.joints) < set(MPI_INF_3DHP_28.joints)


def test_those_left_out_are_counted(made):
    name, root, _ = made
    (note,) = OPEN[name](str(root)).notes
    reason = {"muco": "outside their image", "mupots": "that are not valid"}
    assert f"left out 1 people {reason[name]}" in note


def test_mupots_names_say_clip_and_frame(tmp_path):
    made_crowds.make_mupots(tmp_path)
    samples = list(muco.mupots(str(tmp_path)).samples)
    places = [(sample.subject, sample.frame) for sample in samples]
    assert places == [("TS1", 12), ("TS20", 0), ("TS20", 0)]


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("annotations", {"keypoints_cam": [[1, 2]]}, "`keypoints_cam` must be"),
        ("annotations", {"keypoints_img": None}, "`keypoints_img` must be"),
        ("annotations", {"bbox": [1, 2, 3, 1e40]}, "`bbox` must be finite"),
        ("annotations", {"image_id": 99}, "`image_id` must be.*99"),
        ("images", {"id": None}, "images 1: `id`"),
        (
            "images",
            {"f": [0, 1], "intrinsic": [0, 1, 2, 3]},
            "must be positive",
        ),
        (
            "images",
            {"f": [1], "intrinsic": [1, 2, 3]},
            "`(f|intrinsic)` must be",
        ),
        ("images", {"c": ["a", 1], "intrinsic": 5}, "`(c|intrinsic)` must be"),
        ("images", {"height": None}, "`width` and `height` must be"),
    ],
)
def test_a_wrong_file_is_refused_when_it_is_opened(
    made, section, change, message
):
    name, root, content = made
    content[section][1].update(change)
    (root / FILES[name]).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"{FILES[name]}: .*{message}"):
        OPEN[name](str(root))
