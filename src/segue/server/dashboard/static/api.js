// The gateway's endpoints for this page. The key, where there is one, is in a cookie that no script can read.

const BASE = "api/v1";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(`${BASE}${path}`, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new Refused(response.status, said?.error?.message ?? `HTTP ${response.status}`);
}

function json(method, body, signal) {
  return { method, signal, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

export const get = async (path) => (await ask(path)).json();
export const post = async (path, body) => (await ask(path, json("POST", body))).json();
export const signIn = (key) => ask("/session", json("POST", { key }));
export const signOut = () => ask("/session", { method: "DELETE" });
export const events = () => new EventSource(`${BASE}/events`);

// Asks a model and calls `hear(name, data)` for each event of its stream. Returns the request's id and who began to answer.
export async function tryOut(body, hear, signal, begun) {
  const response = await ask("/try", json("POST", body, signal));
  begun({ id: response.headers.get("x-request-id"), target: response.headers.get("x-segue-target"), model: response.headers.get("x-segue-model"), simulated: response.headers.get("x-segue-simulated") === "true" });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part), data = /^data: (.*)$/m.exec(part);
      if (name && data) hear(name[1], JSON.parse(data[1]));
    }
  }
}
