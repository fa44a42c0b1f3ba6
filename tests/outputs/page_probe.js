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
  seen.cursor = document.getElementById("cursor").getBoundingClientRect().x + 1 - chart.getBoundingClientRect().x;
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

  const choose = async (id, value) => {
    const list = document.getElementById(id);
    list.value = value;
    list.dispatchEvent(new Event("change"));
    await frames();
  };
  document.getElementById("root-relative").click();
  document.getElementById("show-camera").click();
  await frames();
  seen.views = {};
  for (const name of ["front", "right", "above", "corner"]) {
    await choose("view", name);
    const { camera, aspectratio, ...drawn } = scene.element.layout.scene;
    seen.views[name] = {
      eye: camera.eye, projection: camera.projection.type, aspect: aspectratio,
      titles: ["x", "y", "z"].map((a) => drawn[`${a}axis`].title.text),
    };
  }
  seen.pane = [scene.element.clientWidth, scene.element.clientHeight];
  for (const kind of ["pointerdown", "pointermove", "pointerup"]) {
    scene.element.dispatchEvent(new PointerEvent(kind, { bubbles: true }));
  }
  await frames();
  seen.turned = document.getElementById("view").value;

  seen.gl = { compileShader: 0, drawArrays: 0 };
  for (const kind of [WebGLRenderingContext, WebGL2RenderingContext]) {
    for (const name of Object.keys(seen.gl)) {
      const call = kind.prototype[name];
      kind.prototype[name] = function counted(...given) {
        seen.gl[name] += 1;
        return call.apply(this, given);
      };
    }
  }
  scene.element.scrollIntoView();
  for (const frame of [2, 8, 5, 10]) {
    jump(frame);
    for (let i = 0; i < 4; i += 1) await frames();
  }

  await choose("person", "2");
  jump(7);
  seen.now = [document.getElementById("angles-title").textContent];
  jump(3);
  seen.now.push(document.getElementById("angles-title").textContent);
  seen.chartTitle = document.getElementById("chart-title").textContent;
  seen.meanings = [...document.querySelectorAll("dt")].map((term) => [term.textContent, term.nextSibling.textContent]);
  document.querySelectorAll("#angle-rows input")[1].click();
  await frames();
  seen.panels = chart.data.map((trace) => {
    const axis = chart.layout[trace.yaxis.replace("y", "yaxis")];
    return [trace.name, axis.domain, axis.range];
  });
  seen.folders = [["/a/b/x", "/a/b/y"], ["/a/b/x", "/a/bc/y"], ["x/1", "y/1"], ["C:\\p\\1", "C:\\p\\2"]].map(commonFolder);
  seen.loaded = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !/^(data|blob):/.test(n));
  const result = document.createElement("pre");
  result.id = "seen";
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
})();
