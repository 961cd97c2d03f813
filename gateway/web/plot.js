// A plot on a canvas: the last seconds of a few values, or the last frame of many.

const MOST_LINES = 8; // values of a frame that get a line in time; a frame of more is drawn as one line over its indices
const COLOURS = Array.from({ length: MOST_LINES }, (_, i) => `--line-${i + 1}`);

const short = (n) => (Math.abs(n) >= 1e5 || (n !== 0 && Math.abs(n) < 1e-2) ? n.toExponential(1) : String(Number(n.toPrecision(4))));

export class Plot {
  /** @param seconds that are kept and shown. */
  constructor(canvas, seconds) {
    this.canvas = canvas;
    this.seconds = seconds;
    this.points = []; // {t, values, gap}, oldest first
    this.wanted = false;
  }

  /** @param t seconds, of the sensor's clock. @param gap true when frames before this one were lost. */
  push(t, values, gap) {
    if (this.points.length && t < this.points.at(-1).t) this.points = []; // another clock: the sensor's host began anew
    const many = values.length > MOST_LINES;
    if (many) this.points = [];
    this.points.push({ t, values, gap });
    let old = 0;
    while (this.points[old].t < t - this.seconds) old++;
    this.points.splice(0, old);
    this.draw();
  }

  /** The line between what was and what comes is left out. */
  cut() { if (this.points.length) this.points.at(-1).last = true; }

  /** In the next frame of the screen, once. */
  draw() {
    if (this.wanted) return;
    this.wanted = true;
    requestAnimationFrame(() => { this.wanted = false; this.paint(); });
  }

  paint() {
    const { clientWidth: width, clientHeight: height } = this.canvas, scale = window.devicePixelRatio;
    if (!width || this.points.length === 0) return;
    if (this.canvas.width !== Math.round(width * scale)) Object.assign(this.canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    const g = this.canvas.getContext("2d"), style = getComputedStyle(this.canvas), colour = (name) => style.getPropertyValue(name).trim();
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    const numbers = this.points.flatMap((p) => p.values).filter(Number.isFinite);
    if (numbers.length === 0) return;
    let low = numbers.reduce((a, b) => Math.min(a, b)), high = numbers.reduce((a, b) => Math.max(a, b));
    if (low === high) { low -= Math.abs(low) / 10 || 1; high += Math.abs(high) / 10 || 1; }
    g.font = "11px system-ui, sans-serif";
    const left = Math.ceil(Math.max(g.measureText(short(low)).width, g.measureText(short(high)).width)) + 8, bottom = height - 16;
    const y = (value) => 6 + (high - value) / (high - low) * (bottom - 12);
    this.axes(g, { left, bottom, width, low, high, y, line: colour("--line"), text: colour("--soft") });
    g.lineWidth = 1.5;
    g.lineJoin = "round";
    const last = this.points.at(-1);
    if (last.values.length > MOST_LINES) {
      g.strokeStyle = colour(COLOURS[0]);
      this.line(g, last.values.map((v, i) => ({ x: left + i / (last.values.length - 1) * (width - left), y: y(v), valid: Number.isFinite(v) })));
      return;
    }
    last.values.forEach((_, i) => {
      g.strokeStyle = colour(COLOURS[i]);
      this.line(g, this.points.map((p, at) => ({
        x: left + (p.t - last.t + this.seconds) / this.seconds * (width - left), y: y(p.values[i]),
        valid: Number.isFinite(p.values[i]), cut: p.gap || this.points[at - 1]?.last,
      })));
    });
  }

  axes(g, { left, bottom, width, low, high, y, line, text }) {
    g.strokeStyle = line;
    g.lineWidth = 1;
    g.fillStyle = text;
    g.textAlign = "right";
    g.textBaseline = "middle";
    for (const value of [low, (low + high) / 2, high]) {
      const at = Math.round(y(value)) + .5;
      g.beginPath(); g.moveTo(left, at); g.lineTo(width, at); g.stroke();
      if (value === low || value === high) g.fillText(short(value), left - 4, at);
    }
    g.textBaseline = "top";
    const many = this.points.at(-1).values.length > MOST_LINES;
    g.fillText(many ? `${this.points.at(-1).values.length} values` : "now", width, bottom + 3);
    g.textAlign = "left";
    if (!many) g.fillText(`−${this.seconds} s`, left, bottom + 3);
  }

  line(g, points) {
    let pen = false;
    g.beginPath();
    for (const { x, y, valid, cut } of points) {
      if (valid && pen && !cut) g.lineTo(x, y);
      else if (valid) { g.moveTo(x, y); g.lineTo(x + .01, y); } // a point of its own is seen, too
      pen = valid;
    }
    g.stroke();
  }
}
