/**
 * The built page, as a user sees it.
 *
 *     KERAS_POSE_WEB_MODEL=model_float32.tflite npm run test:browser
 */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";

import { drag, openModel, openPage, openSite, savedJson } from "./page.js";

const model = process.env.KERAS_POSE_WEB_MODEL;
const skip = model ? false : "KERAS_POSE_WEB_MODEL names no .tflite file";

/** @type {Awaited<ReturnType<typeof openSite>>} */
let site;
let folder = "";
let photo = "";

before(async () => {
  site = await openSite();
  folder = mkdtempSync(join(tmpdir(), "keras_pose_web_"));
  photo = join(folder, "photo <b>.png");
  writeFileSync(photo, await madePhoto());
});

after(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

/** A picture of nobody, 320 x 240, which the browser itself draws. */
async function madePhoto() {
  const { page } = await openPage(site);
  const base64 = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(320, 240);
    const context = canvas.getContext("2d");
    if (context === null) return "";
    for (let x = 0; x < 320; x += 20) {
      context.fillStyle = `hsl(${x} 60% 50%)`;
      context.fillRect(x, (x * 7) % 90, 20, 150);
    }
    const file = await canvas.convertToBlob();
    const bytes = new Uint8Array(await file.arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
  });
  await page.context().close();
  return Buffer.from(base64, "base64");
}

const rows = (page, count) =>
  page.waitForFunction(
    (wanted) => document.querySelectorAll("#people tr").length === wanted,
    count,
  );

const message = (page, text) =>
  page.locator("#message").filter({ hasText: text }).waitFor();

test("a photo, boxes and files", { skip }, async () => {
  const { page, faults } = await openPage(site);
  await openModel(page, model);
  await page.setInputFiles("#media-file", photo);
  await rows(page, 1);
  assert.equal(await page.textContent("#media-card"), basename(photo));

  await drag(page, [0.2, 0.2], [0.4, 0.8]);
  await rows(page, 1);
  await drag(page, [0.5, 0.2], [0.7, 0.8]);
  await rows(page, 2);
  const { name, content } = await savedJson(page);
  assert.match(name, /_pose\.json$/);
  const [frame] = content.frames;
  assert.equal(frame.name, basename(photo));
  assert.deepEqual([frame.width_px, frame.height_px], [320, 240]);
  assert.deepEqual(
    frame.people.map(({ person, box_from }) => [person, box_from]),
    [
      [1, "given"],
      [2, "given"],
    ],
  );
  const [first, second] = frame.people.map(({ box_px }) => box_px);
  assert.ok(second[0] > first[0] + first[2] / 2, `${first} | ${second}`);

  await page.focus("#stage");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("ArrowRight");
  await page.waitForTimeout(500);
  const revised = (await savedJson(page)).content.frames[0];
  const moved = revised.people[1].box_px;
  assert.ok(moved[0] > second[0] && moved[3] > second[3], `${moved}`);
  assert.ok(Math.abs(moved[2] - second[2]) < 0.2, `${moved}`);
  await page.keyboard.press("Delete");
  await page.focus("#stage");
  await page.keyboard.press("Delete");
  await rows(page, 1);

  await page.fill("#field-of-view", "80");
  await page.waitForTimeout(500);
  const [wide] = (await savedJson(page)).content.frames;
  assert.match(wide.intrinsics_from, /^given: 80 degrees/);
  const focal = 160 / Math.tan((40 * Math.PI) / 180);
  assert.ok(Math.abs(wide.intrinsics_px[0][0] - focal) < 1e-3);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test(
  "the picture is saved with the pose, as large as it is",
  { skip },
  async () => {
    const { page } = await openPage(site);
    await openModel(page, model);
    await page.setInputFiles("#media-file", photo);
    await rows(page, 1);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.click("#save-png"),
    ]);
    const png = readFileSync(await download.path());
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [320, 240]);
    assert.notDeepEqual(png, readFileSync(photo));
    await page.context().close();
  },
);

test("the camera is followed, paused and given back", { skip }, async () => {
  const { page, faults } = await openPage(site, { permissions: ["camera"] });
  await openModel(page, model);
  await page.click("#webcam");
  await page.locator("#timing").filter({ hasText: "frames a second" }).waitFor();
  await page.waitForTimeout(1000);
  await page.click("#pause");
  assert.equal(await page.textContent("#pause"), "Play");
  await page.waitForTimeout(300);
  const { content } = await savedJson(page);
  assert.equal(content.kind, "camera");
  const times = content.frames.map(({ time_s }) => time_s);
  assert.ok(times.length > 3, `${times.length} frames`);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  await page.setInputFiles("#media-file", photo);
  await page.locator("#player").waitFor({ state: "hidden" });
  const [frame] = (await savedJson(page)).content.frames;
  assert.equal(frame.name, basename(photo));
  assert.deepEqual(faults, []);
  await page.context().close();
});

test("who hides is looked for", { skip }, async () => {
  const { page, faults } = await openPage(site, { permissions: ["camera"] });
  await openModel(page, model);
  await page.click("#webcam");
  await page.locator("#timing").filter({ hasText: "frames a second" }).waitFor();
  await drag(page, [0.3, 0.2], [0.6, 0.8]);
  const worker = page.workers().find((one) => one.url().startsWith("blob:"));
  await worker.evaluate(() => {
    const post = self.postMessage.bind(self);
    self.postMessage = (answer) => {
      answer.result.poses.people = [];
      post(answer);
    };
  });
  await page.locator("#people tr", { hasText: "looked for" }).waitFor();
  await page.locator("#scene-empty", { hasText: "Looking for" }).waitFor();
  const { content } = await savedJson(page);
  assert.deepEqual(content.frames.at(-1).people, []);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test("what goes wrong is said in a sentence", { skip }, async () => {
  const { page, faults } = await openPage(site);
  const damaged = join(folder, "damaged.tflite");
  const bytes = readFileSync(model);
  bytes[5000] ^= 1;
  writeFileSync(damaged, bytes);
  await page.setInputFiles("#model-file", damaged);
  await message(page, "it does not fit its checksum");

  const other = join(folder, "other.tflite");
  writeFileSync(other, "no model");
  await page.setInputFiles("#model-file", other);
  await message(page, "there is no zip at its end");

  await page.setInputFiles("#media-file", other);
  await message(page, "there is no zip at its end");
  const text = join(folder, "notes.txt");
  writeFileSync(text, "no picture");
  await page.setInputFiles("#media-file", text);
  await message(page, "cannot read the file as a picture");

  await page.click("#webcam");
  await message(page, "may not use the camera");
  assert.deepEqual(faults, []);
  await page.context().close();
});

test("a damaged file leaves the network that there is", { skip }, async () => {
  const { page } = await openPage(site);
  await openModel(page, model);
  const other = join(folder, "third.tflite");
  writeFileSync(other, "no model");
  await page.setInputFiles("#model-file", other);
  await message(page, "there is no zip at its end");
  await page.setInputFiles("#media-file", photo);
  await rows(page, 1);
  await page.context().close();
});

test("networks come from this site alone", async () => {
  const absent = await openPage(site, { query: "?model=models/none.tflite" });
  await message(absent.page, "There is no network at");
  const foreign = "?model=https://example.com/model.tflite";
  const elsewhere = await openPage(site, { query: foreign });
  await message(elsewhere.page, "must come from this site");
  assert.deepEqual(elsewhere.faults, []);
});

test("without the headers for threads it runs too", { skip }, async () => {
  const plain = await openSite({
    headers: {
      "Cross-Origin-Opener-Policy": "unsafe-none",
      "Cross-Origin-Embedder-Policy": "unsafe-none",
    },
  });
  try {
    const { page } = await openPage(plain);
    await openModel(page, model);
    assert.match(await page.textContent("#model-card"), /1 thread/);
  } finally {
    await plain.close();
  }
});
