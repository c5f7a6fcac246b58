// What is shown of the daemon beside the charts.

import { at, choices, empty, make, say, table } from "./dom.js";
import * as as from "./format.js";

const ENDED = new Set(["filled", "cancelled", "expired", "rejected", "absent"]);
const OUTCOMES = { TRADE: ["good", "Trade"], NO_TRADE: ["", "No trade"], REFUSED: ["odd", "Refused"], FAILED: ["bad", "Failed"] };
/** What the badge says already. */
const OPENING = /^(no trade|refused by the risk gate|no decision): /;
const MODEL_TONES = { BLOCKED_TEMPORARY: "warn", BLOCKED_PERMANENT: "warn", FAILED: "down" };
const WELL = new Set(["live", "quiet"]);

export const isWorking = (order) => !ENDED.has(order.state);
export const isHeld = (position) => Number(position.quantity) !== 0 && !position.is_dust;

export function showTiles(status, drawdown) {
  const held = status.positions.filter(isHeld).length;
  const live = status.symbols.filter((each) => WELL.has(each.feed)).length;
  const tiles = [
    ["Equity", as.money(status.equity), "", status.currency],
    ["Profit", as.signed(status.profit), as.direction(status.profit), status.currency],
    ["Drawdown", as.percent(drawdown), drawdown > 5 ? "warn" : ""],
    ["Positions", as.count(held)],
    ["Unknown orders", as.count(status.unknown_orders), status.unknown_orders ? "down" : ""],
    ["Feeds live", `${live} of ${status.symbols.length}`, live < status.symbols.length ? "warn" : ""],
    ["Loop lag p99", as.milliseconds(status.loop_lag_ms.p99), status.loop_lag_ms.p99 > 10 ? "warn" : ""],
    ["Queue", as.count(status.queue_depth)],
  ];
  const holder = at("tiles");
  while (holder.children.length < tiles.length) holder.append(make("div", "", make("dt"), make("dd")));
  tiles.forEach(([title, value, tone = "", unit = ""], index) => {
    const [name, figure] = holder.children[index].children;
    say(name, unit ? `${title}, ${unit}` : title);
    say(figure, value);
    figure.className = tone;
    figure.id = `tile-${title.toLowerCase().replaceAll(" ", "-")}`;
  });
}

export function showHead(status) {
  const speed = status.clock_speed === 1 ? "" : ` · ${status.clock_speed}× speed`;
  say(at("where"), `${status.mode} · ${status.venue}${speed} · ${as.words(status.state)}`);
  say(at("version"), `Metronome ${status.version} · up ${as.age(status.uptime_s)} · ${as.moment(status.trading_time_ms)} UTC`);
}

export function showPositions(status) {
  const held = status.positions.filter(isHeld);
  at("positions").replaceChildren(held.length === 0 ? empty("Nothing is held.") : table("Positions", [
    { title: "Symbol", of: (each) => each.symbol },
    { title: "Quantity", classes: "number", of: (each) => as.quantity(each.quantity) },
    { title: "Average", classes: "number", of: (each) => as.price(each.average_price) },
    { title: "Now", classes: "number wide", of: (each) => as.price(each.mark_price) },
    { title: "Stop", classes: "number wide", of: (each) => as.price(each.stop_price) },
    { title: "Profit", classes: "number", of: (each) => toned(each.unrealised_profit) },
  ], held));
}

export function showOrders(orders) {
  at("orders").replaceChildren(orders.length === 0 ? empty("No orders yet.") : table("Orders, newest first", [
    { title: "Time", of: (each) => as.clock(each.created_ms) },
    { title: "Symbol", of: (each) => each.symbol },
    { title: "Side", of: (each) => make("span", each.side === "buy" ? "up" : "down", each.side) },
    { title: "Quantity", classes: "number", of: (each) => as.quantity(each.quantity) },
    { title: "Price", classes: "number wide", of: (each) => as.price(each.average_price ?? each.price ?? each.stop_price) },
    { title: "For", classes: "wide", of: (each) => as.words(each.purpose) },
    { title: "State", of: (each) => stateOf(each) },
  ], orders));
}

export function showFills(fills) {
  at("fills").replaceChildren(fills.length === 0 ? empty("Nothing has filled yet.") : table("Fills, newest first", [
    { title: "Time", of: (each) => as.clock(each.at_ms) },
    { title: "Symbol", of: (each) => each.symbol },
    { title: "Side", of: (each) => make("span", each.side === "buy" ? "up" : "down", each.side) },
    { title: "Quantity", classes: "number", of: (each) => as.quantity(each.quantity) },
    { title: "Price", classes: "number", of: (each) => as.price(each.price) },
    { title: "Fee", classes: "number wide", of: (each) => `${as.fee(each.fee)} ${each.fee_asset}` },
  ], fills));
}

/** One row a symbol, one column a channel; `aged_s`: since the answer came. */
export function showFeeds(feeds, aged_s) {
  const channels = [...new Set(feeds.map((each) => each.channel))];
  const bySymbol = Map.groupBy(feeds, (each) => each.symbol);
  const age = (symbol, channel) => {
    const feed = bySymbol.get(symbol).find((each) => each.channel === channel);
    if (!feed) return "–";
    const seconds = feed.age_s == null ? null : feed.age_s + aged_s;
    const shown = WELL.has(feed.state) ? as.age(seconds) : `${as.age(seconds)} · ${as.words(feed.state)}`;
    return make("span", WELL.has(feed.state) ? "" : "warn", feed.on_rest ? `${shown} · REST` : shown);
  };
  at("feeds").replaceChildren(feeds.length === 0 ? empty("No feed has begun yet.") : table("Ages of feeds", [
    { title: "Symbol", of: (each) => each },
    ...channels.map((channel) => ({ title: as.words(channel), classes: "number", of: (each) => age(each, channel) })),
  ], [...bySymbol.keys()]));
}

/** What decides about each symbol, and what becomes of its model; not shown where no strategy asks models. */
export function showModels(models) {
  const known = models.coverage.map((each) => ({ ...each, decides: deciding(models.in_use, each) }));
  const covered = new Set(known.map((each) => each.decides?.scope));
  const others = Object.entries(models.in_use).filter(([scope]) => !covered.has(scope))
    .map(([scope, version]) => ({ symbol: scope, decides: { version } }));
  const rows = [...known, ...others];
  at("models-card").hidden = rows.length === 0 && !models.last_refusal;
  const doing = models.training && `training: ${models.training}`;
  say(at("models-words"), [doing, models.last_refusal].filter(Boolean).join(" · "));
  at("models").replaceChildren(table("Models", [
    { title: "Symbol", of: (each) => (each.timeframe ? `${each.symbol} ${each.timeframe}` : each.symbol) },
    { title: "Decides", of: (each) => each.decides?.version },
    { title: "State", of: (each) => each.state && make("span", MODEL_TONES[each.state] ?? "", as.words(each.state)) },
    { title: "Again at", classes: "wide", of: (each) => as.moment(each.due_at_ms) },
    { title: "Why", classes: "words", of: (each) => each.reason },
  ], rows));
}

/** Its own model, else that of many symbols. */
function deciding(inUse, { symbol, timeframe }) {
  for (const name of [symbol, "*"]) {
    const found = Object.entries(inUse).find(([scope]) => scope.endsWith(` ${timeframe} ${name}`));
    if (found) return { scope: found[0], version: found[1] };
  }
  return null;
}

export function showBreakers(status) {
  const parts = [];
  if (status.breaker_states.length) {
    parts.push(table("Breakers that are not closed", [
      { title: "What", of: (each) => `${each.guards} ${each.name}` },
      { title: "State", of: (each) => make("span", "badge odd", as.words(each.phase)) },
      { title: "Why", classes: "words", of: (each) => each.reason },
      { title: "Next try", classes: "number", of: (each) => (each.retry_in_s == null ? "–" : as.age(each.retry_in_s)) },
    ], status.breaker_states));
  }
  const facts = [
    ["Open breakers", status.breaker_states.length, "warn"],
    ["Orders of unknown fate", status.unknown_orders, "down"],
    ["Orders of others on the account", status.foreign_orders, "warn"],
    ["Parts without progress", status.overdue.join(", "), "down"],
    ["Threads that hang", status.abandoned_threads, "warn"],
  ];
  parts.push(make("dl", "facts", ...facts.map(([name, value, tone]) =>
    make("div", "", make("dt", "", name), make("dd", value ? tone : "", value ? String(value) : "none")))));
  at("breakers").replaceChildren(...parts);
}

export function showDecisions(decisions) {
  const symbol = at("of-symbol").value;
  const outcome = at("of-outcome").value;
  const wanted = at("of-words").value.trim().toLowerCase();
  const found = decisions.filter((each) =>
    (!symbol || each.symbol === symbol) && (!outcome || each.outcome === outcome) &&
    (!wanted || `${each.reason} ${each.sentence} ${each.strategy}`.toLowerCase().includes(wanted)));
  const none = decisions.length ? "No decision fits the filter." : "No candle has closed yet since the daemon began.";
  at("decisions").replaceChildren(...(found.length ? found.slice(0, 200).map(decisionLine) : [make("li", "empty", none)]));
  say(at("decisions-count"), found.length === decisions.length ? `${decisions.length} newest` : `${found.length} of ${decisions.length}`);
}

export function offerSymbols(status) {
  const symbols = status.symbols.map((each) => each.symbol);
  choices(at("symbol"), symbols);
  choices(at("of-symbol"), symbols, 1);
}

function decisionLine(decision) {
  const [tone, name] = OUTCOMES[decision.outcome] ?? ["", decision.outcome];
  const head = make("div", "line", make("span", `badge ${tone}`, name), make("strong", "", decision.symbol),
    make("span", "faint", `${decision.strategy ? `${decision.strategy} · ` : ""}${as.clock(decision.close_ms)}`));
  const why = make("div", "why", decision.sentence.replace(OPENING, "") || decision.reason);
  why.title = decision.reason;
  return make("li", "", head, why);
}

function toned(amount) {
  return make("span", as.direction(amount), as.signed(amount));
}

function stateOf(order) {
  const isPartly = Number(order.filled_quantity) > 0 && isWorking(order);
  const words = isPartly ? `${as.quantity(order.filled_quantity)} filled` : as.words(order.state);
  return make("span", order.state === "unknown" || order.state === "rejected" ? "down" : isWorking(order) ? "warn" : "", words);
}
