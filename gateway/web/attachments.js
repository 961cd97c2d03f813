// What goes with the next message: pictures and windows of sensors, as parts of a chat message.
import { byId, element, notice } from "./dom.js";
import { openPicture } from "./picture.js";

const LARGEST = 16 * 1024 * 1024; // bytes of one picture: a request holds 32 MiB, and base64 adds a third
const MOST = 8;

const readUrl = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.addEventListener("load", () => resolve(reader.result));
  reader.addEventListener("error", () => reject(reader.error));
  reader.readAsDataURL(file);
});

/** A part as people see it, in the composer and in the conversation. @param insert takes text that was read in a picture. */
export function chip(part, insert) {
  if (part.type === "sensor") return element("span", { className: "chip", text: `${part.sensor_id}, last ${part.window}` });
  const name = part.name || "picture";
  if (part.lost) return element("span", { className: "chip", text: `${name} (not kept: the browser's storage is full)` });
  const image = element("img", { src: part.image_url.url, alt: name, height: 64 });
  const button = element("button", { type: "button", className: "thumbnail", title: `Open ${name}`, ariaLabel: `Open ${name}` }, image);
  button.addEventListener("click", () => openPicture(part, insert));
  return button;
}

/** As the server takes it: without what only this page knows. */
export const wirePart = ({ type, image_url, sensor_id, window }) => (type === "sensor" ? { type, sensor_id, window } : { type, image_url });

export class Attachments {
  /** @param offers an Offers. @param insert takes text that was read in a picture. */
  constructor(offers, insert) {
    this.offers = offers;
    this.insert = insert;
    this.parts = [];
    this.list = byId("attachments");
    const files = byId("files"), composer = byId("view-chat");
    byId("add-picture").addEventListener("click", () => files.click());
    files.addEventListener("change", () => { this.addFiles(files.files); files.value = ""; });
    byId("prompt").addEventListener("paste", (event) => {
      if (event.clipboardData.files.length === 0) return;
      event.preventDefault();
      this.addFiles(event.clipboardData.files);
    });
    const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
    composer.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      composer.classList.add("dropping");
    });
    composer.addEventListener("dragleave", (event) => { if (!composer.contains(event.relatedTarget)) composer.classList.remove("dropping"); });
    composer.addEventListener("drop", (event) => {
      composer.classList.remove("dropping");
      if (!carriesFiles(event)) return;
      event.preventDefault();
      this.addFiles(event.dataTransfer.files);
    });
  }

  async addFiles(files) {
    notice("");
    for (const file of [...files]) {
      const problem = await this.addPicture(file);
      if (problem) return notice(problem);
    }
  }

  /** @returns why it was not added, in words, or undefined. */
  async addPicture(file) {
    const name = file.name || "picture";
    if (!this.offers.has("pictures")) return `Pictures are not offered: ${this.offers.why("pictures")}`;
    if (!file.type.startsWith("image/")) return `${name} is no picture: it is ${file.type || "of no known type"}`;
    if (file.size > LARGEST) return `${name} has ${(file.size / 2 ** 20).toFixed(1)} MiB: ${LARGEST / 2 ** 20} MiB are the most`;
    if (this.parts.length >= MOST) return `${MOST} pictures and sensors are the most that one message takes`;
    const part = { type: "image_url", image_url: { url: await readUrl(file) }, name };
    try {
      await element("img", { src: part.image_url.url }).decode();
    } catch {
      return `${name} is damaged, or this browser cannot show ${file.type}`;
    }
    this.add(part);
  }

  addSensor(sensor_id, window) {
    if (this.parts.length >= MOST) return notice(`${MOST} pictures and sensors are the most that one message takes`);
    this.add({ type: "sensor", sensor_id, window });
  }

  add(part) {
    this.parts.push(part);
    const what = part.name || part.sensor_id;
    const remove = element("button", { type: "button", className: "remove", text: "×", title: `Remove ${what}`, ariaLabel: `Remove ${what}` });
    const item = element("li", {}, chip(part, this.insert), remove);
    remove.addEventListener("click", () => {
      this.parts = this.parts.filter((other) => other !== part);
      item.remove();
      byId("prompt").focus();
    });
    this.list.append(item);
  }

  /** @returns the parts; none are left. */
  take() {
    const parts = this.parts;
    this.parts = [];
    this.list.replaceChildren();
    return parts;
  }
}
