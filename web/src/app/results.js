/** The numbers beside the pictures. */

import { WHOLE } from "../tracking/following.js";

/**
 * A row for each person.
 * @param {HTMLElement} body Of the table.
 * @param {import("./session.js").Session} session
 */
export function showPeople(body, { poses }) {
  const rows = (poses?.people ?? []).map((pose) => {
    const root = pose.jointsCameraMm[poses?.skeleton.root ?? 0];
    const texts = [
      `${pose.person}`,
      `${(root[2] / 1000).toFixed(2)} m`,
      pose.confidence === null ? "–" : meanOf(pose.confidence).toFixed(2),
      pose.boxFrom === WHOLE
        ? "whole picture"
        : pose.box.map((v) => v.toFixed(0)).join(", "),
    ];
    const row = document.createElement("tr");
    for (const text of texts) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  body.replaceChildren(...rows);
}

/** @type {number[]} */
let ends = [];

/**
 * How fast it goes.
 * @param {HTMLElement} line
 * @param {import("./session.js").Timing | null} timing
 * @param {boolean} isVideo
 */
export function showTiming(line, timing, isVideo) {
  if (timing === null) return;
  const { networkMs, totalMs } = timing;
  let text =
    `network ${networkMs.toFixed(0)} ms, with cropping and drawing ` +
    `${totalMs.toFixed(0)} ms`;
  const now = performance.now();
  ends = isVideo ? [...ends.filter((end) => now - end < 1000), now] : [];
  if (isVideo) text += `, ${ends.length} frames a second`;
  line.textContent = text;
}

/** @param {number[]} values */
function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
