"""The ways in which papers score poses, by name, written out in every report.

One name of the literature means different things in different papers, and one
thing has different names: a score is comparable only with all that a Protocol
says.
"""

import dataclasses
import re

import numpy as np


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What is scored and how.

    Attributes:
        name: How `--protocol` calls it.
        headline: The metric that it is known for, a key of `terms.METRICS`,
            without which there is no score; None for the first there is.
        subjects: Those scored; None for all that are given.
        sources: Data sets it is of, as given to prepare.py; None for any.
        every: Of a clip's frames each n-th is scored, counted from its first;
            None for all.
        joints: Those scored in 3D; None for all of the skeleton.
        joints_2d: Those scored in px; None for all of the skeleton.
        merges_takes: Whether "Posing", "Posing_1" and "Posing 2" are one
            action, as in the tables of Human3.6M.
        meaning: What it is, in words.
        known_as: What papers and code call it.
        confused_with: What else goes by these names.
    """

    name: str
    headline: str | None
    meaning: str
    subjects: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    every: int | None = None
    joints: tuple[str, ...] | None = None
    joints_2d: tuple[str, ...] | None = None
    merges_takes: bool = False
    known_as: str = ""
    confused_with: str = ""


_LIMBS = (
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
)
# MPI-INF-3DHP leaves pelvis, spine and head out, MPII pelvis and thorax.
_FOURTEEN = ("head_top", "neck", *_LIMBS)

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "everything",
            None,
            "Every sample that is given and every joint that is known.",
        ),
        Protocol(
            "h36m_p1",
            "mpjpe_mm",
            "Human3.6M, trained on subjects 1, 5, 6, 7 and 8: MPJPE with the "
            "pelvises laid on each other, every 64th frame of all cameras.",
            subjects=("S9", "S11"),
            every=64,
            merges_takes=True,
            known_as=(
                '"Protocol #1" of VideoPose3D and MMPose; "Protocol 2" of '
                "PoseNet's code; the MPJPE of integral regression"
            ),
            confused_with=(
                'the "Protocol 1" of PoseNet, which trains on S9 and aligns; '
                "the lifters' scores, which take every frame"
            ),
        ),
        Protocol(
            "h36m_p2",
            "pa_mpjpe_mm",
            "Human3.6M, trained on subjects 1, 5, 6, 7 and 8: error after the "
            "best similarity transform a frame, every 64th frame.",
            subjects=("S9", "S11"),
            every=64,
            merges_takes=True,
            known_as='"Protocol #2", P-MPJPE of VideoPose3D and MMPose',
            confused_with=(
                'the "Protocol 2" of PoseNet\'s code, which does not align; '
                'the "PA MPJPE" of integral regression and MobileHumanPose, '
                "which is rigid: a wrong size stays wrong"
            ),
        ),
        Protocol(
            "h36m_s11_pa",
            "rigid_pa_mpjpe_mm",
            "Human3.6M, trained on subjects 1, 5, 6, 7, 8 and 9: error after "
            "the best rotation and translation, without scale, every 64th "
            "frame of S11.",
            subjects=("S11",),
            every=64,
            merges_takes=True,
            known_as=(
                '"Protocol 1" of PoseNet, and of integral regression\'s PA '
                "figure"
            ),
            confused_with=(
                '"Protocol #1" of VideoPose3D, which does not align and has '
                "S9 in the test; integral regression's own code, which lays "
                "the roots on each other again after the alignment"
            ),
        ),
        Protocol(
            "mpi_inf_3dhp",
            "pck_150",
            "MPI-INF-3DHP's test set: the share of 14 joints nearer than 150 "
            "mm with the pelvises laid on each other, and the mean of that "
            "over 0, 5, ... 150 mm.",
            subjects=("TS1", "TS2", "TS3", "TS4", "TS5", "TS6"),
            joints=_FOURTEEN,
            known_as="3DPCK and AUC of mpii_compute_3d_pck.m",
            confused_with=(
                "scores of all 17 joints, whose pelvis is right by alignment; "
                "scores on the universal annotations, whose people have one "
                "size; scores after a Procrustes alignment"
            ),
        ),
        Protocol(
            "mpii_pckh",
            "pckh_05",
            "MPII: the share of 14 joints within half of the head's size, "
            "which is 0.6 of the diagonal of the head's box.",
            sources=("mpii",),
            joints_2d=_FOURTEEN,
            known_as="PCKh@0.5, total",
            confused_with=(
                "PCK by the torso; means over joints that count pelvis and "
                "thorax; the test set's score, whose labels are not public"
            ),
        ),
        Protocol(
            "lsp_pck",
            "pck_torso_02",
            "Leeds Sports Pose: the share of joints within 0.2 of the torso, "
            "from left shoulder to right hip, as the person's own sides.",
            sources=("lsp", "lspet"),
            joints_2d=_FOURTEEN,
            known_as="PCK@0.2, person centric",
            confused_with="PCP; observer-centric labels; PCKh",
        ),
    )
}


def protocol_of(name):
    """The Protocol of a name.

    Raises:
        ValueError: There is none.
    """
    if name not in PROTOCOLS:
        raise ValueError(
            f"`protocol` must be one of {', '.join(PROTOCOLS)}. "
            f"Received: {name}"
        )
    return PROTOCOLS[name]


def select(protocol, truth):
    """The rows of a Truth that a protocol scores.

    Every n-th frame is counted from the first that a clip has, so that it does
    not matter whether numbers begin at 0 or 1, nor whether a data set was
    thinned out before, by a divisor of n or to every n-th frame itself.

    Args:
        protocol: The Protocol.
        truth: The Truth of all samples.

    Returns:
        (M,) int rows.

    Raises:
        ValueError: The data are of another data set, a subject is not in them,
            or a clip was thinned out so that it has not every n-th frame.
    """
    keep = np.ones(len(truth), bool)
    if protocol.sources is not None:
        keep &= np.isin(truth.source.astype(str), protocol.sources)
        if not keep.any():
            raise ValueError(
                f"`protocol` {protocol.name} is of "
                f"{' or '.join(protocol.sources)}. "
                f"Received: {', '.join(sorted(set(truth.source))[:20])}"
            )
    if protocol.subjects is not None:
        given = set(truth.subject)
        missing = [x for x in protocol.subjects if x not in given]
        if missing:
            raise ValueError(
                f"`protocol` {protocol.name} needs the subjects "
                f"{', '.join(protocol.subjects)}; the data lack "
                f"{', '.join(missing)}. Received: "
                f"{', '.join(sorted(map(repr, given))[:20])}"
            )
        keep &= np.isin(truth.subject.astype(str), protocol.subjects)
    if protocol.every is not None:
        keep &= _is_nth_frame(protocol, truth, keep)
    return np.flatnonzero(keep)


def _is_nth_frame(protocol, truth, is_scored):
    """(N,) bool, whether a frame is one of every n-th of its clip."""
    clips = truth.clips()
    first = np.full(clips.max(initial=-1) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, clips, truth.frame)
    since = truth.frame - first[clips]
    # What the distances of all its frames from the first divide by.
    stride = np.zeros(len(first), np.int64)
    np.gcd.at(stride, clips, since)
    stride = stride[clips]
    # A multiple: a clip of which not all of these frames are there.
    fits = (protocol.every % np.maximum(stride, 1) == 0) | (
        stride % protocol.every == 0
    )
    wrong = np.flatnonzero(is_scored & ~fits)
    if len(wrong):
        row = wrong[0]
        raise ValueError(
            f"`protocol` {protocol.name} takes every {protocol.every}th frame, "
            "which data thinned out otherwise do not have; prepare all frames, "
            "or score with --protocol=everything. Received: every "
            f"{stride[row]}th frame of {truth.subject[row]} "
            f"{truth.action[row]}, camera {truth.camera[row]}"
        )
    return since % protocol.every == 0


def action_of(protocol, action):
    """An action as the protocol's tables call it."""
    if not protocol.merges_takes:
        return action
    action = re.sub(r"[ _]\d+$", "", action)
    # What S1's files call two of them.
    return {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}.get(action, action)
