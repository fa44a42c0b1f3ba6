/** The page: what a user does, and what it leads to. */

import {
  element,
  say,
  showFieldOfView,
  showPlace,
  showState,
} from "./app/controls.js";
import { described, fetchModel, listModels } from "./app/models.js";
import { decodePhoto } from "./app/pictures.js";
import { closeVideo, openCamera, openVideo, Player } from "./app/player.js";
import { hasGpu, RemoteNetwork } from "./app/remote.js";
import { showPeople, showTiming } from "./app/results.js";
import { download, drawn, stem } from "./app/saving.js";
import { Session } from "./app/session.js";
import { Stage } from "./app/stage.js";
import { View3D } from "./app/view3d.js";
import { ORDINARY_FIELD_OF_VIEW } from "./geometry/camera.js";
import { fieldOfViewOf } from "./image/exif.js";

const session = new Session(showResult, (error) => {
  fault(error);
  element("model-card").textContent = `${model?.name} is not running.`;
});
const stage = new Stage(element("stage"), session, { onChange: showControls });
const view = new View3D(element("scene"), session);
const player = new Player((frame, timeS) => {
  showPlace(player.video);
  return session.look(frame, timeS);
}, fault);
/** @type {File | null} */
let model = null;
/** @type {RemoteNetwork | null} */
let loading = null;
let mediaAsked = 0;
let hasRefused = false;

function showResult() {
  view.aim(session.isVideo);
  stage.draw();
  view.draw();
  showPeople(element("people"), session);
  showTiming(element("timing"), session);
  const refused = session.poses?.refused ?? [];
  const faults = refused.map((one) => `Person ${one.person}: ${one.fault}`);
  if (refused.length > 0) say(faults.join(" "), true);
  else if (hasRefused) say("");
  hasRefused = refused.length > 0;
  showControls();
}

function showControls() {
  showState(session, stage, player);
}

/** @param {unknown} error */
function fault(error) {
  say(error instanceof Error ? error.message : String(error), true);
  showControls();
}

/**
 * Runs what a user asked for; what goes wrong becomes a sentence.
 * @param {() => unknown} action
 */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    fault(error);
  }
}

/** @param {File} file */
async function useModel(file) {
  say(`Loading ${file.name} …`);
  loading?.close();
  const network = new RemoteNetwork(file.name);
  loading = network;
  try {
    // A file that is none leaves the network that there is.
    await network.open(file);
    session.useNetwork(null);
    element("model-card").textContent = `${file.name} is not running.`;
    model = file;
    await network.start(element("processor").value);
  } catch (error) {
    if (network === loading) throw error;
    return; // another was asked for meanwhile
  }
  loading = null;
  session.useNetwork(network);
  element("model-card").textContent = described(network);
  say(session.frame === null ? "Now open a photo or a video." : "");
  await session.update();
}

/** @param {File} file */
async function usePhoto(file) {
  const asked = ++mediaAsked;
  const frame = await decodePhoto(file);
  const { width, height } = frame;
  const bytes = new Uint8Array(await file.arrayBuffer());
  const exif = fieldOfViewOf(bytes, width, height);
  if (asked !== mediaAsked) return frame.image.close();
  begin(file.name, "photos");
  if (exif !== null) setFieldOfView(exif.degrees, exif.from);
  await session.look(frame, 0);
}

/**
 * @param {Promise<HTMLVideoElement>} opening
 * @param {string} name
 * @param {"video" | "camera"} kind
 */
async function useVideo(opening, name, kind) {
  const asked = ++mediaAsked;
  const video = await opening;
  if (asked !== mediaAsked) return closeVideo(video);
  begin(name, kind);
  player.play(video);
  showControls();
}

/** @param {string} name @param {"photos" | "video" | "camera"} kind */
function begin(name, kind) {
  player.close();
  session.begin({ name, kind });
  setFieldOfView(ORDINARY_FIELD_OF_VIEW, "a guess");
  stage.choose(0);
  view.orbit = null;
  element("media-card").textContent = name;
  say(session.network === null ? "Now open a network, a .tflite file." : "");
  showResult();
}

/** @param {Iterable<File>} files */
async function useFiles(files) {
  for (const file of files) {
    if (/\.tflite$/i.test(file.name)) await useModel(file);
    else if (!file.type.startsWith("video/")) await usePhoto(file);
    else await useVideo(openVideo(file), file.name, "video");
  }
}

/** @param {number} degrees @param {string} from */
function setFieldOfView(degrees, from) {
  session.degrees = degrees;
  session.degreesFrom = from;
  showFieldOfView(degrees, from);
}

async function save(/** @type {"json" | "png"} */ kind) {
  const { frame, poses, recording, source } = session;
  const name = `${stem(source.name)}_pose.${kind}`;
  if (kind === "json") download(recording.toFile(), name);
  else if (frame && poses) download(await drawn(frame, poses), name);
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {(event: any) => unknown} action
 */
function on(target, type, action) {
  target.addEventListener(type, (event) => attempt(() => action(event)));
}

for (const id of ["model-file", "media-file"]) {
  on(element(id), "change", ({ target }) => {
    const files = [...target.files];
    target.value = ""; // the same one can be chosen again
    return useFiles(files);
  });
}
on(element("model-list"), "change", async ({ target }) => {
  if (target.value) await useModel(await fetchModel(`models/${target.value}`));
});
on(element("processor"), "change", () => model && useModel(model));
on(element("webcam"), "click", () =>
  useVideo(openCamera(), "camera", "camera"),
);
on(element("pause"), "click", async () => {
  const { video } = player;
  if (video?.paused) await video.play();
  else video?.pause();
  showControls();
});
on(element("seek"), "input", ({ target }) => {
  const { video } = player;
  if (video === null || !Number.isFinite(video.duration)) return;
  video.currentTime = Number(target.value) * video.duration;
});
on(element("smooth"), "change", ({ target }) => {
  session.isSmooth = target.checked;
  return session.revise();
});
on(element("field-of-view"), "input", ({ target }) => {
  setFieldOfView(Number(target.value), "given");
  return session.revise();
});
on(element("add-box"), "click", () => stage.add());
on(element("remove-box"), "click", () => stage.remove());
on(element("whole-image"), "click", () => {
  stage.choose(0);
  return session.startOver();
});
on(element("save-json"), "click", () => save("json"));
on(element("save-png"), "click", () => save("png"));

const { classList } = document.body;
on(document, "dragover", (event) => {
  event.preventDefault();
  classList.add("is-dropping");
});
on(document, "dragleave", ({ relatedTarget }) => {
  if (relatedTarget === null) classList.remove("is-dropping");
});
on(document, "drop", (event) => {
  event.preventDefault();
  classList.remove("is-dropping");
  return useFiles(event.dataTransfer.files);
});
on(document, "paste", ({ clipboardData }) =>
  useFiles([...clipboardData.files].slice(0, 1)),
);

await attempt(async () => {
  setFieldOfView(ORDINARY_FIELD_OF_VIEW, "a guess");
  showResult();
  element("processor").hidden = !(await hasGpu());
  const names = await listModels();
  const list = element("model-list");
  for (const name of names) list.append(new Option(name, name));
  list.hidden = names.length === 0;
  const asked = new URLSearchParams(location.search).get("model");
  const address = asked ?? (names.length > 0 ? `models/${names[0]}` : null);
  if (address !== null) await useModel(await fetchModel(address));
});
