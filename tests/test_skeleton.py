import pytest

from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import LSP_14
from keras_pose.skeleton import MPI_INF_3DHP_17
from keras_pose.skeleton import MPI_INF_3DHP_28
from keras_pose.skeleton import MPII_16
from keras_pose.skeleton import SKELETONS

EACH = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)


@EACH
def test_joints_form_one_tree(skeleton):
    tops = set()
    for joint in range(skeleton.num_joints):
        path = [joint]
        while skeleton.parents[path[-1]] >= 0:
            path.append(skeleton.parents[path[-1]])
            assert len(path) <= skeleton.num_joints, "a cycle"
        tops.add(path[-1])
    assert len(tops) == 1
    assert skeleton.root is None or tops == {skeleton.root}


@EACH
def test_left_and_right_limbs_hang_alike(skeleton):
    mirror = (*skeleton.flip_permutation, -1)  # no parent stays no parent
    for joint, parent in enumerate(skeleton.parents):
        assert skeleton.parents[mirror[joint]] == mirror[parent]


@EACH
def test_flip_permutation_swaps_sides_and_keeps_the_centre(skeleton):
    opposite = {"left": "right", "right": "left", "centre": "centre"}
    for joint, partner in enumerate(skeleton.flip_permutation):
        assert skeleton.flip_permutation[partner] == joint
        side = skeleton.side(joint)
        assert skeleton.side(partner) == opposite[side]
        assert (partner == joint) == (side == "centre")


@pytest.mark.parametrize(
    ("skeleton", "published"),
    [
        (H36M_17, [(1, 4), (2, 5), (3, 6), (11, 14), (12, 15), (13, 16)]),
        (
            MPI_INF_3DHP_17,
            [(2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13)],
        ),
    ],
    ids=["h36m_17", "mpi_inf_3dhp_17"],
)
def test_flip_pairs_are_the_published_ones(skeleton, published):
    found = sorted(tuple(sorted(pair)) for pair in skeleton.flip_pairs)
    assert found == published


def test_flip_pairs_name_the_left_joint_first():
    assert (4, 1) in H36M_17.flip_pairs


REPORT = {
    "Hip": "pelvis",
    "RHip": "right_hip",
    "RKnee": "right_knee",
    "RFoot": "right_ankle",
    "LHip": "left_hip",
    "LKnee": "left_knee",
    "LFoot": "left_ankle",
    "Spine": "spine",
    "Thorax": "neck",
    "Neck/Nose": "nose",
    "Head": "head_top",
    "LShoulder": "left_shoulder",
    "LElbow": "left_elbow",
    "LWrist": "left_wrist",
    "RShoulder": "right_shoulder",
    "RElbow": "right_elbow",
    "RWrist": "right_wrist",
}


def test_human36m_has_the_order_of_the_report():
    assert H36M_17.joints == tuple(REPORT.values())


@pytest.mark.parametrize(
    ("skeleton", "published"),
    [
        (
            COCO_17,
            "nose left_eye right_eye left_ear right_ear "
            "left_shoulder right_shoulder left_elbow right_elbow "
            "left_wrist right_wrist left_hip right_hip "
            "left_knee right_knee left_ankle right_ankle",
        ),
        (
            MPI_INF_3DHP_28,
            "spine3 spine4 spine2 spine pelvis neck head head_top "
            "left_clavicle left_shoulder left_elbow left_wrist left_hand "
            "right_clavicle right_shoulder right_elbow right_wrist right_hand "
            "left_hip left_knee left_ankle left_foot left_toe "
            "right_hip right_knee right_ankle right_foot right_toe",
        ),
    ],
    ids=["coco_17", "mpi_inf_3dhp_28"],
)
def test_joints_have_the_names_and_order_of_their_publication(
    skeleton, published
):
    assert skeleton.joints == tuple(published.split())


@pytest.mark.parametrize(
    ("skeleton", "source", "published"),
    [
        (
            MPI_INF_3DHP_17,
            MPI_INF_3DHP_28,
            [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6],
        ),
        (
            H36M_17,
            MPII_16,
            [6, 2, 1, 0, 3, 4, 5, -1, 8, -1, 9, 13, 14, 15, 12, 11, 10],
        ),
        (
            H36M_17,
            COCO_17,
            [-1, 12, 14, 16, 11, 13, 15, -1, -1, 0, -1, 5, 7, 9, 6, 8, 10],
        ),
        (
            H36M_17,
            LSP_14,
            [-1, 2, 1, 0, 3, 4, 5, -1, 12, -1, 13, 9, 10, 11, 8, 7, 6],
        ),
    ],
    ids=["3dhp 28 to 17", "mpii to h36m", "coco to h36m", "lsp to h36m"],
)
def test_indices_in_are_the_published_mapping(skeleton, source, published):
    assert list(skeleton.indices_in(source)) == published


def test_bones_lead_from_parent_to_child():
    pelvis_to_hand = {(0, 7), (7, 8), (8, 14), (14, 15), (15, 16)}
    assert pelvis_to_hand < set(H36M_17.bones)
    assert len(H36M_17.bones) == 16
