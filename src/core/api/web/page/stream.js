// The WebSocket of what happens, and the healing of it.

import { ask, token } from "./session.js";

const SILENT_MS = 3_000;
const DEAD_MS = 10_000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5_000;

/** Tells `onState` of `live`, `silent`, `lost`, `refused`, and `onMessage` of each message. */
export class Stream {
  #onMessage;
  #onState;
  #socket = null;
  #state = "";
  #delay = FIRST_DELAY_MS;
  #timer = 0;
  #watch = 0;
  #heard = 0;

  constructor(onMessage, onState) {
    this.#onMessage = onMessage;
    this.#onState = onState;
  }

  start() {
    this.stop();
    this.#watch = setInterval(() => this.#look(), 500);
    this.#open();
  }

  stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    this.#state = "";
    this.#drop();
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/v1/events`, ["metronome", `bearer.${token()}`]);
    this.#socket = socket;
    this.#heard = Date.now();
    socket.onmessage = ({ data }) => {
      this.#heard = Date.now();
      this.#delay = FIRST_DELAY_MS;
      this.#become("live");
      this.#onMessage(JSON.parse(data));
    };
    socket.onclose = () => this.#again();
  }

  /** A token that counts no more is told from a server that is away. */
  #again() {
    this.#drop();
    this.#become("lost");
    const wait_ms = this.#delay * (0.75 + Math.random() / 2);
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
    this.#timer = setTimeout(async () => {
      try {
        await ask("/api/v1/caller");
      } catch (error) {
        if (!this.#state) return;
        if (error.status === 401 || error.status === 403) this.#become("refused");
        else this.#again();
        return;
      }
      if (this.#state) this.#open();
    }, wait_ms);
  }

  #look() {
    const quiet_ms = Date.now() - this.#heard;
    if (!this.#socket) return;
    if (quiet_ms > DEAD_MS) this.#again();
    else if (quiet_ms > SILENT_MS && this.#state === "live") this.#become("silent");
  }

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state);
  }

  #drop() {
    if (!this.#socket) return;
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    this.#socket = null;
  }
}
