/** Colours of the person's own sides, safe for the colour-blind. */

/** @type {Record<import("../skeletons.js").Side, string>} */
export const SIDE_COLOURS = {
  left: "rgb(0, 114, 178)",
  right: "rgb(213, 94, 0)",
  centre: "rgb(90, 90, 90)",
};

/** The same on a dark ground, where grey and blue would drown. */
export const SIDE_COLOURS_ON_DARK = {
  left: "rgb(86, 180, 233)",
  right: "rgb(230, 120, 40)",
  centre: "rgb(190, 190, 190)",
};
