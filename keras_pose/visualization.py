"""Pictures of poses."""

import cv2
import numpy as np

# Colour-blind safe (Okabe and Ito): the person's own left and right.
SIDE_COLOURS = {
    "left": (0, 114, 178),
    "right": (213, 94, 0),
    "centre": (90, 90, 90),
}


_CELL = 256  # px, of an image in a contact sheet


def draw_skeleton(
    image, joints_px, skeleton, known=None, colour=None, outline=(255, 255, 255)
):
    """Draws a pose on a copy of an image.

    Args:
        image: (height, width, 3) uint8, RGB.
        joints_px: (J, 2) px.
        skeleton: Its Skeleton.
        known: (J,) bool, the joints that are drawn, with the bones between
            them; by default all.
        colour: RGB of all bones; by default each has the colour of its side.
        outline: RGB of what surrounds them.

    Returns:
        (height, width, 3) uint8.
    """
    if known is None:
        known = np.ones(skeleton.num_joints, bool)
    # A joint at the camera itself is nowhere in the image.
    known = known & np.isfinite(joints_px).all(axis=-1)
    canvas = image.copy()
    if not known.any():
        return canvas
    # Far outside the picture OpenCV counts past its integers.
    joints_px = np.clip(np.where(known[:, None], joints_px, 0), -1e6, 1e6)
    extent = min(np.ptp(joints_px[known], axis=0).max(), 2 * max(image.shape))
    thickness = max(1, round(extent / 100))
    shift = 4  # OpenCV draws at 1/16 of a pixel
    points = np.round(joints_px * 2**shift).astype(int)
    colours = [
        SIDE_COLOURS[skeleton.side(joint)] if colour is None else colour
        for joint in range(skeleton.num_joints)
    ]
    for outer in (True, False):
        for parent, child in skeleton.bones:
            if known[parent] and known[child]:
                cv2.line(
                    canvas,
                    points[parent].tolist(),
                    points[child].tolist(),
                    outline if outer else colours[child],
                    2 * thickness + 2 * outer,
                    cv2.LINE_AA,
                    shift,
                )
        for joint in np.flatnonzero(known):
            cv2.circle(
                canvas,
                points[joint].tolist(),
                2 * thickness + outer << shift,
                outline if outer else colours[joint],
                -1,
                cv2.LINE_AA,
                shift,
            )
    return canvas


def contact_sheet(images, joints_px, skeleton, columns=8, known=None):
    """Images with their poses, row by row.

    Args:
        images: Sequence of (size, size, 3) uint8, all of one size; shown
            smaller if they are larger than `_CELL`.
        joints_px: As many arrays (J, 2) px.
        skeleton: Their Skeleton.
        columns: Images in a row.
        known: As many arrays (J,) bool, as of `draw_skeleton`; all by default.

    Returns:
        (rows * size, columns * size, 3) uint8, white where images end.
    """
    zoom = min(1.0, _CELL / images[0].shape[0])
    size = round(images[0].shape[0] * zoom)
    rows = -(-len(images) // columns)
    sheet = np.full((rows * size, columns * size, 3), 255, np.uint8)
    for number, (image, joints) in enumerate(
        zip(images, joints_px, strict=True)
    ):
        y, x = size * (number // columns), size * (number % columns)
        small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        # Pixel centres, not pixels, scale about the image's corner.
        sheet[y : y + size, x : x + size] = draw_skeleton(
            small,
            (joints + 0.5) * zoom - 0.5,
            skeleton,
            None if known is None else known[number],
        )
    return sheet


def save_pose_picture(path, image, pose):
    """Writes the image with its pose beside the pose in 3D.

    Args:
        path: PNG or JPEG to write. It shows the surroundings of the person.
        image: (height, width, 3) uint8, RGB.
        pose: A `prediction.Pose`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplots(1, 2)
    axes[0].imshow(draw_skeleton(image, pose.joints_px, pose.skeleton))
    x, y, box_width, box_height = pose.box
    axes[0].plot(
        np.array([x, x + box_width, x + box_width, x, x]) - 0.5,
        np.array([y, y, y + box_height, y + box_height, y]) - 0.5,
        color="white",
        linewidth=1,
        linestyle="--",
    )
    _zoom_to_person(axes[0], image, pose)
    axes[0].set_axis_off()
    axes[1].remove()
    draw_3d(
        figure.add_subplot(1, 2, 2, projection="3d"),
        pose.joints_mm,
        pose.skeleton,
    )
    figure.savefig(path, dpi=100)


def _zoom_to_person(axes, image, pose):
    """Shows the square around box and joints, cut at the image's border."""
    height, width = image.shape[:2]
    corners = pose.box[:2] - 0.5, pose.box[:2] + pose.box[2:] - 0.5
    points = np.concatenate([pose.joints_px, corners])
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    half = np.ptp(points, axis=0).max() * 0.65
    left, top = np.maximum(middle - half, -0.5)
    right, bottom = np.minimum(middle + half, [width - 0.5, height - 0.5])
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def draw_3d(axes, joints_mm, skeleton):
    """Draws a pose into 3D axes, seen from a little above the camera.

    Args:
        axes: Matplotlib axes with projection="3d".
        joints_mm: (J, 3) mm, x right, y down, z away.
        skeleton: Its Skeleton.
    """
    # Matplotlib's z points up and its y away from the viewer.
    x, z, y = joints_mm[:, 0], joints_mm[:, 2], -joints_mm[:, 1]
    labelled = set()
    for parent, child in skeleton.bones:
        side = skeleton.side(child)
        bone = [parent, child]
        axes.plot(
            x[bone],
            z[bone],
            y[bone],
            color=np.array(SIDE_COLOURS[side]) / 255,
            linewidth=3,
            marker="o",
            markersize=4,
            label=None if side in labelled or side == "centre" else side,
        )
        labelled.add(side)
    middle = (joints_mm.max(axis=0) + joints_mm.min(axis=0)) / 2
    half = np.ptp(joints_mm, axis=0).max() / 2 * 1.05
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[2] - half, middle[2] + half)
    axes.set_zlim(-middle[1] - half, -middle[1] + half)
    axes.set_box_aspect((1, 1, 1))
    axes.locator_params(nbins=4)
    axes.set_xlabel("right, mm")
    axes.set_ylabel("away, mm")
    axes.set_zlabel("up, mm")
    axes.view_init(elev=15, azim=-70)
    axes.legend(title="person's own", loc="upper right")
