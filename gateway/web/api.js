// Talking to the server: calls, and streams of events.

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function headers(extra = {}) {
  const key = document.getElementById("api-key").value;
  return key ? { ...extra, Authorization: `Bearer ${key}` } : extra;
}

async function errorOf(response) {
  let message = `${response.status} ${response.statusText}`;
  try {
    message = (await response.json()).error.message;
  } catch { /* not a JSON body: the status line says it */ }
  return new ApiError(response.status, message);
}

export async function fetchJson(path, { acceptError = false } = {}) {
  const response = await fetch(path, { headers: headers() });
  if (!response.ok && !(acceptError && response.status === 503)) throw await errorOf(response);
  return response.json();
}

export async function fetchText(path) {
  const response = await fetch(path, { headers: headers() });
  if (!response.ok) throw await errorOf(response);
  return response.text();
}

async function post(path, body, type, signal) {
  const response = await fetch(path, { method: "POST", headers: headers(type), body, signal });
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** @returns the Response, its body not read yet. */
export const postJson = (path, body, signal) => post(path, JSON.stringify(body), { "Content-Type": "application/json" }, signal);

/** @param form a FormData: the browser writes its Content-Type. @returns the Response. */
export const postForm = (path, form, signal) => post(path, form, {}, signal);

/** Yields the data of each server-sent event until the body ends. Throws ApiError for an error event. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      buffered += value;
      for (let end; (end = buffered.indexOf("\n\n")) >= 0; buffered = buffered.slice(end + 2)) {
        const data = buffered.slice(0, end).split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n");
        if (!data) continue;
        if (data === "[DONE]") { yield null; return; }
        const event = JSON.parse(data);
        if (event.error) throw new ApiError(0, event.error.message);
        yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // who leaves in the middle lets the connection go
  }
}

/** Yields the chunks of a streamed chat completion. Throws ApiError, also for an error in the middle of the stream. */
export async function* streamChat(request, signal) {
  const response = await postJson("/v1/chat/completions", { ...request, stream: true, stream_options: { include_usage: true } }, signal);
  for await (const chunk of events(response)) {
    if (chunk === null) return;
    yield chunk;
  }
  throw new ApiError(0, "the connection ended before the answer did");
}

/** Yields a sensor's frames, at most `rate` a second, until the server ends them. */
export async function* streamFrames(sensorId, rate, signal) {
  const response = await fetch(`/v1/sensors/${encodeURIComponent(sensorId)}/frames?rate=${rate}`, { headers: headers(), signal });
  if (!response.ok) throw await errorOf(response);
  yield* events(response);
}

/** Why a call of `what` did not succeed, for people: 404 and 503 mean that this server does not offer it (now). */
export function inWords(error, what) {
  if (error.status === 404) return `${what}: this server does not offer it (${error.message})`;
  if (error.status === 503) return `${what}: not offered at the moment (${error.message})`;
  return `${what}: ${error.message}`;
}
