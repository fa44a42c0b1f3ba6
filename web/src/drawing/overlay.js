/** Boxes and skeletons on their picture. */

import { SIDE_COLOURS } from "./palette.js";

const OUTLINE = "white";

/**
 * @typedef {object} Mark A box that the user sees and moves.
 * @property {import("../geometry/crop.js").Box} box
 * @property {string} label
 * @property {boolean} isChosen
 */

/**
 * Draws skeletons.
 * @param {CanvasRenderingContext2D} context Scaled so that a unit is a pixel of
 *   the picture, its origin the picture's corner.
 * @param {import("../pose.js").Poses} poses
 */
export function drawPoses(context, poses) {
  const { bones, sides } = poses.skeleton;
  context.save();
  // A pixel's centre is half a pixel from its corner.
  context.translate(0.5, 0.5);
  context.lineCap = "round";
  for (const { jointsPx } of poses.people) {
    const thickness = thicknessOf(jointsPx, poses);
    for (const isOutline of [true, false]) {
      const extra = isOutline ? thickness * 0.7 : 0;
      for (const [parent, child] of bones) {
        context.beginPath();
        context.moveTo(...jointsPx[parent]);
        context.lineTo(...jointsPx[child]);
        context.lineWidth = 2 * thickness + extra;
        context.strokeStyle = isOutline ? OUTLINE : SIDE_COLOURS[sides[child]];
        context.stroke();
      }
      jointsPx.forEach(([x, y], joint) => {
        context.beginPath();
        context.arc(x, y, 1.7 * thickness + extra / 2, 0, 2 * Math.PI);
        context.fillStyle = isOutline ? OUTLINE : SIDE_COLOURS[sides[joint]];
        context.fill();
      });
    }
  }
  context.restore();
}

/**
 * Draws boxes, lines as thick on the screen however large the picture is.
 * @param {CanvasRenderingContext2D} context As of `drawPoses`.
 * @param {Mark[]} marks
 * @param {number} unit Pixels of the picture for one of the screen.
 */
export function drawMarks(context, marks, unit) {
  context.save();
  context.font = `600 ${13 * unit}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const { box, label, isChosen } of marks) {
    const [x, y, width, height] = box;
    context.setLineDash(isChosen ? [] : [6 * unit, 4 * unit]);
    for (const isOutline of [true, false]) {
      context.lineWidth = (isOutline ? 4 : isChosen ? 2 : 1.5) * unit;
      context.strokeStyle = isOutline ? "rgba(0, 0, 0, 0.45)" : OUTLINE;
      context.strokeRect(x, y, width, height);
    }
    drawLabel(context, label, x, y, unit);
    if (isChosen) drawHandle(context, x + width, y + height, unit);
  }
  context.restore();
}

/** Side of the square by which a box is resized, px of the screen. */
export const HANDLE = 14;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} unit
 */
function drawHandle(context, x, y, unit) {
  const side = HANDLE * unit;
  context.fillStyle = OUTLINE;
  context.strokeStyle = "rgba(0, 0, 0, 0.6)";
  context.lineWidth = unit;
  context.fillRect(x - side / 2, y - side / 2, side, side);
  context.strokeRect(x - side / 2, y - side / 2, side, side);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} label
 * @param {number} x
 * @param {number} y
 * @param {number} unit
 */
function drawLabel(context, label, x, y, unit) {
  const width = context.measureText(label).width + 12 * unit;
  const height = 20 * unit;
  // Inside the picture, where the box begins above or left of it.
  const [left, top] = [Math.max(x, 0), Math.max(y, 0)];
  context.fillStyle = "rgba(0, 0, 0, 0.7)";
  context.fillRect(left, top, width, height);
  context.fillStyle = OUTLINE;
  context.fillText(label, left + 6 * unit, top + height / 2);
}

/**
 * Half the width of a bone, in proportion to the person.
 * @param {number[][]} jointsPx
 * @param {{width: number, height: number}} picture
 */
function thicknessOf(jointsPx, { width, height }) {
  const extents = [0, 1].map((axis) => {
    const along = jointsPx.map((point) => point[axis]);
    return Math.max(...along) - Math.min(...along);
  });
  const extent = Math.min(Math.max(...extents), 2 * Math.max(width, height));
  return Math.max(1, extent / 110);
}
