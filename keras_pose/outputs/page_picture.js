// The picture of a frame with its poses, on a canvas.

class Picture {
  constructor(figure, recording, pictures) {
    this.stage = figure.querySelector(".stage");
    this.canvas = figure.querySelector("canvas");
    this.note = figure.querySelector("figcaption");
    this.recording = recording;
    this.encoded = pictures;
    this.numbers = Object.keys(pictures).map(Number).sort((a, b) => a - b);
    this.images = new Map();
    this.frame = 0;
    this.overlay = true;
    this.boxes = true;
    this.fade = false;
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  show(frame) {
    this.frame = frame;
    const wanted = this.recording.number[frame];
    const at = this.numbers.length ? nearest(this.numbers, wanted) : -1;
    this.shown = this.numbers[at];
    // The next one too, so that it is decoded when its time comes.
    if (at + 1 < this.numbers.length) this.image(this.numbers[at + 1]);
    this.draw();
    this.describe(wanted);
  }

  describe(wanted) {
    const people = this.recording.posesOf(this.frame).length;
    const [width, height] = this.size();
    const said = [`${width} × ${height} px`, `camera: ${this.recording.cameraFrom(this.frame)}`];
    if (this.shown === undefined) said.unshift("no pictures were kept");
    else if (this.shown !== wanted) {
      said.unshift(`picture of frame ${this.shown}, the nearest that was kept`);
    }
    this.note.textContent = said.join("; ");
    this.note.title = this.note.textContent;
    this.canvas.setAttribute("aria-label",
      `${this.recording.names[this.frame]} with ${people} ${people === 1 ? "person" : "people"}`);
  }

  size() {
    return this.recording.sizes.subarray(2 * this.frame, 2 * this.frame + 2);
  }

  image(number) {
    if (!this.images.has(number)) {
      const image = new Image();
      image.onload = () => number === this.shown && this.draw();
      image.src = `data:image/jpeg;base64,${this.encoded[number]}`;
      this.images.set(number, image);
    }
    return this.images.get(number);
  }

  /** The picture to show; of a video, the last one until it is decoded. */
  decodedImage() {
    if (this.shown === undefined) return null;
    const image = this.image(this.shown);
    if (image.complete && image.naturalWidth) this.latest = image;
    else if (!this.recording.hasTime) return null;
    return this.latest;
  }

  /** Draws at the screen's own resolution, as large as there is room. */
  draw() {
    const [width, height] = this.size();
    // In one column the stage is as high as the picture.
    const highest = matchMedia("(max-width: 860px)").matches ? innerHeight * 0.5 : this.stage.clientHeight;
    const zoom = Math.min(this.stage.clientWidth / width, highest / height);
    if (!(zoom > 0)) return;
    const { canvas } = this;
    const [shownWidth, shownHeight] = [Math.round(width * zoom), Math.round(height * zoom)];
    canvas.style.width = `${shownWidth}px`;
    canvas.style.height = `${shownHeight}px`;
    canvas.width = Math.round(shownWidth * devicePixelRatio);
    canvas.height = Math.round(shownHeight * devicePixelRatio);
    const context = canvas.getContext("2d");
    context.scale(canvas.width / shownWidth, canvas.height / shownHeight);
    context.fillStyle = "#8888";
    context.fillRect(0, 0, shownWidth, shownHeight);
    const image = this.decodedImage();
    if (image) context.drawImage(image, 0, 0, shownWidth, shownHeight);
    const longer = Math.max(shownWidth, shownHeight);
    for (const pose of this.recording.posesOf(this.frame)) {
      if (this.boxes) this.drawBox(context, pose, longer);
      if (this.overlay) this.drawPose(context, pose, longer);
    }
  }

  /** Where a joint is on the canvas; null where it is nowhere. */
  point(pose, joint, longer) {
    const at = 2 * (pose * this.recording.numJoints + joint);
    const [x, y] = [this.recording.share[at], this.recording.share[at + 1]];
    return Number.isNaN(x + y) ? null : [x * longer, y * longer];
  }

  drawPose(context, pose, longer) {
    const { parents, sides } = this.recording.skeleton;
    const points = parents.map((_, joint) => this.point(pose, joint, longer));
    const known = points.filter(Boolean);
    if (!known.length) return;
    const ys = known.map(([, y]) => y);
    const tall = Math.min(Math.max(...ys) - Math.min(...ys), 2 * longer);
    const thick = Math.min(4, Math.max(1.5, tall / 80));
    context.lineCap = "round";
    for (const outline of [true, false]) {
      parents.forEach((parent, joint) => {
        if (!points[joint]) return;
        const colour = outline ? "white" : rgb(this.recording.colours[sides[joint]]);
        context.globalAlpha = this.fade ? 0.15 + 0.85 * this.recording.sureness(pose, joint) : 1;
        context.strokeStyle = colour;
        context.fillStyle = colour;
        context.lineWidth = thick + (outline ? 2 : 0);
        context.beginPath();
        if (parent >= 0 && points[parent]) {
          context.moveTo(...points[parent]);
          context.lineTo(...points[joint]);
          context.stroke();
        }
        context.beginPath();
        context.arc(...points[joint], thick + (outline ? 1 : 0), 0, 2 * Math.PI);
        context.fill();
      });
    }
    context.globalAlpha = 1;
  }

  drawBox(context, pose, longer) {
    const [x, y, width, height] = this.recording.box
      .subarray(4 * pose, 4 * pose + 4).map((share) => share * longer);
    for (const [colour, thick] of [["#0008", 3], ["white", 1.2]]) {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.strokeRect(x, y, width, height);
    }
    const text = String(this.recording.person[pose]);
    context.font = "600 13px system-ui, sans-serif";
    context.textBaseline = "middle";
    const wide = context.measureText(text).width + 10;
    // Inside the picture even where the box is not.
    const [left, top] = [Math.max(0, x), Math.max(0, y - 19)];
    context.fillStyle = "white";
    context.fillRect(left, top, wide, 19);
    context.fillStyle = "#20242c";
    context.fillText(text, left + 5, top + 10);
  }
}
