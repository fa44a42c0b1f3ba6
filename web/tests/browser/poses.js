/**
 * Prints what the page says of photos, for Python to compare.
 *
 *     node tests/browser/poses.js model.tflite photo.jpg ...
 *
 * prints a list of the saved JSON files: for each photo that of the whole
 * picture, and that of two boxes that were drawn.
 */

import { drag, openModel, openPage, openSite, savedJson } from "./page.js";

const [model, ...photos] = process.argv.slice(2);
if (photos.length === 0) throw new Error("a model and photos must be given");

const site = await openSite();
try {
  const { page, faults } = await openPage(site);
  await openModel(page, model);
  const saved = [];
  for (const photo of photos) {
    await page.setInputFiles("#media-file", photo);
    saved.push(await poses(page, 1));
    await drag(page, [0.4, 0.15], [0.55, 0.85]);
    await drag(page, [0.6, 0.3], [0.58, 0.9]);
    saved.push(await poses(page, 2));
  }
  if (faults.length > 0) throw new Error(faults.join("\n"));
  process.stdout.write(`${JSON.stringify(saved)}\n`);
} finally {
  await site.close();
}

/** @param {import("playwright-core").Page} page @param {number} count */
async function poses(page, count) {
  await page.waitForFunction(
    (wanted) => document.querySelectorAll("#people tr").length === wanted,
    count,
  );
  // The last drag may still be computed.
  await page.waitForTimeout(300);
  return (await savedJson(page)).content;
}
