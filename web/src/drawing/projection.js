/**
 * A turning view of the camera's space, without a 3D library: a few bones and a
 * floor are lines, and lines are sorted by depth.
 */

/**
 * @typedef {object} Orbit
 * @property {number} yaw Radians about the vertical; 0 looks as the camera did.
 * @property {number} pitch Radians; positive looks from above.
 * @property {number[]} target x, y, z in mm that stays in the middle.
 * @property {number} distance mm from the target.
 *
 * @typedef {{x: number, y: number, depth: number, scale: number}} Projected
 *   `x`, `y` in px from the middle, `scale` in px for each mm at its depth.
 */

const FOCAL = 1.6; // of the view's shorter side
const NEAREST = 50; // mm

/**
 * @param {Orbit} orbit
 * @param {number} side Shorter side of the view, px.
 * @returns {(point: number[]) => Projected | null} Null behind the viewer.
 */
export function projector({ yaw, pitch, target, distance }, side) {
  const [sinYaw, cosYaw] = [Math.sin(yaw), Math.cos(yaw)];
  const [sinPitch, cosPitch] = [Math.sin(pitch), Math.cos(pitch)];
  const focal = FOCAL * side;
  return (point) => {
    const [x, y, z] = point.map((v, axis) => v - target[axis]);
    const across = x * cosYaw - z * sinYaw;
    const away = x * sinYaw + z * cosYaw;
    // From above, what is far away rises on the screen.
    const down = y * cosPitch - away * sinPitch;
    const depth = y * sinPitch + away * cosPitch + distance;
    if (depth < NEAREST) return null;
    const scale = focal / depth;
    return { x: across * scale, y: down * scale, depth, scale };
  };
}

/**
 * The orbit that shows all of the points from a little above and aside.
 * @param {number[][]} points x, y, z in mm.
 * @returns {Orbit}
 */
export function orbitAround(points) {
  const [low, high] = [Math.min, Math.max].map((pick) =>
    [0, 1, 2].map((axis) => pick(...points.map((point) => point[axis]))),
  );
  const target = low.map((v, axis) => (v + high[axis]) / 2);
  const radius = Math.max(
    400,
    ...points.map((point) =>
      Math.hypot(...point.map((v, axis) => v - target[axis])),
    ),
  );
  return { yaw: 0.6, pitch: 0.25, target, distance: radius * 2 * FOCAL * 1.15 };
}
