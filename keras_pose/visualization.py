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
    border = max(1, round(thickness / 4))
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
                    2 * thickness + 2 * border * outer,
                    cv2.LINE_AA,
                    shift,
                )
        for joint in np.flatnonzero(known):
            cv2.circle(
                canvas,
                points[joint].tolist(),
                2 * thickness + border * outer << shift,
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
