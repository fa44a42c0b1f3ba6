/** The people in 3D, on a floor, as the orbit sees them. */

import { projector } from "./projection.js";
import { SIDE_COLOURS, SIDE_COLOURS_ON_DARK } from "./palette.js";

const TILE = 500; // mm
const FLOOR_TILES = 4; // to each side of the people
const BONE = 30; // mm, half the width
const JOINT = 38; // mm

/**
 * @typedef {import("./projection.js").Orbit} Orbit
 * @typedef {{size: number, depth: number, draw: () => void}} Piece
 */

/**
 * Draws the scene.
 * @param {CanvasRenderingContext2D} context Scaled to px of the screen.
 * @param {number} width px
 * @param {number} height px
 * @param {import("../pose.js").Poses} poses
 * @param {Orbit} orbit
 * @param {{isDark: boolean, ink: string}} theme
 */
export function drawScene(context, width, height, poses, orbit, theme) {
  context.save();
  context.clearRect(0, 0, width, height);
  context.translate(width / 2, height / 2);
  context.lineCap = "round";
  const project = projector(orbit, Math.min(width, height));
  const points = poses.people.flatMap((pose) => pose.jointsCameraMm);
  if (points.length > 0) drawFloor(context, project, points, theme);
  const colours = theme.isDark ? SIDE_COLOURS_ON_DARK : SIDE_COLOURS;
  const { bones, sides } = poses.skeleton;
  const pieces = [];
  for (const { jointsCameraMm } of poses.people) {
    const seen = jointsCameraMm.map(project);
    for (const [parent, child] of bones) {
      const [a, b] = [seen[parent], seen[child]];
      if (a && b) pieces.push(boneOf(context, a, b, colours[sides[child]]));
    }
    seen.forEach((point, joint) => {
      if (point) pieces.push(jointOf(context, point, colours[sides[joint]]));
    });
  }
  pieces.sort((a, b) => b.depth - a.depth);
  for (const { draw } of pieces) draw();
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./projection.js").Projected} a
 * @param {import("./projection.js").Projected} b
 * @param {string} colour
 */
function boneOf(context, a, b, colour) {
  const draw = () => {
    context.beginPath();
    context.moveTo(a.x, a.y);
    context.lineTo(b.x, b.y);
    context.lineWidth = Math.max(2, BONE * (a.scale + b.scale));
    context.strokeStyle = colour;
    context.stroke();
  };
  return { depth: (a.depth + b.depth) / 2, draw };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./projection.js").Projected} point
 * @param {string} colour
 */
function jointOf(context, point, colour) {
  const draw = () => {
    context.beginPath();
    context.arc(
      point.x,
      point.y,
      Math.max(2.5, JOINT * point.scale),
      0,
      2 * Math.PI,
    );
    context.fillStyle = colour;
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = "rgba(255, 255, 255, 0.7)";
    context.stroke();
  };
  // In front of the bones that meet in it.
  return { depth: point.depth - BONE, draw };
}

/**
 * Tiles of half a metre under the lowest joint, fixed in space so that they
 * show how people move.
 * @param {CanvasRenderingContext2D} context
 * @param {ReturnType<typeof projector>} project
 * @param {number[][]} points
 * @param {{ink: string}} theme
 */
function drawFloor(context, project, points, theme) {
  const level = Math.max(...points.map((point) => point[1]));
  const [xs, zs] = [0, 2].map((axis) => {
    const along = points.map((point) => point[axis]);
    const first = Math.floor(Math.min(...along) / TILE) - FLOOR_TILES;
    const last = Math.ceil(Math.max(...along) / TILE) + FLOOR_TILES;
    return Array.from(
      { length: last - first + 1 },
      (_, i) => (first + i) * TILE,
    );
  });
  context.strokeStyle = theme.ink;
  context.lineWidth = 1;
  context.globalAlpha = 0.22;
  context.beginPath();
  for (const x of xs) line([x, level, zs[0]], [x, level, zs[zs.length - 1]]);
  for (const z of zs) line([xs[0], level, z], [xs[xs.length - 1], level, z]);
  context.stroke();
  context.globalAlpha = 1;

  /** @param {number[]} from @param {number[]} to */
  function line(from, to) {
    // In pieces, since a line that ends behind the viewer is not drawn.
    const steps = 8;
    for (let step = 0; step < steps; step++) {
      const [a, b] = [step, step + 1].map((at) =>
        project(from.map((v, axis) => v + ((to[axis] - v) * at) / steps)),
      );
      if (a && b) {
        context.moveTo(a.x, a.y);
        context.lineTo(b.x, b.y);
      }
    }
  }
}
