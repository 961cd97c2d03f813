// One picture, large, and over it the boxes of the text that the server reads in it.
import { inWords, postJson } from "./api.js";
import { byId, element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const dialog = byId("picture"), boxes = byId("picture-boxes"), lines = byId("picture-lines");
const readings = new WeakMap(); // of a part: what the server read in it
let offers = null, abort = null, shown = null, insert = null;

/** Once, at the start. */
export function wirePicture(known) {
  offers = known;
  byId("picture-close").addEventListener("click", () => dialog.close());
  byId("picture-use").addEventListener("click", () => { dialog.close(); insert(readings.get(shown).text); });
  dialog.addEventListener("close", () => abort?.abort());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

/** @param part an image_url part of a message; what was read stays with it. @param takeText gets the text on "Use text". */
export async function openPicture(part, takeText) {
  shown = part;
  insert = takeText;
  byId("picture-name").textContent = part.name || "Picture";
  Object.assign(byId("picture-image"), { src: part.image_url.url, alt: part.name || "picture" });
  show({ width: 1, height: 1, lines: [], text: "" });
  dialog.showModal();
  if (!offers.has("ocr")) return say(`Its text cannot be read here: ${offers.why("ocr")}.`);
  try {
    if (!readings.has(part)) {
      say("reading …");
      abort = new AbortController();
      const response = await postJson("/v1/vision/ocr", { image: part.image_url.url }, abort.signal);
      readings.set(part, await response.json());
    }
    if (shown !== part) return;
    const reading = readings.get(part), count = reading.lines.length;
    show(reading);
    say(count ? `${count} ${count === 1 ? "line" : "lines"}` : "There is no text in it.");
  } catch (error) {
    if (error.name !== "AbortError" && shown === part) say(inWords(error, "Text in pictures"));
  }
}

const say = (text) => { byId("picture-state").textContent = text; };

/** @param reading as POST /v1/vision/ocr answers: boxes are four corners in pixels of width × height. */
function show({ width, height, lines: read, text }) {
  byId("picture-use").hidden = !text;
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const polygons = read.map(({ box }) => {
    const polygon = document.createElementNS(SVG, "polygon");
    polygon.setAttribute("points", box.map(([x, y]) => `${x},${y}`).join(" "));
    return polygon;
  });
  boxes.replaceChildren(...polygons);
  lines.replaceChildren(...read.map((line, i) => {
    const button = element("button", { type: "button", text: line.text, title: `confidence ${(line.confidence * 100).toFixed(0)} %` });
    const mark = (on) => () => { polygons[i].classList.toggle("marked", on); button.classList.toggle("marked", on); };
    for (const name of ["pointerenter", "focus"]) button.addEventListener(name, mark(true));
    for (const name of ["pointerleave", "blur"]) button.addEventListener(name, mark(false));
    button.addEventListener("click", () => { dialog.close(); insert(line.text); });
    polygons[i].addEventListener("pointerenter", mark(true));
    polygons[i].addEventListener("pointerleave", mark(false));
    polygons[i].addEventListener("click", () => button.click());
    return element("li", {}, button);
  }));
}
