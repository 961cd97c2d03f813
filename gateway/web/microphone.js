// Hold to talk, or click to begin and click to end; what was said comes back as text.
import { inWords, postForm } from "./api.js";
import { byId, notice } from "./dom.js";

const HOLD_MS = 500;             // a press that is longer ends with its release
const LONGEST_MS = 10 * 60_000;
const TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/ogg;codecs=opus", "audio/mp4"];
const ENDING = { "audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "mp4" };

const LABEL = { idle: "Record", asking: "Allow…", recording: "Stop recording", transcribing: "Transcribing…" };

export class Microphone {
  /** @param onStart recording begins. @param onText gets what was said. @param onFailed after a 404 or 503. @param model () → the name of the one that transcribes. */
  constructor({ onStart, onText, onFailed, model }) {
    Object.assign(this, { onStart, onText, onFailed, model });
    this.button = byId("record");
    this.state = "idle";
    this.abort = null;
    this.pressedAt = 0; // 0: no pointer is down that began this recording
    this.clicked = false;

    this.button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.clicked = true; // the click that follows is this press
      this.button.setPointerCapture(event.pointerId);
      if (this.state !== "idle") return this.toggle();
      this.pressedAt = event.timeStamp; // of the input, however late it comes here
      this.begin();
    });
    this.button.addEventListener("pointerup", (event) => this.release(event));
    this.button.addEventListener("pointercancel", (event) => { this.release(event); this.clicked = false; });
    this.button.addEventListener("click", () => {
      if (!this.clicked) this.toggle(); // the keyboard, or a screen reader
      this.clicked = false;
    });
    this.button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is a hold
  }

  release({ timeStamp }) {
    const held = this.pressedAt && timeStamp - this.pressedAt >= HOLD_MS;
    this.pressedAt = 0;
    if (!held) return;
    if (this.state === "asking") this.cancel();
    else this.finish();
  }

  toggle() {
    if (this.state === "idle") this.begin();
    else if (this.state === "recording") this.finish();
    else this.cancel();
  }

  set(state) {
    this.state = state;
    this.button.textContent = LABEL[state];
    this.button.setAttribute("aria-pressed", String(state === "recording"));
    this.button.dataset.state = state;
  }

  async begin() {
    notice("");
    this.onStart();
    const abort = this.abort = new AbortController();
    this.set("asking");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    } catch (error) {
      if (abort.signal.aborted) return;
      this.cancel();
      notice(`Microphone: ${error.name === "NotAllowedError" ? "the browser was told not to give it" : error.name === "NotFoundError" ? "there is none" : error.message}`);
      return;
    }
    const end = () => stream.getTracks().forEach((track) => track.stop());
    if (abort.signal.aborted) return end();
    abort.signal.addEventListener("abort", end);
    this.record(stream, abort, end);
  }

  record(stream, abort, end) {
    const type = TYPES.find((t) => MediaRecorder.isTypeSupported(t));
    const recorder = this.recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    const pieces = [], started = performance.now();
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    const clock = setInterval(() => {
      const elapsed = performance.now() - started, s = Math.floor(elapsed / 1000);
      byId("stats").textContent = `recording ${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
      if (elapsed > LONGEST_MS) this.finish();
    }, 250);
    recorder.addEventListener("stop", () => {
      clearInterval(clock);
      byId("stats").textContent = "";
      end();
      if (!abort.signal.aborted) this.transcribe(new Blob(pieces, { type: recorder.mimeType }), abort);
    });
    abort.signal.addEventListener("abort", () => { if (recorder.state !== "inactive") recorder.stop(); });
    recorder.start();
    this.set("recording");
  }

  finish() { if (this.state === "recording" && this.recorder.state !== "inactive") this.recorder.stop(); }

  /** Nothing of it is sent, or what comes back is not waited for. */
  cancel() {
    this.abort?.abort();
    this.set("idle");
  }

  async transcribe(sound, abort) {
    this.set("transcribing");
    const form = new FormData();
    form.append("file", sound, `speech.${ENDING[sound.type.split(";")[0]] ?? "webm"}`);
    form.append("model", this.model());
    form.append("response_format", "json");
    try {
      const { text } = await (await postForm("/v1/audio/transcriptions", form, abort.signal)).json();
      if (text.trim()) this.onText(text.trim());
      else notice("Microphone: no words were heard");
    } catch (error) {
      if (error.name === "AbortError") return;
      notice(inWords(error, "Microphone"));
      if (error.status === 404 || error.status === 503) this.onFailed();
    }
    if (!abort.signal.aborted) this.set("idle");
  }
}
