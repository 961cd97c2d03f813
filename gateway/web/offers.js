// What this server offers beyond text, found out by asking it: a control is shown only for what is there.
import { fetchJson } from "./api.js";

/** @returns {list, problem}: an empty list where the server does not offer it, with its words when it says 503. Throws for every other failure. */
async function listAt(path, name) {
  try {
    return { list: (await fetchJson(path))[name] ?? [], problem: "" };
  } catch (error) {
    if (error.status !== 404 && error.status !== 503) throw error;
    return { list: [], problem: error.status === 503 ? error.message : "" };
  }
}

/** Why there is none: the state of the services that could, in words. */
function lack(services, role, what) {
  const waiting = services.find((s) => s.role === role && s.status !== "ready");
  if (waiting) return `the ${role} service ${waiting.id} is ${waiting.status}${waiting.detail ? `: ${waiting.detail}` : ""}`;
  return `this server has ${what}`;
}

function microphoneLack() {
  if (!window.isSecureContext) return "the browser gives the microphone only to https pages and to localhost";
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return "this browser cannot record";
  return "";
}

/** Each offer is {name, why}: why is "" when it is there, else the reason in words. */
export class Offers {
  constructor() {
    this.voices = [];    // {id, model, language, sample_rate}
    this.sensors = [];   // as GET /v1/sensors lists them
    this.hearing = null; // the model that transcribes
    this.table = new Map();
    this.listeners = [];
  }

  has(name) { return this.table.get(name)?.why === ""; }
  why(name) { return this.table.get(name)?.why ?? "not known yet"; }
  onChange(listener) { this.listeners.push(listener); }

  /** @param services of /readyz. Throws ApiError when the server does not answer. */
  async refresh(services) {
    const [models, voices, sensors] = await Promise.all([
      listAt("/v1/models", "data"), listAt("/v1/audio/voices", "voices"), listAt("/v1/sensors", "sensors"),
    ]);
    this.voices = voices.list.filter((voice) => !voice.alias_of);
    this.sensors = sensors.list;
    this.hearing = models.list.find((m) => m.kind === "transcription" && !m.alias_of)?.id ?? null;
    const vision = models.list.some((m) => m.kind === "vision");
    const eyes = vision || models.list.some((m) => m.kind === "generate" && m.modalities?.input?.includes("image"));
    const why = (there, { problem }, role, what) => (there ? "" : problem || lack(services, role, what));
    this.table = new Map([
      ["speech", { name: "Spoken replies", why: why(this.voices.length, voices, "voice", "no voice") }],
      ["hearing", { name: "Microphone", why: why(this.hearing, models, "voice", "no model that transcribes") || microphoneLack() }],
      ["pictures", { name: "Pictures in chat", why: why(eyes, models, "vision", "no model that sees") }],
      ["ocr", { name: "Text in pictures", why: why(vision, models, "vision", "no model that reads pictures") }],
      ["sensors", { name: "Sensors", why: why(this.sensors.length, sensors, "sensor", "no sensor") }],
    ]);
    for (const listener of this.listeners) listener(this);
  }
}
