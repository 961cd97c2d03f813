// Spoken replies: the switch, the voice, and an answer that is spoken sentence by sentence while it is written.
import { inWords } from "./api.js";
import { byId, notice } from "./dom.js";
import { Sentences } from "./sentences.js";
import { Speaker } from "./speaker.js";

export class SpokenReplies {
  /** @param offers an Offers. @param onState called when speaking begins and ends. @param onFailed after a 404 or 503. */
  constructor(offers, { onState, onFailed }) {
    this.on = localStorage.getItem("spoken") === "1";
    this.sentences = null; // of the answer that is being spoken
    this.known = "";       // the voices as they are listed
    this.speaker = new Speaker({
      onState,
      onProblem: (error) => {
        this.sentences = null;
        notice(inWords(error, "Spoken replies"));
        if (error.status === 404 || error.status === 503) onFailed();
      },
    });
    this.switch = byId("speak");
    this.switch.addEventListener("click", () => this.set(!this.on));
    byId("voice").addEventListener("change", (event) => {
      localStorage.setItem("voice", event.target.value);
      this.choose(offers.voices);
    });
    offers.onChange(() => this.offer(offers.voices));
    this.set(this.on);
  }

  get speaking() { return this.speaker.speaking; }

  set(on) {
    this.on = on;
    this.switch.setAttribute("aria-pressed", String(on));
    localStorage.setItem("spoken", on ? "1" : "0");
    if (!on) this.stop();
  }

  offer(voices) {
    const known = JSON.stringify(voices), wanted = localStorage.getItem("voice");
    if (known === this.known) return; // who has the list open keeps it
    this.known = known;
    byId("voice").replaceChildren(...voices.map(({ id, language }) => new Option(language ? `${id} (${language})` : id, id)));
    if (voices.some((voice) => voice.id === wanted)) byId("voice").value = wanted;
    this.choose(voices);
  }

  choose(voices) {
    const voice = voices.find(({ id }) => id === byId("voice").value) ?? null;
    const now = this.speaker.voice;
    if (voice?.id !== now?.id || voice?.model !== now?.model) this.speaker.use(voice);
  }

  /** An answer begins; from within the click or key that asked for it. */
  begin() {
    this.stop();
    this.sentences = this.on ? new Sentences() : null;
    if (this.on) this.speaker.unlock();
  }

  /** @param text the answer so far. @param whole nothing more will come. */
  grow(text, whole = false) {
    if (this.sentences) this.speaker.say(this.sentences.take(text, whole));
  }

  /** One answer that is there already. */
  read(text) {
    this.stop();
    this.speaker.unlock();
    this.speaker.say(new Sentences().take(text, true));
  }

  stop() {
    this.sentences = null;
    this.speaker.stop();
  }
}
