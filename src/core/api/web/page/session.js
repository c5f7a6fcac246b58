// Who is signed in, and what is asked and ordered in that name.

const KEPT = "metronome.token";
const TIMEOUT_MS = 65_000;

/** An answer that is not 200; `status` 0: none came. */
export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

export const token = () => sessionStorage.getItem(KEPT);
export const keep = (given) => sessionStorage.setItem(KEPT, given);
export const forget = () => sessionStorage.removeItem(KEPT);

export const ask = (path) => send(path, {});

/** A command; sent again under the same key it is carried out once. */
export const order = (path, body, key) =>
  send(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
  });

/** 128 random bits; `crypto.randomUUID` is only there over TLS and on loopback. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join("");
}

async function send(path, { headers, ...rest }) {
  let answer;
  let body;
  try {
    answer = await fetch(path, {
      ...rest,
      headers: { ...headers, Authorization: `Bearer ${token()}` },
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await answer.json();
  } catch (error) {
    throw new Refused(answer?.status ?? 0, "No answer. Press again: it will not be carried out twice.");
  }
  if (!answer.ok) throw new Refused(answer.status, typeof body.detail === "string" ? body.detail : "Refused.");
  return body;
}
