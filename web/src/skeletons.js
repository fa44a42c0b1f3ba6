/** The joint sets, as `keras_pose/skeleton.py` has them. */

import table from "./skeletons.json" with { type: "json" };

/**
 * @typedef {"left" | "right" | "centre"} Side The person's own.
 * @typedef {object} Skeleton
 * @property {string} name
 * @property {string[]} joints
 * @property {number[]} parents -1 for a joint without one.
 * @property {number} root -1 where the set has none.
 * @property {[number, number][]} bones (parent, child) index pairs.
 * @property {Side[]} sides Of each joint.
 */

/** @type {Record<string, Skeleton>} */
export const SKELETONS = Object.fromEntries(
  table.map(({ name, joints, parents, root }) => [
    name,
    {
      name,
      joints,
      parents,
      root: root ?? -1,
      bones: bonesOf(parents),
      sides: joints.map(sideOf),
    },
  ]),
);

/**
 * @param {number[]} parents
 * @returns {[number, number][]}
 */
function bonesOf(parents) {
  return parents.flatMap((parent, child) =>
    parent < 0 ? [] : [/** @type {[number, number]} */ ([parent, child])],
  );
}

/**
 * @param {string} joint
 * @returns {Side}
 */
function sideOf(joint) {
  const prefix = joint.split("_")[0];
  return prefix === "left" || prefix === "right" ? prefix : "centre";
}
