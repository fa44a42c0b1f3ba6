/** The numbers beside the pictures. */

import { WHOLE } from "../tracking/track.js";

/** What is said of who is lost. */
export const LOOKED_FOR = "looked for";

/**
 * A row for each person.
 * @param {HTMLElement} body Of the table.
 * @param {import("./session.js").Session} session
 */
export function showPeople(body, { poses, people }) {
  const found = (poses?.people ?? []).map((pose) => {
    const root = pose.jointsCameraMm[poses?.skeleton.root ?? 0];
    return [
      `${pose.person}`,
      `${(root[2] / 1000).toFixed(2)} m`,
      pose.confidence === null ? "–" : meanOf(pose.confidence).toFixed(2),
      pose.boxFrom === WHOLE
        ? "whole picture"
        : pose.box.map((v) => v.toFixed(0)).join(", "),
    ];
  });
  const lost = people
    .filter(({ isLost }) => isLost)
    .map(({ person }) => [`${person}`, "–", "–", LOOKED_FOR]);
  const rows = [...found, ...lost].map((texts) => {
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
 * @param {import("./session.js").Session} session
 */
export function showTiming(line, { timing, isVideo }) {
  if (timing === null) {
    line.textContent = "";
    return;
  }
  const { networkMs, totalMs } = timing;
  let text =
    `network ${networkMs.toFixed(0)} ms, with cropping ` +
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
