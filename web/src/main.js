/** The page: what a user does, and what it leads to. */

import { fetchModel, described, listModels } from "./app/models.js";
import { decodePhoto } from "./app/pictures.js";
import { Player } from "./app/player.js";
import { showPeople, showTiming } from "./app/results.js";
import { download, drawn, stem } from "./app/saving.js";
import { Session } from "./app/session.js";
import { Stage } from "./app/stage.js";
import { View3D } from "./app/view3d.js";
import { ORDINARY_FIELD_OF_VIEW } from "./geometry/camera.js";
import { fieldOfView35, focalLength35 } from "./image/exif.js";
import { Network } from "./model/network.js";
import { hasGpu } from "./model/runtime.js";
import { openModelFile } from "./model/spec.js";

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

const session = new Session(showResult);
const stage = new Stage(element("stage"), session, { onChange: showControls });
const view = new View3D(element("scene"), session);
const player = new Player(async (frame, timeS) => {
  const isFirst = session.frame === null;
  showSeek();
  await session.look(frame, timeS);
  if (session.network === null) stage.draw();
  if (isFirst) showControls();
}, fault);
/** @type {{bytes: Uint8Array, name: string} | null} */
let model = null;
let hasRefused = false;

function showResult() {
  const isVideo = session.source.kind !== "photos";
  view.aim(isVideo);
  stage.draw();
  view.draw();
  showPeople(element("people"), session);
  showTiming(element("timing"), session.timing, isVideo);
  const refused = session.poses?.refused ?? [];
  if (refused.length > 0) say(refused.join(" "), true);
  else if (hasRefused) say("");
  hasRefused = refused.length > 0;
  showControls();
}

function showControls() {
  const hasFrame = session.frame !== null;
  for (const id of ["add-box", "whole-image"]) {
    element(id).disabled = !hasFrame;
  }
  element("remove-box").disabled = stage.chosen < 0;
  for (const id of ["save-json", "save-png"]) {
    element(id).disabled = session.poses === null;
  }
  element("stage-empty").hidden = hasFrame;
  element("scene-empty").hidden = session.poses !== null;
  element("player").hidden = player.video === null;
  element("seek").hidden = session.source.kind !== "video";
  element("pause").textContent = player.video?.paused ? "Play" : "Pause";
}

function showSeek() {
  const { video } = player;
  if (video === null || !Number.isFinite(video.duration)) return;
  element("seek").value = video.currentTime / video.duration;
}

/** @param {string} text Nothing hides it. @param {boolean} isFault */
function say(text, isFault = false) {
  const message = element("message");
  message.textContent = text;
  message.classList.toggle("is-fault", isFault);
  message.hidden = text === "";
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

/** @param {Uint8Array} bytes @param {string} name */
async function useModel(bytes, name) {
  say(`Loading ${name} …`);
  // A file that is none leaves the network that there is.
  const file = await openModelFile(bytes);
  await session.dropNetwork();
  element("model-card").textContent = `${name} is not running.`;
  model = { bytes, name };
  const processor = element("processor").value;
  const network = await Network.load(file, name, processor);
  session.useNetwork(network);
  element("model-card").textContent = described(network);
  say(session.frame === null ? "Now open a photo or a video." : "");
  await session.update();
}

/** @param {File} file */
async function useMedia(file) {
  if (file.type.startsWith("video/")) {
    begin(file.name, "video");
    await player.open(file);
  } else {
    const frame = await decodePhoto(file);
    begin(file.name, "photos");
    const focal = focalLength35(new Uint8Array(await file.arrayBuffer()));
    if (focal !== null) {
      const degrees = fieldOfView35(focal, frame.width, frame.height);
      setFieldOfView(degrees, `EXIF: ${focal} mm in 35 mm film`);
    }
    await session.look(frame, 0);
  }
  stage.draw();
  showControls();
  if (session.network === null) say("Now open a network, a .tflite file.");
}

/** @param {string} name @param {"photos" | "video" | "camera"} kind */
function begin(name, kind) {
  player.close();
  session.begin({ name, kind });
  setFieldOfView(ORDINARY_FIELD_OF_VIEW, "a guess");
  stage.choose(-1);
  view.orbit = null;
  view.draw();
  element("media-card").textContent = name;
  say("");
}

/** @param {File} file */
async function useFile(file) {
  if (/\.tflite$/i.test(file.name)) {
    await useModel(new Uint8Array(await file.arrayBuffer()), file.name);
  } else {
    await useMedia(file);
  }
}

/** @param {number} degrees @param {string} from */
function setFieldOfView(degrees, from) {
  session.degrees = degrees;
  session.degreesFrom = from;
  element("field-of-view").value = degrees;
  const said = from === "given" ? "" : `, ${from}`;
  element("field-of-view-said").textContent =
    `${Math.round(degrees)}° across the longer side${said}`;
}

async function save(/** @type {"json" | "png"} */ kind) {
  const { frame, poses, recording, source } = session;
  if (frame === null || poses === null) return;
  const file = kind === "json" ? recording.toFile() : await drawn(frame, poses);
  download(file, `${stem(source.name)}_pose.${kind}`);
}

/** @param {string} id @param {string} type @param {(event: any) => unknown} action */
function on(id, type, action) {
  element(id).addEventListener(type, (/** @type {Event} */ event) =>
    attempt(() => action(event)),
  );
}

/** Chosen files; the same one can be chosen again. */
const chosen = (/** @type {any} */ { target }) => {
  const files = [...target.files];
  target.value = "";
  return files;
};

for (const id of ["model-file", "media-file"]) {
  on(id, "change", async (event) => {
    for (const file of chosen(event)) await useFile(file);
  });
}
on("model-list", "change", async ({ target }) => {
  const name = target.value;
  if (name) await useModel(await fetchModel(`models/${name}`), name);
});
on("processor", "change", async () => {
  if (model !== null) await useModel(model.bytes, model.name);
});
on("webcam", "click", async () => {
  begin("camera", "camera");
  await player.openCamera();
  showControls();
});
on("pause", "click", async () => {
  const { video } = player;
  if (video?.paused) await video.play();
  else video?.pause();
  showControls();
});
on("seek", "input", ({ target }) => {
  const { video } = player;
  if (video === null || !Number.isFinite(video.duration)) return;
  video.currentTime = Number(target.value) * video.duration;
});
on("smooth", "change", ({ target }) => {
  session.isSmooth = target.checked;
  return session.revise();
});
on("field-of-view", "input", ({ target }) => {
  setFieldOfView(Number(target.value), "given");
  return session.revise();
});
on("add-box", "click", () => stage.add());
on("remove-box", "click", () => stage.remove());
on("whole-image", "click", async () => {
  stage.choose(-1);
  await session.startOver();
});
on("save-json", "click", () => save("json"));
on("save-png", "click", () => save("png"));

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("is-dropping");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) {
    document.body.classList.remove("is-dropping");
  }
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("is-dropping");
  const files = [...(event.dataTransfer?.files ?? [])];
  void attempt(async () => {
    for (const file of files) await useFile(file);
  });
});
document.addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  if (file) void attempt(() => useFile(file));
});

async function begun() {
  setFieldOfView(ORDINARY_FIELD_OF_VIEW, "a guess");
  showPeople(element("people"), session);
  element("processor").hidden = !(await hasGpu());
  const names = await listModels();
  const list = element("model-list");
  for (const name of names) list.append(new Option(name, name));
  list.hidden = names.length === 0;
  const asked = new URLSearchParams(location.search).get("model");
  const address = asked ?? (names.length > 0 ? `models/${names[0]}` : null);
  if (address === null) return;
  const name = decodeURIComponent(address.split("/").at(-1) ?? address);
  await useModel(await fetchModel(address), name);
}

void attempt(begun);
