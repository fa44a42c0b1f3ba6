import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../src/app/session.js";
import { SKELETONS } from "../src/skeletons.js";
import { FOLLOWED, GIVEN, WHOLE } from "../src/tracking/track.js";

const skeleton = SKELETONS.h36m_17;

/** A picture that knows whether it was closed. */
function frameOf(name = "") {
  const image = { name, isClosed: false, close: () => (image.isClosed = true) };
  return { width: 640, height: 480, image };
}

/** A network that finds everybody where they are looked for, when it is let. */
function networkOf({ isHeld = false } = {}) {
  const network = {
    name: "m.tflite",
    spec: { boxMargin: 1.25 },
    isClosed: false,
    confidence: null,
    refused: [],
    asked: [],
    close: () => (network.isClosed = true),
    predict: async (frame, people, { intrinsics, from: intrinsicsFrom }) => {
      network.asked.push({ frame, people });
      if (isHeld) {
        await new Promise((resolve, reject) => {
          Object.assign(network, { answer: resolve, fail: reject });
        });
      }
      const poses = {
        skeleton,
        width: frame.width,
        height: frame.height,
        intrinsics,
        intrinsicsFrom,
        refused: network.refused,
        caveats: [],
        people: people
          .filter(({ box }) => !network.isBlindTo?.(box))
          .map((person) => found(person, network.confidence)),
      };
      return { poses, networkMs: 1 };
    },
  };
  return network;
}

/** A pose in the middle of the box, a little smaller. */
function found({ person, box, boxFrom }, confidence) {
  const [x, y, width, height] = box;
  const side = 0.8 * Math.max(width, height);
  const jointsPx = skeleton.joints.map((_, joint) => [
    x + width / 2 + side * ((joint % 2) - 0.5),
    y + height / 2 + side * (joint / 16 - 0.5),
  ]);
  const jointsMm = jointsPx.map(([u, v]) => [u, v, 0]);
  const jointsCameraMm = jointsMm.map(([u, v]) => [u, v, 3000]);
  const pose = { person, jointsPx, jointsMm, jointsCameraMm, boxFrom };
  return { ...pose, box: [...box], stdMm: null, confidence };
}

function videoSession(network) {
  const said = [];
  const session = new Session(
    () => {},
    (error) => said.push(error.message),
  );
  session.useNetwork(network);
  session.begin({ name: "v.webm", kind: "video" });
  return { session, said };
}

const namesOf = (session) =>
  session.people.map(({ person, boxFrom }) => `${person} ${boxFrom}`);

test("a second person drawn in a running video leaves the first", async () => {
  const { session } = videoSession(networkOf());
  await session.look(frameOf(), 0);
  assert.deepEqual(namesOf(session), [`1 ${FOLLOWED}`]);
  const drawn = session.addPerson([20, 100, 60, 200]);
  session.settle(drawn);
  assert.deepEqual(namesOf(session), [`1 ${FOLLOWED}`, `2 ${GIVEN}`]);
  await session.look(frameOf(), 0.04);
  assert.deepEqual(namesOf(session), [`1 ${FOLLOWED}`, `2 ${FOLLOWED}`]);
});

test("a box around whom nobody drew takes their place", async () => {
  const { session } = videoSession(networkOf());
  await session.look(frameOf(), 0);
  const drawn = session.addPerson([200, 100, 240, 300]);
  session.settle(drawn);
  assert.deepEqual(namesOf(session), [`${drawn} ${GIVEN}`]);
  await session.look(frameOf(), 0.04);
  const again = session.addPerson([200, 100, 240, 300]);
  session.settle(again);
  assert.equal(session.people.length, 2);
});

test("the first box takes the place of the whole picture", () => {
  const session = new Session(
    () => {},
    () => {},
  );
  session.begin({ name: "p.jpg", kind: "photos" });
  session.look(frameOf(), 0);
  assert.deepEqual(namesOf(session), [`1 ${WHOLE}`]);
  session.addPerson([20, 100, 60, 200]);
  session.addPerson([320, 100, 60, 200]);
  assert.deepEqual(namesOf(session), [`1 ${GIVEN}`, `2 ${GIVEN}`]);
});

test("who was only found is looked for everywhere when lost", async () => {
  const network = networkOf();
  const { session } = videoSession(network);
  await session.look(frameOf(), 0);
  network.isBlindTo = () => true;
  for (const timeS of [0.1, 1.5]) await session.look(frameOf(), timeS);
  assert.deepEqual(namesOf(session), [`1 ${WHOLE}`]);
  assert.equal(network.asked.at(-1).people.length, 1);
});

test("who is lost has no pose and no faults until found again", async () => {
  const network = networkOf();
  const { session } = videoSession(network);
  await session.look(frameOf(), 0);
  session.startOver();
  const drawn = [session.addPerson([20, 100, 100, 200])];
  drawn.push(session.addPerson([320, 100, 100, 200]));
  const shown = () => session.poses.people.map(({ person }) => person);
  const lost = () => session.people.map(({ isLost }) => isLost);
  network.confidence = [0.9];
  await session.look(frameOf(), 0.04);
  network.isBlindTo = ([x]) => x > 200;
  await session.look(frameOf(), 0.1);
  assert.deepEqual(lost(), [false, false]);
  network.isBlindTo = undefined;
  network.confidence = [0.6]; // enough for who is followed
  network.refused = drawn.map((person) => ({ person, fault: "It is far." }));
  await session.look(frameOf(), 1.5);
  assert.deepEqual(lost(), [false, true]);
  assert.deepEqual(shown(), [drawn[0]]);
  assert.deepEqual(
    session.poses.refused.map(({ person }) => person),
    [drawn[0]],
  );
  assert.equal(network.asked.at(-1).people.length, 2);
  network.confidence = [0.9];
  await session.look(frameOf(), 1.6);
  assert.deepEqual(shown(), drawn);
  const { frames } = JSON.parse(await session.recording.toFile().text());
  assert.deepEqual(
    frames.slice(-2).map(({ people }) => people.length),
    [1, 2],
  );
  assert.deepEqual(
    frames.slice(-2).map(({ caveats }) => caveats),
    [["lost"], []],
  );
});

test("boxes drawn while the network runs are not moved by its answer", async () => {
  const network = networkOf({ isHeld: true });
  const { session } = videoSession(network);
  const work = session.look(frameOf(), 0);
  session.addPerson([20, 100, 60, 200]);
  network.answer();
  await work;
  assert.deepEqual(session.people[0].box, [20, 100, 60, 200]);
});

test("what is asked while the network runs is done once, the last", async () => {
  const network = networkOf({ isHeld: true });
  const { session } = videoSession(network);
  const work = session.look(frameOf(), 0);
  for (const x of [20, 40, 60]) {
    session.addPerson([x, 100, 60, 200]);
    void session.revise();
  }
  network.answer();
  await new Promise(setImmediate);
  assert.equal(network.asked.length, 2);
  assert.equal(network.asked[1].people.length, 3);
  network.answer();
  await work;
  assert.equal(network.asked.length, 2);
});

test("a frame is shown with its own poses, and closed when it is over", async () => {
  const network = networkOf({ isHeld: true });
  const { session } = videoSession(network);
  const frames = [frameOf("0"), frameOf("1"), frameOf("2")];
  let work = session.look(frames[0], 0);
  assert.equal(session.frame, frames[0]);
  network.answer();
  await work;
  work = session.look(frames[1], 0.04);
  assert.equal(session.frame, frames[0]);
  network.answer();
  await work;
  assert.equal(session.frame, frames[1]);
  assert.deepEqual(
    frames.map(({ image }) => image.isClosed),
    [true, false, false],
  );
  session.begin({ name: "p.jpg", kind: "photos" });
  assert.equal(frames[1].image.isClosed, true);
  assert.equal(session.frame, null);
});

test("an answer of the picture before is dropped", async () => {
  const network = networkOf({ isHeld: true });
  const { session } = videoSession(network);
  const work = session.look(frameOf(), 0);
  session.begin({ name: "p.jpg", kind: "photos" });
  network.answer();
  await work;
  assert.equal(session.poses, null);
  assert.equal(session.recording.frames.size, 0);
});

test("a network that stops is said once, and frames are shown without", async () => {
  const network = networkOf({ isHeld: true });
  const { session, said } = videoSession(network);
  const work = session.look(frameOf(), 0);
  network.fail(new Error("It stopped."));
  await work;
  const next = frameOf();
  await session.look(next, 0.04);
  assert.deepEqual(said, ["It stopped."]);
  assert.equal(session.network, null);
  assert.equal(session.frame, next);
  assert.equal(session.poses, null);
});

test("a network that is replaced ends, and its failure is not told", async () => {
  const network = networkOf({ isHeld: true });
  const { session, said } = videoSession(network);
  const work = session.look(frameOf(), 0);
  session.useNetwork(networkOf());
  assert.equal(network.isClosed, true);
  network.fail(new Error("it was closed"));
  await work;
  await session.update();
  assert.deepEqual(said, []);
  assert.equal(session.poses.people.length, 1);
});
