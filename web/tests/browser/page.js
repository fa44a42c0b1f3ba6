/** The built page in a headless Chromium. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";
import { build, preview } from "vite";

const ROOT = join(import.meta.dirname, "../..");
const FLAGS = [
  "--no-sandbox", // in containers there is none
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
];

/**
 * Builds and serves the page, and opens a browser.
 * @param {{headers?: Record<string, string>}} options Of the server; by default
 *   those that threads need.
 */
export async function openSite({ headers } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "keras_pose_web_"));
  const settings = { root: ROOT, logLevel: /** @type {const} */ ("error") };
  const outDir = join(folder, "dist");
  await build({ ...settings, build: { outDir, emptyOutDir: true } });
  const server = await preview({
    ...settings,
    build: { outDir },
    preview: { port: 0, host: "127.0.0.1", ...(headers && { headers }) },
  });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
  });
  const address = server.resolvedUrls?.local[0] ?? "";
  const close = async () => {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true });
  };
  return { browser, address, outDir, close };
}

/**
 * Opens the page, and collects what goes wrong unsaid.
 * @param {Awaited<ReturnType<typeof openSite>>} site
 * @param {{query?: string} & import("playwright-core").BrowserContextOptions}
 *   options
 */
export async function openPage(
  { browser, address },
  { query = "", ...options } = {},
) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    const isOwn = url.startsWith(address) || /^(blob|data):/.test(url);
    if (!isOwn) faults.push(`it asks for ${url}`);
  });
  await page.goto(address + query);
  return { page, faults };
}

/**
 * Opens a network, and waits until it runs.
 * @param {import("playwright-core").Page} page
 * @param {string} path
 */
export async function openModel(page, path) {
  await page.setInputFiles("#model-file", path);
  const card = page.locator("#model-card");
  await card.filter({ hasText: " joints " }).waitFor({ timeout: 120_000 });
}

/**
 * The JSON that the page saves.
 * @param {import("playwright-core").Page} page
 */
export async function savedJson(page) {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.click("#save-json"),
  ]);
  const chunks = [];
  for await (const chunk of await download.createReadStream()) {
    chunks.push(chunk);
  }
  return {
    name: download.suggestedFilename(),
    content: JSON.parse(Buffer.concat(chunks).toString()),
  };
}

/**
 * Drags across the picture.
 * @param {import("playwright-core").Page} page
 * @param {[number, number]} from Shares of the canvas's width and height.
 * @param {[number, number]} to
 */
export async function drag(page, from, to) {
  const bounds = await page.locator("#stage").boundingBox();
  if (bounds === null) throw new Error("there is no stage");
  const [start, end] = [from, to].map(([x, y]) => ({
    x: bounds.x + x * bounds.width,
    y: bounds.y + y * bounds.height,
  }));
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2);
  await page.mouse.move(end.x, end.y);
  await page.mouse.up();
}
