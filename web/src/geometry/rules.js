/** What a box, and a pose in front of the camera, must be. */

// A larger box shows a person of a few pixels, if any.
const MOST_IMAGES = 100;

/**
 * What is wrong with a person's box.
 * @param {import("./crop.js").Box} box
 * @param {number} imageWidth px
 * @param {number} imageHeight px
 * @returns {string | null} A sentence, or null.
 */
export function faultOfBox(box, imageWidth, imageHeight) {
  const [x, y, width, height] = box;
  const longer = Math.max(width, height);
  const image = `the image of ${imageWidth} x ${imageHeight} px`;
  if (!box.every(Number.isFinite)) return "A box must be finite numbers.";
  if (!(width > 0 && height > 0)) {
    return "A box must have a positive width and height.";
  }
  if (longer < 1 || longer > MOST_IMAGES * Math.max(imageWidth, imageHeight)) {
    return (
      `A box must have a longer side of 1 px to ${MOST_IMAGES} times that ` +
      `of ${image}.`
    );
  }
  if (
    x >= imageWidth ||
    y >= imageHeight ||
    x + width <= 0 ||
    y + height <= 0
  ) {
    return `A box must overlap ${image}.`;
  }
  return null;
}

/**
 * What is wrong with a pose in front of the camera.
 * @param {number[][]} jointsCameraMm (J, 3) mm, camera frame.
 * @returns {string | null} A sentence, or null.
 */
export function faultOfPose(jointsCameraMm) {
  if (!jointsCameraMm.flat().every(Number.isFinite)) {
    return "The network's answer for this box is no number.";
  }
  const nearest = Math.min(...jointsCameraMm.map((joint) => joint[2]));
  if (nearest > 0) return null;
  return (
    "With this field of view a joint would be behind the camera, at " +
    `${Math.round(nearest)} mm. Try a smaller one.`
  );
}
