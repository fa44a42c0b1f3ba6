"""The poses of many frames, as a few arrays: what every output is written from.

A pose takes about a kilobyte, so an hour of film fits in memory.
"""

import dataclasses

import numpy as np

from keras_pose.skeleton import Skeleton


@dataclasses.dataclass(frozen=True)
class Recording:
    """F frames, and the N poses that were found in them.

    Attributes:
        skeleton: The J joints.
        model: The network's path, as the user gave it.
        kind: "photos", "video" or "camera".
        frames_per_second: Of a video's header, or measured; None for photos.
        frame_names: F names: a photo's path, or "clip.mp4#12".
        times_s: (F,) seconds from the start, ascending; NaN for photos.
        sizes_px: (F, 2) int, width and height.
        intrinsics: (F, 3, 3) px.
        intrinsics_from: F texts.
        distortion: (F, 5) k1, k2, p1, p2, k3.
        caveats: (F,) int, values of `pose.Caveat`.
        frame: (N,) int, the frame of each pose, ascending.
        person: (N,) int, the number of each person, from 1; in photos it
            counts the people of each.
        box: (N, 4) px.
        box_from: N texts.
        position_from: N texts.
        joints_mm: (N, J, 3) mm, relative to the root.
        joints_camera_mm: (N, J, 3) mm, camera frame.
        joints_px: (N, J, 2) px.
        std_mm: (N, J) mm; NaN where the network does not say.
        confidence: (N, J); NaN where the network does not say.
    """

    skeleton: Skeleton
    model: str
    kind: str
    frames_per_second: float | None
    frame_names: tuple[str, ...]
    times_s: np.ndarray
    sizes_px: np.ndarray
    intrinsics: np.ndarray
    intrinsics_from: tuple[str, ...]
    distortion: np.ndarray
    caveats: np.ndarray
    frame: np.ndarray
    person: np.ndarray
    box: np.ndarray
    box_from: tuple[str, ...]
    position_from: tuple[str, ...]
    joints_mm: np.ndarray
    joints_camera_mm: np.ndarray
    joints_px: np.ndarray
    std_mm: np.ndarray
    confidence: np.ndarray

    @property
    def people(self):
        """Numbers of the people, ascending."""
        return tuple(np.unique(self.person).tolist())

    def rows_of(self, person):
        """Indices of one person's poses, in the order of frames."""
        return np.flatnonzero(self.person == person)


class Recorder:
    """Collects what is predicted, frame by frame.

    Args:
        skeleton: The joints.
        model: As of `Recording`.
        kind: As of `Recording`.
    """

    def __init__(self, skeleton, model, kind):
        self._skeleton, self._model, self._kind = skeleton, model, kind
        self._frames, self._rows = [], []

    def __len__(self):
        return len(self._frames)

    def add(self, name, time_s, poses):
        """Adds a frame.

        Args:
            name: Of the frame.
            time_s: Seconds from the start; None for a photo.
            poses: Its `pose.Poses`.
        """
        time = np.nan if time_s is None else time_s
        for pose in poses:
            self._rows.append((len(self._frames), pose))
        self._frames.append(
            (
                name,
                time,
                poses.image_size,
                poses.intrinsics,
                poses.intrinsics_from,
                poses.distortion,
                poses.caveats.value,
            )
        )

    def finish(self, frames_per_second=None):
        """The Recording of all that was added."""
        names, times, sizes, intrinsics, camera_from, distortion, caveats = (
            zip(*self._frames, strict=True) if self._frames else [()] * 7
        )
        poses = [pose for _, pose in self._rows]
        joints = self._skeleton.num_joints

        def stacked(values, *shape, dtype=np.float64):
            array = np.array(list(values), dtype)
            return array.reshape(-1, *shape)

        def per_joint(name):
            rows = (getattr(pose, name) for pose in poses)
            unknown = np.full(joints, np.nan)
            return stacked(
                (unknown if row is None else row for row in rows), joints
            )

        return Recording(
            skeleton=self._skeleton,
            model=self._model,
            kind=self._kind,
            frames_per_second=frames_per_second,
            frame_names=names,
            times_s=stacked(times),
            sizes_px=stacked(sizes, 2, dtype=int),
            intrinsics=stacked(intrinsics, 3, 3),
            intrinsics_from=camera_from,
            distortion=stacked(distortion, 5),
            caveats=stacked(caveats, dtype=int),
            frame=stacked((frame for frame, _ in self._rows), dtype=int),
            person=stacked((pose.person for pose in poses), dtype=int),
            box=stacked((pose.box for pose in poses), 4),
            box_from=tuple(pose.box_from for pose in poses),
            position_from=tuple(pose.position_from for pose in poses),
            joints_mm=stacked((pose.joints_mm for pose in poses), joints, 3),
            joints_camera_mm=stacked(
                (pose.joints_camera_mm for pose in poses), joints, 3
            ),
            joints_px=stacked((pose.joints_px for pose in poses), joints, 2),
            std_mm=per_joint("std_mm"),
            confidence=per_joint("confidence"),
        )
