// Services, load, models and what is offered. Polls only while it is on screen.
import { fetchJson, fetchText } from "./api.js";
import { byId, element } from "./dom.js";

const INTERVAL_MS = 2000;

const row = (cells) => element("tr", {}, ...cells.map((text) => element("td", { text: text ?? "" })));

/** Prometheus text → Map of "name" or "name{labels}" → value. */
function parseMetrics(text) {
  const values = new Map();
  for (const line of text.split("\n")) {
    if (!line || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    values.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return values;
}

const sum = (values, name, label = "") => {
  let total = 0, seen = false;
  for (const [key, value] of values) {
    if ((key === name || key.startsWith(`${name}{`)) && key.includes(label)) { total += value; seen = true; }
  }
  return seen ? total : undefined;
};

const mean = (values, name) => {
  const count = sum(values, `${name}_count`);
  return count ? sum(values, `${name}_sum`) / count : undefined;
};

const bytes = (n) => (n === undefined ? undefined : n < 1e9 ? `${(n / 1e6).toFixed(0)} MB` : `${(n / 1e9).toFixed(2)} GB`);
const ms = (seconds) => (seconds === undefined ? undefined : `${(seconds * 1000).toFixed(1)} ms`);

export class SystemView {
  /** @param offers an Offers. */
  constructor(offers) {
    offers.onChange(({ table }) => {
      byId("offers").tBodies[0].replaceChildren(...[...table.values()].map(({ name, why }) => row([name, why ? `not offered: ${why}` : "offered"])));
    });
    this.timer = null; // of the next poll; null while out of sight
    this.previous = null;
  }

  setServices(services) {
    byId("services").tBodies[0].replaceChildren(...services.map((s) => row([s.role, s.id, s.status, s.model, s.detail])));
  }

  setVisible(visible) {
    clearTimeout(this.timer);
    this.timer = visible ? setTimeout(() => this.poll(), 0) : null;
  }

  async poll() {
    const mine = this.timer;
    const problem = byId("system-error");
    try {
      const [{ data }, metrics] = await Promise.all([fetchJson("/v1/models"), fetchText("/metrics")]);
      byId("models").tBodies[0].replaceChildren(...data.map((m) => row([
        m.id, m.kind, m.context_length, m.modalities?.input?.join(", "), m.modalities?.output?.join(", "), m.license, m.alias_of,
      ])));
      this.showLoad(parseMetrics(metrics));
      problem.hidden = true;
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
    if (this.timer === mine) this.timer = setTimeout(() => this.poll(), INTERVAL_MS); // else hidden, or shown anew meanwhile
  }

  showLoad(values) {
    const now = performance.now(), tokens = sum(values, "zenith_tokens_total", 'kind="generated"');
    const rate = this.previous && tokens !== undefined ? (tokens - this.previous.tokens) / (now - this.previous.now) * 1000 : undefined;
    this.previous = { now, tokens };
    const used = sum(values, "zenith_kv_pages_used"), total = sum(values, "zenith_kv_pages_total");
    const cards = [
      ["Tokens per second", rate?.toFixed(1)],
      ["Running", sum(values, "zenith_running_sequences")],
      ["Waiting", sum(values, "zenith_queue_depth")],
      ["Mean time to first token", ms(mean(values, "zenith_time_to_first_token_seconds"))],
      ["Mean time between tokens", ms(mean(values, "zenith_inter_token_seconds"))],
      ["KV pages", used === undefined ? undefined : `${used} / ${total}`],
      ["Memory accounted for", bytes(sum(values, "zenith_memory_bytes"))],
    ];
    byId("load").replaceChildren(...cards.filter(([, value]) => value !== undefined).map(([name, value]) =>
      element("div", {}, element("dt", { text: name }), element("dd", { text: String(value) }))));
  }
}
