// What this server offers beyond text, found out by asking it: a control is shown only for what is there.
import { fetchJson } from "./api.js";

/** The list under `name`; empty where the server has no such address. Throws for every other failure. */
async function listAt(path, name) {
  try {
    return (await fetchJson(path))[name] ?? [];
  } catch (error) {
    if (error.status === 404) return [];
    throw error;
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
    this.voices = voices.filter((voice) => !voice.alias_of);
    this.sensors = sensors;
    this.hearing = models.find((m) => m.kind === "transcription" && !m.alias_of)?.id ?? null;
    const vision = models.some((m) => m.kind === "vision");
    const eyes = vision || models.some((m) => m.kind === "generate" && m.modalities?.input?.includes("image"));
    this.table = new Map([
      ["speech", { name: "Spoken replies", why: this.voices.length ? "" : lack(services, "voice", "no voice") }],
      ["hearing", { name: "Microphone", why: this.hearing ? microphoneLack() : lack(services, "voice", "no model that transcribes") }],
      ["pictures", { name: "Pictures in chat", why: eyes ? "" : lack(services, "vision", "no model that sees") }],
      ["ocr", { name: "Text in pictures", why: vision ? "" : lack(services, "vision", "no model that reads pictures") }],
      ["sensors", { name: "Sensors", why: sensors.length ? "" : lack(services, "sensor", "no sensor") }],
    ]);
    for (const listener of this.listeners) listener(this);
  }
}
