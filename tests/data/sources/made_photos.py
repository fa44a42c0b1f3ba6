"""Small data sets of photos, written as their makers publish theirs."""

import json

import numpy as np
import scipy.io

from tests.data.sources import made_pictures

COCO_JOINTS = """nose left_eye right_eye left_ear right_ear left_shoulder
    right_shoulder left_elbow right_elbow left_wrist right_wrist left_hip
    right_hip left_knee right_knee left_ankle right_ankle""".split()


def coco_content():
    """Three people in two images, a crowd, and one without joints."""

    def person(number, image, marks, **fields):
        rng = np.random.default_rng(number)
        places = rng.integers(10, 70, (17, 2))
        places[np.equal(marks, 0)] = 0
        keypoints = np.column_stack([places, marks]).ravel().tolist()
        return {
            "segmentation": [[1.5, 2.5, 3.5, 4.5, 5.5, 6.5]],
            "num_keypoints": int(np.count_nonzero(marks)),
            "area": 100.5,
            "iscrowd": 0,
            "keypoints": keypoints,
            "image_id": image,
            "bbox": [10.25, 12.5, 40.75, 50.0],
            "category_id": 1,
            "id": number,
            **fields,
        }

    crowd = {
        "counts": [1, 2, 3],
        "size": [made_pictures.HEIGHT, made_pictures.WIDTH],
    }
    return {
        "info": {"year": 2017},
        "licenses": [{"id": 1}],
        "images": [
            {
                "file_name": f"{number:012d}.jpg",
                "height": made_pictures.HEIGHT,
                "width": made_pictures.WIDTH,
                "id": number,
            }
            for number in (785, 12)
        ],
        "annotations": [
            person(1, 12, [2] * 17),
            person(2, 785, [0] * 17),
            person(3, 785, [2, 1, 0] * 5 + [1, 2]),
            person(4, 12, [2] * 17, iscrowd=1, segmentation=crowd),
            person(5, 785, [0] * 16 + [1]),
        ],
        "categories": [
            {"id": 1, "name": "person", "keypoints": list(COCO_JOINTS)}
        ],
    }


def make_coco(root):
    content = coco_content()
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    path = root / "annotations" / "person_keypoints_train2017.json"
    path.write_text(json.dumps(content))
    for image in content["images"]:
        made_pictures.write_jpeg(
            root / "train2017" / image["file_name"], image["id"]
        )
    return {}


def make_mpii(root):
    rng = np.random.default_rng(3)
    people = []
    for index in range(3):
        vis = [1] * 16 if index else [0] * 3 + [1] * 13
        joints = rng.uniform(10, 70, (16, 2)).round(1)
        joints[np.equal(vis, 0)] = -1
        people.append(
            {
                "joints_vis": vis,
                "joints": joints.tolist(),
                "image": f"0{index}.jpg",
                "scale": 0.25,
                "center": [40.0, 35.0],
            }
        )
        made_pictures.write_jpeg(root / "images" / f"0{index}.jpg", index)
    (root / "annot").mkdir(parents=True)
    (root / "annot" / "train.json").write_text(json.dumps(people))
    return {}


def struct(*fields):
    """A 1 x N struct array, as MATLAB's `struct`."""
    dtype = [(name, object) for name in fields[0]]
    array = np.empty((1, len(fields)), dtype)
    for index, row in enumerate(fields):
        for name, value in row.items():
            array[0, index][name] = value
    return array


EMPTY = np.zeros((0, 0))


def mpii_release():
    """Four images: two people, nobody, a person not labelled, a test one."""

    def points(*rows):
        return struct(
            {
                "point": struct(
                    *(
                        # The head's joints have no visibility there.
                        {"x": x, "y": y, "id": i, "is_visible": v}
                        for x, y, i, v in rows
                    )
                )
            }
        )

    head = {"x1": 20, "y1": 10, "x2": 23, "y2": 14}
    place = {"scale": 0.2, "objpos": struct({"x": 41, "y": 36})}
    full = [(10.0 + i, 20.5 + i, i, "1") for i in range(16)]
    few = [(30.0, 40.0, 9, EMPTY), (31.0, 41.0, 0, 0)]
    people = [
        struct(
            {**head, "annopoints": points(*full), **place},
            {**head, "annopoints": points(*few), **place, "scale": 0.4},
        ),
        EMPTY,
        struct({**head, "annopoints": EMPTY, "scale": EMPTY, "objpos": EMPTY}),
        struct(place),
    ]
    annolist = struct(
        *(
            {
                "image": struct({"name": f"0{index}.jpg"}),
                "annorect": rect,
                "frame_sec": EMPTY,
                "vididx": EMPTY,
            }
            for index, rect in enumerate(people)
        )
    )
    act = np.empty(
        (4, 1), [(n, object) for n in ("cat_name", "act_name", "act_id")]
    )
    for index, name in enumerate(("yoga, Power", "golf", "", EMPTY)):
        act[index, 0] = ("sports", name, index)
    return struct(
        {
            "annolist": annolist,
            "img_train": np.array([[1, 1, 1, 0]], np.uint8),
            "version": "12",
            "single_person": np.array([[1], [2], [0], [1]], object),
            "act": act,
            "video_list": np.array([["abc"]], object),
        }
    )


def make_mpii_mat(root):
    (root / "annot").mkdir(parents=True)
    scipy.io.savemat(
        root / "annot" / "mpii_human_pose_v1_u12_1.mat",
        {"RELEASE": mpii_release()},
        do_compression=True,
    )
    for index in range(4):
        made_pictures.write_jpeg(root / "images" / f"0{index}.jpg", index)
    return {}


def lsp_joints(count):
    """(N, 14, 2) px, 1-based."""
    return np.random.default_rng(5).uniform(12, 70, (count, 14, 2))


def make_lsp(root):
    joints = lsp_joints(4)
    hidden = np.zeros((4, 14, 1))
    hidden[1, 5] = 1
    array = np.concatenate([joints, hidden], -1).transpose(2, 1, 0)
    root.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(root / "joints.mat", {"joints": array})
    for index in range(4):
        made_pictures.write_jpeg(
            root / "images" / f"im{index + 1:04d}.jpg", index
        )
    return {}


def make_lspet(root):
    joints = lsp_joints(4)
    seen = np.ones((4, 14, 1))
    seen[1, 5], seen[2] = 0, 0
    joints[1, 5] = [0, -26]
    array = np.concatenate([joints, seen], -1).transpose(1, 2, 0)
    root.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(root / "joints.mat", {"joints": array})
    for index in range(4):
        made_pictures.write_jpeg(
            root / "images" / f"im{index + 1:05d}.jpg", index
        )
    return {}
