// Sentences in, sound out. The next is asked for while the last is heard; stop() is silence at once.
import { postJson } from "./api.js";

const AHEAD_S = 4;    // of sound that waits to be heard when the next sentence is asked for
const LEAD_S = 0.05;  // between now and a first sample, so that it is not late

export class Speaker {
  /** @param onState called when speaking begins and ends. @param onProblem gets an error; what waited is dropped. */
  constructor({ onState, onProblem }) {
    this.onState = onState;
    this.onProblem = onProblem;
    this.voice = null;
    this.context = null;
    this.queue = [];
    this.run = null; // {abort, sources, until, wake}: what is being spoken
  }

  get speaking() { return this.run !== null; }

  /** @param voice {id, model, sample_rate}, or null. Ends what is being spoken. */
  use(voice) {
    this.stop();
    if (this.context?.sampleRate !== voice?.sample_rate) {
      this.context?.close();
      this.context = null;
    }
    this.voice = voice;
  }

  /** From within a click or a key: browsers let a page sound only then. */
  unlock() {
    if (!this.voice) return;
    this.context ??= new AudioContext({ sampleRate: this.voice.sample_rate }); // the voice's own: pieces join without a seam
    this.context.resume();
  }

  say(sentences) {
    if (!this.voice || sentences.length === 0) return;
    this.queue.push(...sentences);
    if (this.run) this.run.wake();
    else this.speak();
  }

  stop() {
    this.queue = [];
    const run = this.run;
    if (!run) return;
    this.run = null;
    run.abort.abort();
    for (const source of run.sources) { source.onended = null; source.stop(); }
    run.wake();
    this.onState();
  }

  async speak() {
    this.unlock();
    const run = this.run = { abort: new AbortController(), sources: new Set(), until: 0, wake: () => {} };
    this.onState();
    try {
      while (this.run === run) {
        const ahead = run.sources.size ? run.until - this.context.currentTime : 0;
        if (this.queue.length && ahead < AHEAD_S) await this.play(run, this.queue.shift());
        else if (run.sources.size) await new Promise((resolve) => { run.wake = resolve; });
        else break;
      }
    } catch (error) {
      if (this.run === run) {
        this.stop();
        this.onProblem(error);
      }
    }
    if (this.run === run) {
      this.run = null;
      this.onState();
    }
  }

  async play(run, input) {
    const { id, model } = this.voice;
    const response = await postJson("/v1/audio/speech", { input, model, voice: id, response_format: "pcm" }, run.abort.signal);
    const type = response.headers.get("Content-Type") ?? "";
    const rate = Number(/^audio\/pcm;\s*rate=(\d+)/.exec(type)?.[1]);
    if (!rate) throw new Error(`the server sent "${type}" where audio/pcm with its rate was expected`);
    const reader = response.body.getReader();
    let half = new Uint8Array(0); // of a sample that two chunks share
    for (;;) {
      const { value, done } = await reader.read();
      if (done || this.run !== run) return;
      const bytes = new Uint8Array(half.length + value.length);
      bytes.set(half);
      bytes.set(value, half.length);
      const whole = bytes.length - bytes.length % 2;
      half = bytes.slice(whole);
      if (whole) this.schedule(run, new DataView(bytes.buffer, 0, whole), rate);
    }
  }

  schedule(run, samples, rate) {
    const buffer = this.context.createBuffer(1, samples.byteLength / 2, rate), channel = buffer.getChannelData(0);
    for (let i = 0; i < channel.length; i++) channel[i] = samples.getInt16(2 * i, true) / 32768;
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    const at = Math.max(run.until, this.context.currentTime + LEAD_S);
    source.start(at);
    run.until = at + buffer.duration;
    run.sources.add(source);
    source.onended = () => { run.sources.delete(source); run.wake(); };
  }
}
