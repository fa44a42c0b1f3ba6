"""Draws docs/images/overview.png, the picture at the top of the README.

The person is a mannequin of capsules in a pose typed in below, so the picture
needs no data set; the heatmaps are those that a perfect network would give.

python docs/make_overview.py
"""

import pathlib

import cv2
import numpy as np
from matplotlib.figure import Figure

from keras_pose import visualization
from keras_pose.geometry import camera
from keras_pose.geometry.volume import cell_centres
from keras_pose.skeleton import H36M_17

OUT = pathlib.Path(__file__).parent / "images" / "overview.png"
SIZE = 256
DISTANCE_MM = 4200.0

# A step forward, in mm around the pelvis: x right, y down, z away.
POSE = np.array(
    [
        [0, 0, 0],  # pelvis
        [-130, 5, -20],  # right leg, behind
        [-150, 410, 110],
        [-170, 800, 330],
        [130, -5, 20],  # left leg, in front
        [175, 400, -190],
        [190, 840, -130],
        [10, -230, 10],  # spine, neck, nose, head
        [5, -480, -10],
        [10, -590, -90],
        [10, -690, -30],
        [165, -450, 10],  # left arm, swinging back
        [265, -210, 150],
        [300, 20, 60],
        [-150, -440, -20],  # right arm, raised
        [-330, -300, -190],
        [-280, -520, -330],
    ],
    np.float64,
)
LIMB_RADIUS_MM = {"left": 55, "right": 55, "centre": 95}
CLOTHES = {
    "left": (96, 125, 175),
    "right": (96, 125, 175),
    "centre": (188, 92, 76),
}


def paint_mannequin(joints_mm, intrinsics):
    """A picture of a person, from far limbs to near ones."""
    shade = np.linspace(235, 205, SIZE)[:, None, None]
    image = np.broadcast_to(shade, (SIZE, SIZE, 3)).astype(np.uint8).copy()
    image[int(SIZE * 0.8) :] = (176, 170, 160)
    points = camera.image_from_camera(joints_mm, intrinsics, np.zeros(5))
    bones = sorted(
        H36M_17.bones, key=lambda bone: -joints_mm[list(bone), 2].mean()
    )
    for parent, child in bones:
        side = H36M_17.side(child)
        is_head = H36M_17.joints[child] in ("nose", "head_top")
        colour = np.array((214, 170, 140) if is_head else CLOTHES[side])
        depth = joints_mm[[parent, child], 2].mean()
        radius = LIMB_RADIUS_MM[side] * intrinsics[0, 0] / depth
        for share in (1.0, 0.8, 0.55):
            cv2.line(
                image,
                np.round(points[parent] * 16).astype(int).tolist(),
                np.round(points[child] * 16).astype(int).tolist(),
                (colour * (1.25 - 0.35 * share)).clip(0, 255).tolist(),
                max(1, round(2 * radius * share)),
                cv2.LINE_AA,
                4,
            )
    return image, points


def front_heatmaps(points):
    """The heatmaps of all joints summed, as seen from the front."""
    cells = cell_centres(64) * SIZE - 0.5
    distance = (cells - points[..., None]) / (SIZE / 64)  # (J, 2, 64)
    along_x, along_y = np.exp(-0.5 * (distance / 1.3) ** 2).swapaxes(0, 1)
    return np.einsum("jx,jy->yx", along_x, along_y)


def main():
    """Draws the three steps side by side."""
    intrinsics = np.array(
        [[560.0, 0, SIZE / 2], [0, 560.0, SIZE * 0.47], [0, 0, 1]]
    )
    joints_mm = POSE + [0, 0, DISTANCE_MM]
    image, points = paint_mannequin(joints_mm, intrinsics)
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[1, 1, 1.15])
    axes[0].imshow(image)
    axes[0].set_title("one colour image")
    axes[1].imshow(image, alpha=0.35)
    axes[1].imshow(
        front_heatmaps(points),
        cmap="magma",
        alpha=0.75,
        extent=(-0.5, SIZE - 0.5, SIZE - 0.5, -0.5),
    )
    axes[1].set_title("a 3D heatmap a joint, and its mean")
    for flat in axes[:2]:
        flat.set_axis_off()
    axes[2].remove()
    space = figure.add_subplot(1, 3, 3, projection="3d")
    visualization.draw_3d(space, POSE, H36M_17)
    space.set_title("17 joints in millimetres")
    figure.savefig(OUT, dpi=80)


if __name__ == "__main__":
    main()
