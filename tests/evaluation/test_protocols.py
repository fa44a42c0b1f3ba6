import numpy as np
import pytest

from keras_pose.evaluation.protocols import PROTOCOLS
from keras_pose.evaluation.protocols import action_of
from keras_pose.evaluation.protocols import select
from keras_pose.evaluation.terms import METRICS
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import LSP_14
from keras_pose.skeleton import MPI_INF_3DHP_17
from keras_pose.skeleton import MPII_16


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_name_what_there_is(name):
    protocol = PROTOCOLS[name]
    assert protocol.name == name
    assert protocol.headline in (METRICS if name != "everything" else [None])
    known = {j for s in (H36M_17, MPI_INF_3DHP_17) for j in s.joints}
    assert set(protocol.joints or ()) <= known
    assert protocol.meaning.endswith(".")


def test_fourteen_joints_are_those_of_the_official_evaluations():
    # 1-based joints of mpii_get_pck_auc_joint_groups.m among the 17.
    groups = [[1], [2], [3, 6], [4, 7], [5, 8], [9, 12], [10, 13], [11, 14]]
    official = {
        MPI_INF_3DHP_17.joints[n - 1] for group in groups for n in group
    }
    assert set(PROTOCOLS["mpi_inf_3dhp"].joints) == official
    # MPII's PCKh leaves out its joints 6 and 7, 0-based; LSP counts all.
    mpii = {joint for n, joint in enumerate(MPII_16.joints) if n not in (6, 7)}
    assert set(PROTOCOLS["mpii_pckh"].joints_2d) == mpii
    assert set(PROTOCOLS["lsp_pck"].joints_2d) == set(LSP_14.joints)


@pytest.mark.parametrize("first", [0, 1], ids=["from 0", "from 1"])
@pytest.mark.parametrize("step", [1, 4, 64])
def test_every_64th_frame_is_picked_however_frames_are_counted(
    make_truth, first, step
):
    frames = np.arange(0, 200, step)
    truth = make_truth(
        2 * len(frames),
        frame=np.tile(frames, 2) + first,
        subject=["S9"] * len(frames) + ["S11"] * len(frames),
    )
    rows = select(PROTOCOLS["h36m_p1"], truth)
    assert (truth.frame[rows] - first).tolist() == [0, 64, 128, 192] * 2


@pytest.mark.parametrize("step", [5, 48], ids=["every 5th", "every 48th"])
def test_data_thinned_out_otherwise_are_refused(make_truth, step):
    frames = np.arange(0, 1000, step) + 1
    truth = make_truth(
        2 * len(frames),
        frame=np.tile(frames, 2),
        subject=["S9"] * len(frames) + ["S11"] * len(frames),
        action=["Posing 1"] * 2 * len(frames),
    )
    message = f"takes every 64th.*every {step}th frame of S9 Posing 1, camera"
    with pytest.raises(ValueError, match=message):
        select(PROTOCOLS["h36m_p1"], truth)
    assert len(select(PROTOCOLS["everything"], truth)) == 2 * len(frames)


def test_data_of_other_subjects_may_be_thinned_out(make_truth):
    truth = make_truth(
        6,
        subject=["S1", "S1", "S9", "S9", "S11", "S11"],
        frame=np.array([1, 6, 1, 2, 1, 65]),
    )
    rows = select(PROTOCOLS["h36m_p1"], truth)
    assert rows.tolist() == [2, 4, 5]


def test_frames_are_counted_in_each_clip(make_truth):
    truth = make_truth(
        5,
        subject=["S11"] * 5,
        camera=["a", "b", "a", "b", "b"],
        frame=np.array([10, 3, 74, 66, 67]),
    )
    rows = select(PROTOCOLS["h36m_s11_pa"], truth)
    assert rows.tolist() == [0, 1, 2, 4]


def test_only_the_protocols_subjects_are_picked(make_truth):
    truth = make_truth(4, subject=["S8", "S9", "S1", "S11"])
    assert select(PROTOCOLS["h36m_p2"], truth).tolist() == [1, 3]
    assert select(PROTOCOLS["everything"], truth).tolist() == [0, 1, 2, 3]


def test_a_missing_subject_is_named(make_truth):
    truth = make_truth(3, subject=["S9", "S1", "TS1"])
    with pytest.raises(ValueError, match="h36m_p1 needs.*the data lack S11"):
        select(PROTOCOLS["h36m_p1"], truth)
    with pytest.raises(ValueError, match="lack TS2, TS3, TS4, TS5, TS6"):
        select(PROTOCOLS["mpi_inf_3dhp"], truth)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("Posing_1", "Posing"),
        ("Posing 2", "Posing"),
        ("SittingDown", "SittingDown"),
        ("TakingPhoto 1", "Photo"),
        ("WalkingDog", "WalkDog"),
    ],
)
def test_takes_of_an_action_are_one_in_human36m(action, expected):
    assert action_of(PROTOCOLS["h36m_p1"], action) == expected
    assert action_of(PROTOCOLS["everything"], action) == action


def test_protocols_of_photos_are_of_their_data_set(make_truth):
    truth = make_truth(3, source=["mpii", "made", "mpii"])
    assert select(PROTOCOLS["mpii_pckh"], truth).tolist() == [0, 2]
    with pytest.raises(ValueError, match="lsp_pck is of lsp or lspet.*made"):
        select(PROTOCOLS["lsp_pck"], truth)
