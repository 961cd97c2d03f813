// The sensors: a card each, with a live plot on demand, and a window of one into the chat. Streams run only while on screen.
import { fetchJson, inWords, streamFrames } from "./api.js";
import { byId, copyOf, element } from "./dom.js";
import { Plot } from "./plot.js";

const INTERVAL_MS = 5000;
const RETRY_MS = 2000;
const MOST_LIVE = 4; // a browser keeps six connections to a host: chat and the polls need theirs
const FRAMES_PER_S = 20;
const SHOWN_S = 60;

const number = (n) => (Number.isFinite(n) ? String(Number(n.toPrecision(5))) : "—");

class Card {
  constructor(sensor, view) {
    this.id = sensor.id;
    this.view = view;
    this.wanted = false; // live, when on screen
    this.abort = null;
    this.node = copyOf("sensor-template");
    this.find = (name) => this.node.querySelector(name);
    this.plot = new Plot(this.find("canvas"), SHOWN_S);
    this.find("h3").textContent = this.id;
    this.find(".live").addEventListener("click", () => view.setLive(this, !this.wanted));
    this.find(".add").addEventListener("click", () => view.onAdd(this.id, this.find("select").value));
    this.update(sensor);
  }

  update(sensor) {
    this.channel = sensor.channels?.[0] ?? {};
    const { dtype, shape = [], rate_hz } = this.channel;
    this.unit = this.channel.unit === "1" ? "" : this.channel.unit ?? ""; // UCUM: 1 is a plain number
    const facts = [sensor.plugin, sensor.channels?.map((c) => c.name).join(", "), [dtype, shape.length ? `[${shape.join(", ")}]` : ""].join(""), this.unit, rate_hz ? `${number(rate_hz)} Hz` : ""];
    this.find(".facts").textContent = facts.filter(Boolean).join(" · ");
    this.find(".dot").dataset.state = sensor.status;
    this.find(".status").textContent = [sensor.status, sensor.detail].filter(Boolean).join(": ");
  }

  say(text) { this.find(".state").textContent = text; }

  label(i, count) { return this.channel.labels?.[i] || (count > 1 ? String(i) : this.channel.name) || "value"; }

  show({ t_ns, values, flags }) {
    if (!Array.isArray(values)) return this.say("its frames are too large to be plotted here");
    this.plot.push(t_ns / 1e9, values, Array.isArray(flags) && flags.includes("gap"));
    const few = values.length <= 8 ? values : [];
    const legend = this.find(".legend");
    if (legend.children.length !== few.length) {
      legend.replaceChildren(...few.map((_, i) => element("li", {}, element("i", { className: `line-${i + 1}` }), this.label(i, few.length), " ", element("b"))));
    }
    few.forEach((value, i) => { legend.children[i].lastChild.textContent = `${number(value)} ${this.unit}`.trim(); });
    this.find("canvas").setAttribute("aria-label", `Plot of ${this.id}; now ${few.length ? few.map(number).join(", ") : `${values.length} values`} ${this.unit}`.trim());
  }

  setWanted(wanted) {
    this.wanted = wanted;
    this.find(".live").setAttribute("aria-pressed", String(wanted));
    this.find(".live").textContent = wanted ? "Stop plot" : "Plot";
    this.find(".trace").hidden = !wanted;
    this.run();
  }

  /** Makes the stream be there, or not. */
  run() {
    const live = this.wanted && this.view.visible;
    if (live === Boolean(this.abort)) return;
    if (live) {
      this.abort = new AbortController();
      this.follow(this.abort.signal);
    } else {
      this.abort.abort();
      this.abort = null;
    }
  }

  async follow(signal) {
    while (!signal.aborted) {
      this.plot.cut();
      this.say("waiting for frames …");
      try {
        for await (const frame of streamFrames(this.id, FRAMES_PER_S, signal)) {
          this.say("");
          this.show(frame);
        }
        this.say("the server ended the frames; asking again …");
      } catch (error) {
        if (signal.aborted) return;
        this.say(inWords(error, this.id));
      }
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); signal.addEventListener("abort", resolve, { once: true }); });
    }
  }
}

export class SensorsView {
  /** @param onAdd (sensor id, window) puts a window of it into the next message. */
  constructor(onAdd) {
    this.onAdd = onAdd;
    this.cards = new Map();
    this.live = []; // cards, the one that began first at the head
    this.visible = false;
    this.timer = null;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.cards.forEach((card) => card.plot.draw()));
    addEventListener("resize", () => this.cards.forEach((card) => card.plot.draw()));
  }

  setVisible(visible) {
    this.visible = visible;
    clearTimeout(this.timer);
    this.timer = visible ? setTimeout(() => this.poll(), 0) : null;
    this.cards.forEach((card) => card.run());
  }

  setLive(card, wanted) {
    this.live = this.live.filter((other) => other !== card);
    if (wanted) this.live.push(card);
    card.setWanted(wanted);
    if (this.live.length > MOST_LIVE) this.setLive(this.live[0], false);
  }

  async poll() {
    const mine = this.timer, problem = byId("sensors-error");
    try {
      this.show((await fetchJson("/v1/sensors")).sensors);
      problem.hidden = true;
    } catch (error) {
      problem.textContent = inWords(error, "Sensors");
      problem.hidden = false;
    }
    if (this.timer === mine) this.timer = setTimeout(() => this.poll(), INTERVAL_MS); // else hidden, or shown anew meanwhile
  }

  /** @param sensors as GET /v1/sensors lists them. */
  show(sensors) {
    const first = this.cards.size === 0;
    for (const [id, card] of this.cards) {
      if (sensors.some((s) => s.id === id)) continue;
      this.setLive(card, false);
      card.node.remove();
      this.cards.delete(id);
    }
    for (const sensor of sensors) {
      const known = this.cards.get(sensor.id);
      if (known) { known.update(sensor); continue; }
      const card = new Card(sensor, this);
      this.cards.set(sensor.id, card);
      byId("sensors").append(card.node);
    }
    if (first && this.cards.size) this.setLive([...this.cards.values()].find((c) => c.channel.dtype) ?? [...this.cards.values()][0], true);
  }
}
