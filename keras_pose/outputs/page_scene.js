// The people in 3D, drawn by Plotly: x right, y away, z up, all in mm.

const LABEL_HEIGHT = 160; // mm above a person
const TICKS = 6; // along the longest axis
const TITLES = { xaxis: "right, mm", yaxis: "away, mm", zaxis: "up, mm" };

class Scene {
  constructor(element, recording, onTurn) {
    this.element = element;
    this.recording = recording;
    this.onTurn = onTurn;
    this.rootRelative = false;
    this.showCamera = false;
    this.fade = false;
    this.frame = 0;
    this.viewed = VIEWS.corner;
    this.hidden = null; // the axis that is seen end on
    this.held = false; // by the mouse: to draw then would turn the view back
    this.turned = false;
    this.isInSight = true;
    this.bounds = null;
    this.listen();
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.isInSight = isIntersecting;
      this.show(this.frame);
    }).observe(element);
    new ResizeObserver(() => this.theme && Plotly.relayout(element, this.axesUpdate())).observe(element);
  }

  listen() {
    this.element.addEventListener("pointerdown", () => { this.held = true; });
    this.element.addEventListener("pointermove", () => { this.turned ||= this.held; });
    for (const end of ["pointerup", "pointercancel"]) {
      // Plotly itself listens to the event that follows this one.
      addEventListener(end, () => this.held && this.releaseAfter(0));
    }
    this.element.addEventListener("wheel", () => {
      this.held = true;
      this.turned = true;
      this.releaseAfter(400); // it glides to a stop
    }, { capture: true, passive: true });
  }

  /** Goes on drawing, from where the mouse has left the view. */
  releaseAfter(milliseconds) {
    clearTimeout(this.releasing);
    this.releasing = setTimeout(() => {
      this.held = false;
      // Plotly notes the view at each event, before it has glided to its end.
      const drawn = this.element._fullLayout.scene._scene;
      if (drawn?.camera) this.element.layout.scene.camera = drawn.getCamera();
      if (this.turned) this.noteTurn();
      this.turned = false;
      this.show(this.frame);
    }, milliseconds);
  }

  /** A flat view that was turned shows all axes; one that came closer stays. */
  noteTurn() {
    this.onTurn();
    const { camera } = this.element.layout.scene;
    if (!this.hidden || isSameDirection(camera, this.viewed.camera)) return;
    this.hidden = null;
    this.viewed = { camera };
    Plotly.relayout(this.element, this.axesUpdate());
  }

  /** Draws all anew: at first, and when a switch or the colours changed. */
  async redraw() {
    this.theme = themeColours();
    this.setBounds();
    // Bones of a person who is small in the scene are thin too.
    const diagonal = Math.hypot(...this.bounds.map(([low, high]) => high - low));
    this.thick = Math.min(6, Math.max(2, 22000 / diagonal));
    await Plotly.react(this.element, this.traces(), this.layout(), {
      responsive: true, displaylogo: false, modeBarButtons: [["toImage"]],
    });
  }

  view(name) {
    this.viewed = VIEWS[name];
    this.hidden = this.viewed.hidden;
    Plotly.relayout(this.element, { "scene.camera": this.viewed.camera, ...this.axesUpdate() });
  }

  show(frame) {
    this.frame = frame;
    if (this.held || !this.theme || !this.isInSight) return;
    if (!this.recording.hasTime) this.setBounds();
    const traces = this.traces();
    const each = (value) => traces.map(value);
    Plotly.update(this.element, {
      x: each((t) => t.x), y: each((t) => t.y), z: each((t) => t.z), text: each((t) => t.text),
      "line.color": each((t) => t.line?.color),
      "marker.color": each((t) => t.marker?.color), "marker.size": each((t) => t.marker?.size),
    }, this.recording.hasTime ? {} : this.axesUpdate());
  }

  layout() {
    const { line, ink, faint, floor } = this.theme;
    const axes = Object.keys(TITLES).map((name) => [name, {
      tickformat: ",d", showspikes: false,
      gridcolor: line, linecolor: line, zerolinecolor: line,
      showbackground: name === "zaxis", backgroundcolor: floor,
    }]);
    const layout = {
      margin: { l: 0, r: 0, t: 0, b: 0 },
      paper_bgcolor: "rgba(0,0,0,0)",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: faint, activecolor: ink },
      font: { family: "system-ui, sans-serif", size: 11, color: ink },
      scene: {
        ...Object.fromEntries(axes),
        aspectmode: "manual",
        dragmode: "turntable",
        // The one that the mouse has made, if there is one.
        camera: this.element.layout?.scene.camera ?? this.viewed.camera,
      },
    };
    for (const [path, value] of Object.entries(this.axesUpdate())) {
      const [, name, key] = path.split(".");
      if (key) layout.scene[name][key] = value;
      else layout.scene[name] = value;
    }
    return layout;
  }

  /** What the axes show, and how long they are. */
  axesUpdate() {
    const { clientWidth, clientHeight } = this.element;
    const aspect = aspectThatFits(this.bounds, this.viewed, clientWidth, clientHeight);
    const longest = Math.max(...Object.values(aspect));
    const update = { "scene.aspectratio": aspect };
    Object.entries(TITLES).forEach(([name, text], i) => {
      const isShown = this.hidden !== name;
      update[`scene.${name}.range`] = this.bounds[i];
      update[`scene.${name}.nticks`] = Math.max(3, Math.round((TICKS * aspect[name[0]]) / longest));
      update[`scene.${name}.title`] = { text: isShown ? text : "" };
      update[`scene.${name}.showticklabels`] = isShown;
    });
    return update;
  }

  /** People, their numbers, and the camera, in the present frame. */
  traces() {
    const poses = this.recording.posesOf(this.frame);
    const common = { type: "scatter3d", showlegend: false };
    return [
      { ...common, ...this.peopleTrace(poses), mode: "lines+markers",
        hovertemplate: "%{text}<br>right %{x:,.0f}, away %{y:,.0f}, up %{z:,.0f} mm<extra></extra>" },
      { ...common, ...this.labelsTrace(poses), mode: "text", hoverinfo: "skip",
        textfont: { size: 15, color: this.theme.ink } },
      { ...common, ...this.cameraTrace(this.frame), mode: "lines+text", hoverinfo: "skip",
        line: { width: 3, color: this.theme.faint }, textfont: { color: this.theme.faint }, textposition: "top center" },
      { ...common, ...this.extentTrace(), mode: "none", hoverinfo: "skip" },
    ];
  }

  /**
   * Nothing to see, as far as the axes go and farther. Plotly measures in the
   * extent of all points: each time that it changes, the axes are made anew,
   * and their shaders compiled, which takes longer than to draw the people.
   */
  extentTrace() {
    const [x, y, z] = this.bounds.map(([low, high]) => [4 * low - 3 * high, 4 * high - 3 * low]);
    return { x, y, z };
  }

  /** A joint of a pose in the scene: right, away, up. */
  point(pose, joint) {
    const { joints, place, numJoints } = this.recording;
    const at = 3 * (pose * numJoints + joint);
    const from = this.rootRelative ? [0, 0, 0] : place.subarray(3 * pose, 3 * pose + 3);
    return [joints[at] + from[0], joints[at + 2] + from[2], -(joints[at + 1] + from[1])];
  }

  /** Bones of all people in one line with gaps, each with its joint's colour. */
  peopleTrace(poses) {
    const { skeleton, colours, people } = this.recording;
    const trace = { x: [], y: [], z: [], text: [] };
    const [colourOf, sizeOf] = [[], []];
    const add = (point, colour, size, text) => {
      const known = point && !point.some(Number.isNaN);
      ["x", "y", "z"].forEach((axis, i) => trace[axis].push(known ? point[i] : null));
      colourOf.push(colour);
      sizeOf.push(known ? size : 0);
      trace.text.push(text);
    };
    for (const pose of poses) {
      const who = people.length > 1 ? `person ${this.recording.person[pose]}, ` : "";
      skeleton.parents.forEach((parent, joint) => {
        const sure = this.fade ? 0.15 + 0.85 * this.recording.sureness(pose, joint) : 1;
        const colour = mixed(this.theme.side(colours[skeleton.sides[joint]]), this.theme.card, sure);
        if (parent >= 0) add(this.point(pose, parent), colour, 0, who + skeleton.joints[parent]);
        add(this.point(pose, joint), colour, this.thick, who + skeleton.joints[joint]);
        add(null, colour, 0, "");
      });
    }
    return {
      ...trace,
      line: { width: 1.2 * this.thick, color: colourOf },
      marker: { size: sizeOf, color: colourOf, opacity: 1, line: { width: 0 } },
    };
  }

  labelsTrace(poses) {
    const trace = { x: [], y: [], z: [], text: [] };
    if (this.recording.people.length < 2 || this.rootRelative) return trace;
    for (const pose of poses) {
      const joints = this.recording.skeleton.joints.map((_, joint) => this.point(pose, joint))
        .filter((point) => !point.some(Number.isNaN));
      if (!joints.length) continue;
      const top = joints.reduce((a, b) => (a[2] > b[2] ? a : b));
      trace.x.push(top[0]);
      trace.y.push(top[1]);
      trace.z.push(top[2] + LABEL_HEIGHT);
      trace.text.push(String(this.recording.person[pose]));
    }
    return trace;
  }

  /** The camera: what it sees, as a pyramid a third of the way to the people. */
  cameraTrace(frame) {
    const trace = { x: [], y: [], z: [], text: [] };
    if (!this.showCamera || this.rootRelative) return trace;
    const corners = this.cameraCorners(frame);
    const [a, b, c, d] = corners;
    const origin = [0, 0, 0];
    for (const point of [origin, a, b, origin, d, c, origin, null, a, d, null, b, c]) {
      ["x", "y", "z"].forEach((axis, i) => trace[axis].push(point ? point[i] : null));
      trace.text.push("");
    }
    trace.text[0] = "camera";
    return trace;
  }

  cameraCorners(frame) {
    const { place, corners, cornersIndex } = this.recording;
    const poses = this.recording.hasTime ? this.somePoses() : this.recording.posesOf(frame);
    const depths = poses.map((pose) => place[3 * pose + 2]).filter((z) => z > 0).sort((x, y) => x - y);
    const depth = depths.length ? depths[depths.length >> 1] / 3 : 1000;
    const at = 12 * cornersIndex[frame];
    return [0, 3, 6, 9].map((corner) => {
      const [x, y, z] = corners.subarray(at + corner, at + corner + 3).map((value) => value * depth);
      return [x, z, -y];
    });
  }

  /** At most some 2,000 poses, spread over the recording. */
  somePoses() {
    const count = this.recording.person.length;
    const stride = Math.ceil(count / 2000) || 1;
    return Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride);
  }

  /** Of a video one scene for all frames; of photos each has its own. */
  setBounds() {
    const { hasTime } = this.recording;
    this.bounds = this.boundsOf(hasTime ? this.somePoses() : this.recording.posesOf(this.frame));
  }

  /** What has to be in view, as [[lowest, highest], ...] of the three axes. */
  boundsOf(poses) {
    const bounds = [0, 1, 2].map((axis) => {
      const values = [];
      for (const pose of poses) {
        for (let joint = 0; joint < this.recording.numJoints; joint += 1) {
          const value = this.point(pose, joint)[axis];
          if (!Number.isNaN(value)) values.push(value);
        }
      }
      if (!values.length) return [-1000, 1000];
      values.sort((a, b) => a - b);
      // A few wild poses in a thousand must not make all others small.
      const cut = Math.floor(values.length * 0.002);
      const [low, high] = [values[cut], values[values.length - 1 - cut]];
      const half = Math.max(600, 0.56 * (high - low) + 60);
      return [(low + high) / 2 - half, (low + high) / 2 + half];
    });
    if (this.recording.people.length > 1 && !this.rootRelative) bounds[2][1] += LABEL_HEIGHT;
    if (this.showCamera && !this.rootRelative) {
      for (const point of [[0, 0, 0], ...this.cameraCorners(this.frame)]) {
        point.forEach((value, axis) => {
          bounds[axis] = [Math.min(bounds[axis][0], value - 60), Math.max(bounds[axis][1], value + 60)];
        });
      }
    }
    return bounds;
  }
}
