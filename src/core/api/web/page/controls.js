// The kill switch: its level, its buttons, and the question before each.

import { at, say } from "./dom.js";
import { clock } from "./format.js";
import { newKey, order } from "./session.js";

const LEVELS = {
  NORMAL: ["good", "Trades as its strategies decide."],
  NO_ENTRY: ["odd", "No order that opens or adds."],
  REDUCE_ONLY: ["odd", "No order that opens or adds; working entries are cancelled."],
  FLATTEN: ["bad", "Cancels and closes everything."],
  LOCKED: ["bad", "Everything is closed; nothing is traded until resumed."],
};

const ACTIONS = {
  halt: {
    title: "Halt", verb: "Halt", path: "/api/v1/halt", more: { reduce_only: false }, at: ["NORMAL"],
    words: "No order that opens or adds is sent until somebody resumes. Working entries stay, and so do stops and exits.",
  },
  reduce: {
    title: "Reduce only", verb: "Reduce only", path: "/api/v1/halt", more: { reduce_only: true }, at: ["NORMAL", "NO_ENTRY"],
    words: "As a halt, and working entries are cancelled, too. Stops and exits go on.",
  },
  flatten: {
    title: "Flatten", verb: "Close everything", path: "/api/v1/flatten", more: { scope: "bot" }, typed: "flatten",
    at: ["NORMAL", "NO_ENTRY", "REDUCE_ONLY"],
    words: "Cancels all orders of the bot, closes all that it holds at market, and locks. This can't be undone.",
  },
  resume: {
    title: "Resume", verb: "Resume trading", path: "/api/v1/resume", more: {}, at: ["NO_ENTRY", "REDUCE_ONLY", "LOCKED"],
    words: "Trading goes on as its strategies decide.",
  },
};

/** The section of the kill switch; `callerOf` gives who is signed in. */
export class Controls {
  #callerOf;
  #level = "";
  #asked = null;
  #key = "";

  constructor(callerOf) {
    this.#callerOf = callerOf;
    for (const button of document.querySelectorAll("[data-action]")) {
      button.addEventListener("click", () => this.#press(button));
    }
    at("confirm-cancel").addEventListener("click", () => at("confirm").close());
    at("confirm-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#carryOut();
    });
  }

  show({ risk_level, risk_reason, risk_since_ms, flattening }) {
    this.#level = risk_level;
    const [tone, meaning] = LEVELS[risk_level] ?? ["bad", ""];
    at("level").className = `badge ${tone}`;
    say(at("level"), risk_level.replaceAll("_", " "));
    const why = risk_reason ? ` Since ${clock(risk_since_ms)} UTC: ${risk_reason}` : "";
    const progress = risk_level === "FLATTEN" && flattening
      ? ` Orders at work: ${flattening.working_orders}; still to be closed: ${flattening.left.join(", ") || "nothing"}.` : "";
    say(at("level-words"), meaning + why + progress);
    for (const button of document.querySelectorAll("[data-action]")) {
      const hindrance = this.#hindrance(ACTIONS[button.dataset.action]);
      button.setAttribute("aria-disabled", String(Boolean(hindrance)));
      button.title = hindrance;
    }
  }

  #hindrance(action) {
    if (this.#callerOf()?.scope === "read") return "Your token may only look: this takes one with scope trade.";
    return action.at.includes(this.#level) ? "" : `Not at ${this.#level.replaceAll("_", " ")}.`;
  }

  #press(button) {
    const note = at("switch-note");
    if (button.getAttribute("aria-disabled") === "true") {
      note.textContent = button.title;
      return;
    }
    note.textContent = "";
    const action = ACTIONS[button.dataset.action];
    this.#asked = action;
    this.#key = newKey();
    at("confirm-title").textContent = action.title;
    at("confirm-words").textContent = action.words;
    at("confirm-yes").textContent = action.verb;
    at("confirm-yes").className = action.typed ? "primary danger" : "primary";
    at("confirm-yes").disabled = false;
    at("confirm-typed").hidden = !action.typed;
    at("confirm-error").textContent = "";
    at("confirm-reason").value = at("confirm-word").value = "";
    at("confirm").showModal();
    at("confirm-reason").focus();
  }

  async #carryOut() {
    const { path, more, typed, title } = this.#asked;
    const error = at("confirm-error");
    const reason = at("confirm-reason").value.trim();
    if (!reason) error.textContent = "Say why: it goes on the record.";
    else if (typed && at("confirm-word").value.trim().toLowerCase() !== typed) error.textContent = `Type ${typed} to confirm.`;
    else {
      error.textContent = "";
      at("confirm-yes").disabled = true;
      try {
        const body = { reason, by: `page:${this.#callerOf()?.name ?? ""}`, ...more };
        await order(path, body, this.#key);
        at("confirm").close();
        at("switch-note").textContent = `${title}: done.`;
      } catch (refused) {
        error.textContent = refused.message;
      }
      at("confirm-yes").disabled = false;
    }
  }
}
