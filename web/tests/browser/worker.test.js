/**
 * The network's worker in the built page.
 *
 *     KERAS_POSE_WEB_MODEL=model_float32.tflite npm run test:browser
 */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { drag, openModel, openPage, openSite, savedJson } from "./page.js";

const model = process.env.KERAS_POSE_WEB_MODEL;
const skip = model ? false : "KERAS_POSE_WEB_MODEL names no .tflite file";

/** @type {Awaited<ReturnType<typeof openSite>>} */
let site;
let folder = "";
let video = "";

before(async () => {
  site = await openSite();
  folder = mkdtempSync(join(tmpdir(), "keras_pose_web_"));
  video = join(folder, "made.webm");
  writeFileSync(video, await madeVideo());
});

after(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

/** A second of a block that wanders, 320 x 240, which the browser records. */
async function madeVideo() {
  const { page } = await openPage(site);
  const base64 = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [320, 240];
    const context = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(25));
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.start();
    for (let frame = 0; frame < 25; frame++) {
      context.fillStyle = "white";
      context.fillRect(0, 0, 320, 240);
      context.fillStyle = "black";
      context.fillRect(100 + 2 * frame, 60, 60, 140);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    await new Promise((resolve) => {
      recorder.onstop = resolve;
      recorder.stop();
    });
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));
  });
  await page.context().close();
  return Buffer.from(base64, "base64");
}

const message = (page, text) =>
  page.locator("#message").filter({ hasText: text }).waitFor();

/** The page with a network and the video, and its worker. */
async function playing() {
  const opened = await openPage(site);
  const { page } = opened;
  await openModel(page, model);
  await page.setInputFiles("#media-file", video);
  await page.locator("#timing").filter({ hasText: "a second" }).waitFor();
  const worker = page.workers().find((one) => one.url().startsWith("blob:"));
  assert.ok(worker, "there is no worker");
  return { ...opened, worker };
}

test("the page answers while the network runs", { skip }, async () => {
  const { page, worker } = await playing();
  const busy = worker.evaluate(() => {
    const end = performance.now() + 3000;
    while (performance.now() < end);
    return "over";
  });
  await drag(page, [0.1, 0.2], [0.3, 0.8]);
  await page.locator("#remove-box:enabled").waitFor();
  const first = await Promise.race([
    busy,
    page.evaluate(() => new Promise(requestAnimationFrame)).then(() => "page"),
  ]);
  assert.equal(first, "page");
  await busy;
  await page.context().close();
});

test("the worker may send nothing anywhere either", { skip }, async () => {
  const { page, worker } = await playing();
  const refused = await worker.evaluate(() =>
    fetch("https://example.com/").then(
      () => false,
      () => true,
    ),
  );
  const directive = await worker.evaluate(
    () =>
      new Promise((resolve) => {
        self.addEventListener("securitypolicyviolation", (event) =>
          resolve(event.effectiveDirective),
        );
        fetch("https://example.org/").catch(() => {});
      }),
  );
  assert.equal(refused, true);
  assert.equal(directive, "connect-src");
  await page.context().close();
});

for (const [what, text, sentence] of [
  ["out of memory", "Array buffer allocation failed", "more memory than"],
  ["lost", "unreachable", "Open the network again, it stopped: "],
]) {
  test(`a network that is ${what} is a sentence`, { skip }, async () => {
    const { page, faults, worker } = await playing();
    await worker.evaluate((reason) => {
      setTimeout(() => {
        throw new Error(reason);
      });
    }, text);
    await message(page, sentence);
    await page.locator("#model-card", { hasText: "is not running" }).waitFor();
    await openModel(page, model);
    await page.locator("#timing").filter({ hasText: "a second" }).waitFor();
    assert.equal(await page.locator("#message").isVisible(), false);
    assert.deepEqual(faults, []);
    await page.context().close();
  });
}

test("a file that is no video leaves the one that plays", { skip }, async () => {
  const { page, faults } = await playing();
  const broken = join(folder, "broken.webm");
  writeFileSync(broken, "no video");
  await page.setInputFiles("#media-file", broken);
  await message(page, "cannot play the file as a video");
  assert.equal(await page.textContent("#media-card"), "made.webm");
  const { content } = await savedJson(page);
  await page.waitForTimeout(500);
  const later = (await savedJson(page)).content;
  assert.ok(content.frames.length > 0);
  assert.match(later.frames[0].name, /^made\.webm at /);
  assert.equal(await page.textContent("#pause"), "Pause");
  assert.deepEqual(faults, []);
  await page.context().close();
});
