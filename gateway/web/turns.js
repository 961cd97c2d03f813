// The conversation in this browser's storage. A turn is {role, content, parts?, …}; parts are what a chat message takes.

const STORE = "conversation";

function isPart(part) {
  if (part?.type === "sensor") return typeof part.sensor_id === "string" && typeof part.window === "string";
  if (part?.type !== "image_url") return false;
  return part.lost === true || (typeof part.image_url?.url === "string" && part.image_url.url.startsWith("data:image/"));
}

const isTurn = (turn) => typeof turn?.role === "string" && typeof turn.content === "string" &&
  (turn.parts === undefined || (Array.isArray(turn.parts) && turn.parts.every(isPart)));

export function loadTurns() {
  try {
    const turns = JSON.parse(localStorage.getItem(STORE) || "[]");
    return Array.isArray(turns) ? turns.filter(isTurn) : [];
  } catch {
    return []; // what lies there is not ours: start anew
  }
}

const withoutPictures = (turn) => (turn.parts ? { ...turn, parts: turn.parts.map((part) => (part.type === "image_url" ? { type: part.type, name: part.name, lost: true } : part)) } : turn);

/** Pictures are left out, marked as lost, when the storage is too small for them. */
export function storeTurns(turns) {
  for (const kept of [turns, turns.map(withoutPictures)]) {
    try {
      return localStorage.setItem(STORE, JSON.stringify(kept));
    } catch { /* full */ }
  }
  // The conversation goes on, unsaved.
}
