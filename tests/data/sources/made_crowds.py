"""MuCo-3DHP and MuPoTS-3D in small, as PoseNet has them."""

import json

from tests.data.sources import made_pictures


def crowd_content(joints, images, intrinsics_of):
    """People of several images as PoseNet's files have them."""
    people = []
    for number in range(2 * len(images)):
        mm = made_pictures.pose(800 + number, joints)
        px = made_pictures.project(mm)
        people.append(
            {
                "id": number,
                "image_id": images[number // 2][0],
                "keypoints_img": px.tolist(),
                "keypoints_cam": mm.tolist(),
                "keypoints_vis": [True] * (joints - 1) + [False],
                "bbox": made_pictures.tight_box(px),
                "is_valid": 1,
            }
        )
    return {
        "images": [
            {
                "id": number,
                "file_name": name,
                "width": made_pictures.WIDTH,
                "height": made_pictures.HEIGHT,
                **intrinsics_of,
            }
            for number, name in images
        ],
        "annotations": people,
    }


def make_muco(root):
    images = [(7, "augmented_set/7.jpg"), (3, "unaugmented_set/3.jpg")]
    lens = {"f": [130, 131], "c": [47.0, 39.0]}
    content = crowd_content(21, images, lens)
    for person in content["annotations"]:
        del person["is_valid"]
    # Somebody who has left the picture.
    content["annotations"][2]["bbox"][0] = made_pictures.WIDTH + 1.0
    for number, name in images:
        made_pictures.write_jpeg(root / name, number)
    (root / "MuCo-3DHP.json").write_text(json.dumps(content))
    return {}


def make_mupots(root):
    images = [(1, "TS1/img_000012.jpg"), (2, "TS20/img_000000.jpg")]
    content = crowd_content(17, images, {"intrinsic": [130, 131, 47, 39]})
    content["annotations"][1]["is_valid"] = 0
    for number, name in images:
        made_pictures.write_jpeg(root / "MultiPersonTestSet" / name, number)
    (root / "MuPoTS-3D.json").write_text(json.dumps(content))
    return {}
