"""Small Human3.6M data sets, written as their public descriptions demand.

Two subjects who turn, seen by four cameras around them; their labels are made
with OpenCV's projection. Each function of `MADE` writes one and gives the
options to open it with.
"""

import json
import pickle

import cdflib.cdfwrite
import cv2
import h5py
import numpy as np
import scipy.io

SERIALS = ("54138969", "55011271", "58860488", "60457274")
WIDTH, HEIGHT = 500, 502
INTRINSICS = np.float64([[573, 0, 256], [0, 572, 258], [0, 0, 1]])
LENS = np.float64([-0.2071, 0.2478, -0.00098, -0.00142, -0.0031])
NUM_FRAMES = 12

# mm: right, down, away of who looks at the camera; the 17 joints.
STANDING = np.float64(
    [
        [0, 0, 0],
        [-130, 0, 10],
        [-150, 440, -60],
        [-160, 880, 40],
        [130, 0, -10],
        [160, 430, -90],
        [220, 860, 60],
        [10, -240, 20],
        [10, -490, 10],
        [0, -580, -70],
        [10, -690, -20],
        [150, -450, 20],
        [330, -250, -60],
        [420, -30, -200],
        [-140, -450, 0],
        [-210, -180, 60],
        [-230, 60, -80],
    ]
)
OF_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]

# The archive's name of a clip: (action, subaction) in numbered folders.
CLIPS = {
    "S1": {"Directions 1": (2, 1), "TakingPhoto": (12, 2)},
    "S9": {"Greeting": (5, 2)},
}
# How VideoPose3D writes them.
RENAMED = {"TakingPhoto": "Photo"}


def world_poses(subject, name, num_frames=NUM_FRAMES):
    """(N, 17, 3) mm, z up, a person who turns and walks."""
    frames = np.arange(num_frames)
    turn = 0.3 * frames + len(subject + name)
    place = np.stack(
        [200 * np.cos(turn), 150 * np.sin(turn), 0 * turn + 900], axis=1
    )
    upright = STANDING @ np.float64([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    cos, sin, zero = np.cos(turn), np.sin(turn), 0 * turn
    rows = [[cos, -sin, zero], [sin, cos, zero], [zero, zero, zero + 1]]
    rotation = np.array(rows).transpose(2, 0, 1)
    return np.einsum("nij,kj->nki", rotation, upright) + place[:, None]


def camera_of(subject, number):
    """World-to-camera rotation, and the place in mm, of camera 1 to 4."""
    angle = 0.5 + 1.6 * number + 0.1 * len(subject)
    place = np.float64(
        [5000 * np.cos(angle), 4700 * np.sin(angle), 1500 + 30 * number]
    )
    forward = np.float64([40, -30, 850 + 20 * number]) - place
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    roll = cv2.Rodrigues(np.float64([0, 0, 0.02 * number]))[0]
    return roll @ rotation, place


def in_camera(world, subject, number):
    """(..., 3) mm in the frame of a camera."""
    rotation, place = camera_of(subject, number)
    return np.einsum("ij,...j->...i", rotation, world - place)


def seen(world, subject, number, lens=LENS):
    """(N, 17, 2) px."""
    rotation, place = camera_of(subject, number)
    points = cv2.projectPoints(
        np.ascontiguousarray(world.reshape(-1, 3)),
        cv2.Rodrigues(rotation)[0],
        -rotation @ place,
        INTRINSICS,
        lens,
    )[0]
    return points.reshape(*world.shape[:-1], 2)


def level(subject, frame):
    """The grey of a made image, which tells it from others."""
    return 20 * frame + (10 if subject == "S9" else 5)


def pixels(subject, frame):
    return np.full((HEIGHT, WIDTH, 3), level(subject, frame), np.uint8)


def write_jpeg(path, subject, frame):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels(subject, frame))


def every_clip():
    """(subject, name, (action, subaction), camera's number)."""
    for subject, names in CLIPS.items():
        for name, numbers in names.items():
            for number in range(1, 5):
                yield subject, name, numbers, number


def write_pickle(path):
    """MMPose's cameras: from the camera to the world, metres, columns."""
    k1, k2, p1, p2, k3 = LENS
    cameras = {}
    for subject in CLIPS:
        for number, serial in enumerate(SERIALS, 1):
            rotation, place = camera_of(subject, number)
            cameras[subject, serial] = {
                "R": rotation.T.copy(),
                "T": place[:, None] / 1000,
                "f": np.float64([[INTRINSICS[0, 0]], [INTRINSICS[1, 1]]]),
                "c": INTRINSICS[:2, 2:].copy(),
                "k": np.float64([[k1], [k2], [k3]]),
                "p": np.float64([[p1], [p2]]),
                "w": WIDTH,
                "h": HEIGHT,
                "name": f"camera{number}",
                "id": serial,
            }
    path.write_bytes(pickle.dumps(cameras, protocol=3))


def write_xml(path):
    """The archive's: angles and places, then f, c, k, p; and the clips."""
    numbers = []
    for number in range(1, 5):
        for subject in range(1, 12):
            rotation, place = camera_of(f"S{subject}", number)
            angles = [
                np.arctan2(-rotation[1, 2], rotation[2, 2]),
                np.arcsin(rotation[0, 2]),
                np.arctan2(-rotation[0, 1], rotation[0, 0]),
            ]
            numbers += [*angles, *place]
    k1, k2, p1, p2, k3 = LENS
    focal, centre = (573, 572), INTRINSICS[:2, 2]
    numbers += 4 * [*focal, *centre, k1, k2, k3, p1, p2]
    subjects = [f"S{number}" for number in range(1, 12)]
    rows = ["<td/><td/>" + "".join(f"<td>{s}</td>" for s in subjects)]
    pairs = sorted(
        {pair for clips in CLIPS.values() for pair in clips.values()}
    )
    for pair in pairs:
        names = {
            subject: name
            for subject, clips in CLIPS.items()
            for name, numbered in clips.items()
            if numbered == pair
        }
        cells = [*map(str, pair), *(names.get(s, "-") for s in subjects)]
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    mapping = "".join(f"<tr>{row}</tr>" for row in rows)
    text = " ".join(repr(float(number)) for number in numbers)
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<!-- made -->\n<root>'
        f"<mapping>{mapping}</mapping><w0>[{text}]</w0></root>"
    )


def write_cdf(path, values):
    """One variable `Pose` of one record, (N, D) floats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with cdflib.cdfwrite.CDF(str(path), delete=True) as file:
        file.write_var(
            {
                "Variable": "Pose",
                "Data_Type": 44,
                "Num_Elements": 1,
                "Rec_Vary": True,
                "Var_Type": "zVariable",
                "Dim_Sizes": list(values.shape),
            },
            var_data=np.float32(values)[None],
        )


def all_joints(poses):
    """Poses (N, 17, D) among all 32 joints, the others somewhere else."""
    whole = np.full((len(poses), 32, poses.shape[-1]), 7.0)
    whole[:, OF_32] = poses
    return whole


def write_video(path, subject, num_frames=NUM_FRAMES):
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter_fourcc(*"mp4v")
    video = cv2.VideoWriter(str(path), codec, 50, (WIDTH, HEIGHT))
    for frame in range(num_frames):
        video.write(pixels(subject, frame))
    video.release()


def make_h36m_raw(root, kind="D3_Positions", folder="MyPoseFeatures/{}"):
    for subject, name, _, number in every_clip():
        world = world_poses(subject, name)
        serial = SERIALS[number - 1]
        clip = f"{name}.{serial}"
        base = root / subject / folder.format(kind)
        if kind == "D3_Positions":
            if number == 1:
                flat = all_joints(world).reshape(NUM_FRAMES, -1)
                write_cdf(base / f"{name}.cdf", flat)
        else:
            mono = all_joints(in_camera(world, subject, number))
            write_cdf(base / f"{clip}.cdf", mono.reshape(NUM_FRAMES, -1))
        flat = all_joints(seen(world, subject, number)).reshape(NUM_FRAMES, -1)
        write_cdf(
            root / subject / folder.format("D2_Positions") / f"{clip}.cdf", flat
        )
        write_video(root / subject / "Videos" / f"{clip}.mp4", subject)
    write_xml(root / "metadata.xml")
    return {"every": 5}


def make_h36m_videopose3d(root):
    positions = {
        subject: {
            RENAMED.get(name, name): np.float32(
                all_joints(world_poses(subject, name)) / 1000
            )
            for name in names
        }
        for subject, names in CLIPS.items()
    }
    np.savez_compressed(root / "data_3d_h36m.npz", positions_3d=positions)
    write_pickle(root / "cameras.pkl")
    for subject, name, _, number in every_clip():
        clip = f"{name}.{SERIALS[number - 1]}"
        for frame in (0, 5, 10):
            write_jpeg(
                root / subject / clip / f"img_{frame + 1:06d}.jpg",
                subject,
                frame,
            )
    return {"every": 5}


def posenet_box(points):
    """As PoseNet's tool makes it, of (17, 2) px."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = (high - low - 1) * 1.2
    return [*((low + high) / 2 - size / 2), *size]


def make_h36m_posenet(root, translation="t", every=5):
    """The three files of each subject; `translation` "T" is the tool's bug."""
    no_lens = np.zeros(5)
    for subject, names in CLIPS.items():
        listed, boxes, poses, cameras = [], [], {}, {}
        for number in range(1, 5):
            rotation, place = camera_of(subject, number)
            moved = {"t": -rotation @ place, "T": place, "m": place / 1000}
            cameras[str(number)] = {
                "R": rotation.tolist(),
                "t": moved[translation].tolist(),
                "f": [573.0, 572.0],
                "c": [256.0, 258.0],
            }
        for name, (action, subaction) in names.items():
            world = world_poses(subject, name)
            of_action = poses.setdefault(str(action), {})
            of_action[str(subaction)] = {
                str(frame): pose.tolist() for frame, pose in enumerate(world)
            }
            for number in range(1, 5):
                points = seen(world, subject, number, no_lens)
                folder = (
                    f"s_{int(subject[1:]):02d}_act_{action:02d}"
                    f"_subact_{subaction:02d}_ca_{number:02d}"
                )
                for frame in range(NUM_FRAMES):
                    file_name = f"{folder}/{folder}_{frame + 1:06d}.jpg"
                    listed.append(
                        {
                            "id": 1000 + len(listed),
                            "file_name": file_name,
                            "width": WIDTH,
                            "height": HEIGHT,
                            "subject": int(subject[1:]),
                            "action_name": name,
                            "action_idx": action,
                            "subaction_idx": subaction,
                            "cam_idx": number,
                            "frame_idx": frame,
                        }
                    )
                    boxes.append(
                        {
                            "id": len(boxes),
                            "image_id": listed[-1]["id"],
                            "keypoints_vis": [True] * 17,
                            "bbox": posenet_box(points[frame]),
                        }
                    )
                    if frame % every == 0:
                        path = root / "images" / file_name
                        write_jpeg(path, subject, frame)
        base = f"Human36M_subject{subject[1:]}"
        for kind, content in {
            "data": {"images": listed, "annotations": boxes[::-1]},
            "camera": cameras,
            "joint_3d": poses,
        }.items():
            (root / f"{base}_{kind}.json").write_text(json.dumps(content))
    return {"every": every}


def clip_rows(frames=(0, 5), split=None):
    """(image name, subject, clip's name, camera's number, frame).

    Of the test split S11 does what S1 does, and S1 of the training split alone.
    """
    for subject, name, _, number in every_clip():
        if number > 2 or (split == "train" and subject == "S9"):
            continue
        if split == "test" and subject == "S1":
            subject = "S11"
        base = f"{subject}_{name.replace(' ', '_')}.{SERIALS[number - 1]}"
        for frame in frames:
            yield f"{base}_{frame + 1:06d}.jpg", subject, name, number, frame


def make_h36m_mmpose(root):
    names, centers, scales, parts, joints = [], [], [], [], []
    for image, subject, name, number, frame in clip_rows():
        world = world_poses(subject, name)[frame]
        points = seen(world, subject, number)
        low, high = points.min(axis=0), points.max(axis=0)
        folder = image.rpartition("_")[0]
        names.append(f"{subject}/{folder}/{image}")
        centers.append((low + high) / 2)
        scales.append((high - low).max() * 1.2 / 200)
        parts.append(np.column_stack([points, np.ones(17)]))
        mono = in_camera(world, subject, number) / 1000
        joints.append(np.column_stack([mono, np.ones(17)]))
        write_jpeg(root / "images" / names[-1], subject, frame)
    folder = root / "annotation_body3d" / "fps10"
    folder.mkdir(parents=True)
    np.savez(
        folder / "h36m_train.npz",
        imgname=np.array(names),
        center=np.array(centers),
        scale=np.array(scales),
        part=np.array(parts),
        S=np.array(joints),
    )
    write_pickle(folder.parent / "cameras.pkl")
    return {}


def make_h36m_c2f(root, split="test"):
    """Pavlakos' own full frames: valid.h5 with a square, valid.mat."""
    names, squares, scales, poses = [], [], [], []
    for image, subject, name, number, frame in clip_rows(split=split):
        world = world_poses(subject, name)[frame]
        points = seen(world, subject, number)
        low, high = points.min(axis=0), points.max(axis=0)
        names.append(image)
        squares.append((low + high) / 2)
        scales.append(((high - low).max() + 40) / 200)
        poses.append(in_camera(world, subject, number).T)
        write_jpeg(root / "images" / image, subject, frame)
    (root / "annot").mkdir()
    base = root / "annot" / {"test": "valid", "train": "train"}[split]
    with h5py.File(f"{base}.h5", "w") as file:
        file["center"], file["scale"] = np.array(squares), np.array(scales)
    cells = np.empty((len(names), 2), object)
    for row, name in enumerate(names):
        cells[row] = [name.removesuffix(".jpg"), INTRINSICS]
    struct = {
        "imgname": cells[:, :1],
        "center": np.array(squares),
        "scale": np.array(scales)[:, None],
        "S": np.array(poses),
        "K": cells[:, 1:],
    }
    scipy.io.savemat(f"{base}.mat", {"annot": struct})
    text = "".join(f"{name}\n" for name in names)
    base.with_name(f"{base.name}_images.txt").write_text(text)
    return {"split": split}


MADE = {
    "h36m_c2f": make_h36m_c2f,
    "h36m_mmpose": make_h36m_mmpose,
    "h36m_posenet": make_h36m_posenet,
    "h36m_raw": make_h36m_raw,
    "h36m_videopose3d": make_h36m_videopose3d,
}
