// The page: what is shown at which time, and what a person may change.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const recording = new PoseRecording(data);
const picture = new Picture(byId("picture"), recording, data.pictures);
const scene = new Scene(byId("people-3d"), recording, () => { byId("view").value = "turned"; });
const angles = new Angles(recording, (time) => jump(recording.frameAt(time + 1e-6)));
const player = { frame: 0, playing: false, time: 0, before: 0 };

const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
const millimetres = (value) => (Number.isNaN(value) ? "–" : Math.round(value).toLocaleString("en").replace("-", "−"));

function describe() {
  const last = recording.times[recording.length - 1];
  const said = recording.kind === "photos" ? [] : [`${recording.kind}, ${count(recording.frameCount, "frame", "frames")}`];
  if (recording.length < recording.frameCount) said.push(`${recording.length.toLocaleString("en")} of them are on this page`);
  if (recording.hasTime) said.push(`${(last - recording.times[0]).toFixed(1)} s`);
  if (recording.framesPerSecond) said.push(`${+recording.framesPerSecond.toFixed(2)} frames/s`);
  if (recording.kind !== "photos") said.push(count(recording.people.length, "person", "people"));
  said.push(`joints of ${recording.skeleton.name}`, `network: ${recording.model}`);
  byId("title").textContent = recording.title;
  byId("summary").textContent = said.join(" · ");
  byId("help").textContent = recording.hasTime
    ? "Keys: space plays; arrows step, with Shift by ten; Page Up and Page Down go to the frames whose own picture was kept; Home and End. Click the chart to go there, drag to zoom in, double-click to zoom out. Drag the scene to turn it, scroll to come closer."
    : "Keys: arrows step, Home and End. Drag the scene to turn it, scroll to come closer.";
  document.body.classList.toggle("without-time", !recording.hasTime);
  document.body.classList.toggle("single", recording.length === 1);
  for (const sample of document.querySelectorAll("[data-side]")) {
    sample.style.background = rgb(themeColours().side(recording.colours[sample.dataset.side]));
  }
}

function show(frame) {
  player.frame = frame;
  picture.show(frame);
  scene.show(frame);
  if (!recording.hasTime) fillPersonList();
  angles.show(frame);
  showPeople(frame);
  const name = recording.shortName(frame);
  const clock = recording.hasTime
    ? `${(recording.times[frame]).toFixed(2)} / ${recording.times[recording.length - 1].toFixed(2)} s`
    : `${frame + 1} / ${recording.length}`;
  byId("frame-name").textContent = name;
  byId("frame-name").title = recording.names[frame];
  byId("clock").textContent = clock;
  byId("slider").value = frame;
  byId("slider").setAttribute("aria-valuetext", `${name}, ${clock}`);
}

/** Goes to a frame, and says so in the address: it may be kept or sent. */
function jump(frame) {
  const valid = Math.min(Math.max(frame, 0), recording.length - 1);
  player.time = recording.times[valid];
  show(valid);
  if (!player.playing) history.replaceState(null, "", `#frame=${recording.number[valid]}`);
}

function play(playing) {
  if (!recording.hasTime) return;
  if (playing && player.frame === recording.length - 1) jump(0);
  player.playing = playing;
  byId("play").textContent = playing ? "❚❚" : "▶";
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  if (!playing) {
    jump(player.frame);
    return;
  }
  player.time = recording.times[player.frame];
  player.before = performance.now();
  requestAnimationFrame(tick);
}

function tick() {
  if (!player.playing) return;
  const now = performance.now();
  player.time += ((now - player.before) / 1000) * Number(byId("speed").value);
  player.before = now;
  const end = recording.times[recording.length - 1];
  if (player.time > end) {
    if (!byId("loop").checked) {
      show(recording.length - 1);
      play(false);
      return;
    }
    [player.time] = recording.times;
  }
  const frame = recording.frameAt(player.time);
  if (frame !== player.frame) show(frame);
  requestAnimationFrame(tick);
}

/** To the next or the last frame whose own picture was kept. */
function jumpToPicture(direction) {
  const now = recording.number[player.frame];
  const numbers = direction > 0 ? picture.numbers : [...picture.numbers].reverse();
  const number = numbers.find((n) => direction * (n - now) > 0);
  if (number !== undefined) jump(recording.frameOfNumber(number));
}

const COLUMNS = [
  ["person", "", (pose) => recording.person[pose]],
  ["right, mm", "", (pose) => millimetres(recording.place[3 * pose])],
  ["away, mm", "", (pose) => millimetres(recording.place[3 * pose + 2])],
  ["up, mm", "", (pose) => millimetres(-recording.place[3 * pose + 1])],
  ["confidence", "", (pose) => recording.meanConfidence[pose].toFixed(2)],
  ["spread, mm", "", (pose) => millimetres(recording.std[pose])],
  ["box", "text", (pose) => recording.boxFrom(pose)],
  ["place", "text", (pose) => recording.placeFrom(pose)],
].filter(([name]) => (name !== "confidence" || recording.hasConfidence)
  && (name !== "spread, mm" || recording.std.some((value) => !Number.isNaN(value))));

function showPeople(frame) {
  const poses = recording.posesOf(frame);
  const body = byId("people-rows");
  while (body.rows.length > poses.length) body.deleteRow(-1);
  while (body.rows.length < poses.length) {
    const row = body.insertRow();
    COLUMNS.forEach(([, kind]) => { row.insertCell().className = kind; });
    row.addEventListener("click", () => choose(Number(row.dataset.person)));
  }
  poses.forEach((pose, i) => {
    const row = body.rows[i];
    row.dataset.person = recording.person[pose];
    row.classList.toggle("chosen", recording.person[pose] === angles.person);
    COLUMNS.forEach(([, , value], column) => { row.cells[column].textContent = value(pose); });
  });
  byId("nobody").hidden = poses.length > 0;
}

/** The people to choose from: of the video, or of this photo. */
function fillPersonList() {
  const list = byId("person");
  const people = recording.hasTime ? recording.people
    : recording.posesOf(player.frame).map((pose) => recording.person[pose]);
  if (!people.includes(angles.person)) [angles.person] = people;
  list.replaceChildren(...people.map((person) => {
    const frames = recording.posesOfPerson.get(person).length;
    const seen = recording.hasTime ? ` (${count(frames, "frame", "frames")})` : "";
    return new Option(`${person}${seen}`, person, false, person === angles.person);
  }));
  list.disabled = !people.length;
}

function choose(person) {
  angles.person = person;
  byId("person").value = person;
  angles.draw();
  angles.show(player.frame);
  showPeople(player.frame);
}

const KEYS = {
  " ": () => play(!player.playing),
  ArrowLeft: (event) => jump(player.frame - (event.shiftKey ? 10 : 1)),
  ArrowRight: (event) => jump(player.frame + (event.shiftKey ? 10 : 1)),
  Home: () => jump(0),
  End: () => jump(recording.length - 1),
  PageUp: () => jumpToPicture(-1),
  PageDown: () => jumpToPicture(1),
};

function onKey(event) {
  const { target } = event;
  // Lists, switches and buttons have these keys for themselves.
  const own = target.matches("select, input[type=checkbox], button") && [" ", "Home", "End"].includes(event.key);
  if (own || target.matches("select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!(event.key in KEYS) || recording.length === 1) return;
  event.preventDefault();
  KEYS[event.key](event);
}

function frameOfAddress() {
  const found = location.hash.match(/^#frame=(\d+)$/);
  return found ? recording.frameOfNumber(Number(found[1])) : 0;
}

function connect() {
  byId("play").addEventListener("click", () => play(!player.playing));
  byId("previous").addEventListener("click", () => jump(player.frame - 1));
  byId("next").addEventListener("click", () => jump(player.frame + 1));
  byId("slider").addEventListener("input", (event) => jump(Number(event.target.value)));
  byId("person").addEventListener("change", (event) => choose(Number(event.target.value)));
  byId("view").addEventListener("change", (event) => scene.view(event.target.value));
  const onSwitch = (id, change) => byId(id).addEventListener("change", (event) => change(event.target.checked));
  onSwitch("show-overlay", (on) => { picture.overlay = on; picture.draw(); });
  onSwitch("show-boxes", (on) => { picture.boxes = on; picture.draw(); });
  onSwitch("root-relative", (on) => {
    scene.rootRelative = on;
    byId("show-camera").disabled = on;
    scene.redraw();
  });
  onSwitch("show-camera", (on) => { scene.showCamera = on; scene.redraw(); });
  onSwitch("fade", (on) => {
    picture.fade = on;
    scene.fade = on;
    picture.draw();
    scene.redraw();
  });
  addEventListener("keydown", onKey);
  addEventListener("hashchange", () => jump(frameOfAddress()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    describe();
    scene.redraw();
    angles.draw();
  });
}

async function start() {
  describe();
  byId("slider").max = recording.length - 1;
  byId("fade-label").hidden = !recording.hasConfidence;
  byId("play").textContent = "▶";
  byId("people-title").textContent = recording.kind === "photos" ? "People in this photo" : "People in this frame";
  COLUMNS.forEach(([name, kind]) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.className = kind;
    cell.textContent = name;
    byId("people-head").append(cell);
  });
  player.frame = frameOfAddress();
  fillPersonList();
  connect();
  show(player.frame);
  await angles.draw();
  await scene.redraw();
  document.body.dataset.ready = "true";
}

start();
