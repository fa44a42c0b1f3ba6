"""The columns of a result file: Id, Hip_x, Hip_y, Hip_z, RHip_x and so on.

The test run of the course that the method's report was written for handed them
in: a line for each image, mm relative to the hip.
"""

import itertools

# In the order of its columns.
JOINT_OF_NAME = {
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
ROOT = "pelvis"
JOINTS = tuple(JOINT_OF_NAME.values())
HEADER = (
    "Id",
    *(
        f"{name}_{axis}"
        for name, axis in itertools.product(JOINT_OF_NAME, "xyz")
    ),
)
