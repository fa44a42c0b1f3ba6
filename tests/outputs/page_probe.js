// Runs in the page when it is ready, and leaves what it saw in the document.
"use strict";

(async () => {
  // The browser's made-up time does not wait for what is drawn.
  window.requestAnimationFrame = (call) => setTimeout(call, 16);
  const frames = () => new Promise((r) => setTimeout(r, 50));
  while (!document.body.dataset.ready) await frames();
  const press = (key, extra) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, ...extra }));
  const points = (i) => {
    const { x, y, z } = scene.element.data[i];
    return x.map((_, k) => [x[k], y[k], z[k]]);
  };
  const shown = () => Number(document.getElementById("slider").value);
  const seen = {};
  await new Promise((r) => setTimeout(r, 200));
  seen.people = points(0);
  seen.colours = scene.element.data[0].line.color;
  seen.labels = points(1).map((p, i) => [scene.element.data[1].text[i], ...p]);
  const { scene: axes } = scene.element.layout;
  seen.ranges = ["x", "y", "z"].map((a) => axes[`${a}axis`].range);
  seen.ratios = ["x", "y", "z"].map((a) => axes.aspectratio[a]);
  seen.titles = ["x", "y", "z"].map((a) => axes[`${a}axis`].title.text);
  const canvas = document.querySelector("canvas[role=img]");
  const context = canvas.getContext("2d");
  seen.pixel = Object.fromEntries(Object.entries(WRISTS).map(([name, [x, y]]) => {
    const zoom = canvas.width / WIDTH;
    return [name, [...context.getImageData((x + 0.5) * zoom, (y + 0.5) * zoom, 1, 1).data].slice(0, 3)];
  }));
  seen.chart = chart.data.map((t) => [t.name, t.x, t.y]);
  seen.cursor = new DOMMatrix(getComputedStyle(document.getElementById("cursor")).transform).e;
  seen.chartWidth = chart.clientWidth;
  seen.wide = document.documentElement.scrollWidth <= innerWidth;

  Plotly.relayout(scene.element, { "scene.camera.eye": { x: 0.3, y: 1.9, z: 0.4 } });
  document.getElementById("show-camera").click();
  await frames();
  seen.camera = points(2);
  document.getElementById("root-relative").click();
  await frames();
  seen.relative = points(0);
  const [third] = recording.times.slice(3);
  seen.frameAt = [third, third + 0.05, -1, 99].map((time) => recording.frameAt(time));
  seen.keys = [];
  for (const [key, extra] of [["ArrowRight"], ["ArrowLeft", { shiftKey: true }], ["End"], ["PageUp"], ["Home"], ["ArrowLeft"]]) {
    press(key, extra);
    seen.keys.push(shown());
  }
  location.hash = "#frame=4";
  await frames();
  seen.hash = shown();
  seen.note = document.getElementById("picture-note").textContent;
  press(" ");
  seen.playing = player.playing;
  for (let i = 0; i < 200 && player.playing; i += 1) await frames();
  seen.end = [player.playing, shown(), location.hash];
  seen.eye = scene.element.layout.scene.camera.eye;
  seen.loaded = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !/^(data|blob):/.test(n));
  const result = document.createElement("pre");
  result.id = "seen";
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
})();
