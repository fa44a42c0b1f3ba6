"""MPI-INF-3DHP in small, as its archives and MMPose have it."""

import pickle

import cv2
import h5py
import numpy as np
import scipy.io

from tests.data.sources import made_pictures

UNIVERSAL_SCALE = 0.9


def mpi_inf_3dhp_train_poses(frames=6, cameras=3):
    """(C, N, 28, 3) mm; in the camera's frame 4 nobody is in the picture."""
    mm = np.array(
        [
            [made_pictures.pose(100 * camera + frame, 28) for frame in clip]
            for camera, clip in enumerate([range(frames)] * cameras)
        ]
    )
    mm[0, 4, :, 0] += 6000
    return mm


def universal(mm, root):
    """The pose around its own root, which stays where it is."""
    pelvis = mm[..., root : root + 1, :]
    return pelvis + UNIVERSAL_SCALE * (mm - pelvis)


def cells(arrays):
    cell = np.empty((len(arrays), 1), object)
    for index, array in enumerate(arrays):
        cell[index, 0] = array.reshape(len(array), -1)
    return cell


CALIBRATION = """Skeletool Camera Calibration File V1.0
{}
"""
CALIBRATION_BLOCK = """name          {}
  sensor        10 10
  size          {} {}
  animated      0
  intrinsic     {}
  extrinsic     1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1
  radial        0"""


def calibration(intrinsics=made_pictures.INTRINSICS, cameras=3):
    matrix = np.eye(4)
    matrix[:3, :3] = intrinsics
    numbers = " ".join(str(number) for number in matrix.ravel())
    blocks = [
        CALIBRATION_BLOCK.format(
            camera, made_pictures.WIDTH, made_pictures.HEIGHT, numbers
        )
        for camera in range(cameras)
    ]
    return CALIBRATION.format("\n".join(blocks))


def write_video(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(
        str(path), code, 25, (made_pictures.WIDTH, made_pictures.HEIGHT)
    )
    for frame in range(frames):
        writer.write(
            cv2.imdecode(np.frombuffer(made_pictures.jpeg(frame), np.uint8), 1)
        )
    writer.release()


def make_mpi_inf_3dhp(root):
    """A sequence: a video, frames of another, and a camera without any."""
    folder = root / "S1" / "Seq1"
    folder.mkdir(parents=True)
    mm = mpi_inf_3dhp_train_poses()
    scipy.io.savemat(
        folder / "annot.mat",
        {
            "annot2": cells(made_pictures.project(mm)),
            "annot3": cells(mm),
            "univ_annot3": cells(universal(mm, 4)),
            "cameras": np.arange(3)[None],
            "frames": np.arange(6)[:, None],
        },
    )
    (folder / "camera.calibration").write_text(calibration())
    write_video(folder / "imageSequence" / "video_0.avi", 6)
    for frame in (0, 1, 3):
        name = f"frame_{frame + 1:06d}.jpg"
        made_pictures.write_jpeg(
            folder / "imageFrames" / "video_1" / name, frame
        )
    return {}


def mpi_inf_3dhp_test_poses(frames=5):
    return np.stack(
        [made_pictures.pose(500 + frame, 17) for frame in range(frames)]
    )


def make_mpi_inf_3dhp_test(root):
    """A clip of five frames, of which the third is not valid."""
    folder = root / "TS1"
    folder.mkdir(parents=True)
    mm = mpi_inf_3dhp_test_poses()
    px = made_pictures.project(mm)
    px[2] = mm[2] = np.nan
    options = {"compression": "gzip", "chunks": True}
    with h5py.File(folder / "annot_data.mat", "w") as file:
        for name, array in {
            "annot2": px[:, None],
            "annot3": mm[:, None],
            "univ_annot3": universal(mm, 14)[:, None],
            "valid_frame": np.uint8([[1], [1], [0], [1], [1]]),
            "activity_annotation": np.float64([[1], [7], [0], [4], [5]]),
        }.items():
            file.create_dataset(name, data=array, **options)
    for frame in range(5):
        name = f"img_{frame + 1:06d}.jpg"
        made_pictures.write_jpeg(folder / "imageSequence" / name, frame)
    return {"split": "test"}


def mmpose_rows(mm):
    px = made_pictures.project(mm)
    low, high = px.min(1), px.max(1)
    seen = np.ones((*px.shape[:2], 1))
    return {
        "center": (low + high) / 2,
        "scale": 1.2 * (high - low).max(1) / 200,
        "part": np.concatenate([px, seen], -1),
        "S": np.concatenate([mm / 1000, seen], -1),
    }


def mmpose_camera(height):
    return {
        "c": made_pictures.INTRINSICS[:2, 2:],
        "f": made_pictures.INTRINSICS[[0, 1], [0, 1]][:, None],
        "w": made_pictures.WIDTH,
        "h": height,
    }


def make_mpi_inf_3dhp_mmpose(root):
    """The test frames, which no real file of the tests has."""
    (root / "annotations").mkdir(parents=True)
    names = ["TS1_002001.jpg", "TS5_000100.jpg"]
    np.savez(
        root / "annotations" / "mpi_inf_3dhp_test_valid.npz",
        imgname=np.array(names),
        **mmpose_rows(
            np.stack([made_pictures.pose(700 + i, 17) for i in range(2)])
        ),
    )
    cameras = {
        "TS1": mmpose_camera(made_pictures.HEIGHT),
        "TS5": mmpose_camera(made_pictures.HEIGHT),
    }
    (root / "annotations" / "cameras_test.pkl").write_bytes(
        pickle.dumps(cameras)
    )
    for index, name in enumerate(names):
        made_pictures.write_jpeg(root / "images" / name, index)
    return {}
