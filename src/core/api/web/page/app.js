// The page: signs in, keeps the newest picture, and has it shown.

import { CandleChart, TwinChart } from "./charts.js";
import { Controls } from "./controls.js";
import { at, say } from "./dom.js";
import * as as from "./format.js";
import * as panels from "./panels.js";
import { Curve, Latest } from "./rings.js";
import * as session from "./session.js";
import { Stream } from "./stream.js";

const MOST_DECISIONS = 500;
const MOST_ORDERS = 200;
const MOST_FILLS = 500;
const MOST_POINTS = 1_440;
const FEEDS_EVERY_MS = 3_000;

const decisions = new Latest(MOST_DECISIONS, (each) => `${each.cycle} ${each.strategy}`);
const orders = new Latest(MOST_ORDERS, (each) => each.client_order_id);
const fills = new Latest(MOST_FILLS, (each) => `${each.symbol} ${each.trade_id}`);
const equity = new Curve(MOST_POINTS);
const engine = new Curve(MOST_POINTS);

let caller = null;
let status = null;
let peak = 0;
let lostAt = 0;
let feeds = { lines: [], came: 0 };
let models = null;
let dirty = new Set();
let charts = null;
let frame = 0;

const stream = new Stream(take, connection);
const controls = new Controls(() => caller);

// What comes

function take(message) {
  if (message.type === "status") {
    status = message.status;
    everything();
    if (charts === null) begin();
  } else if (message.type === "changes" && status) {
    for (const symbol of status.symbols) Object.assign(symbol, message.symbols[symbol.symbol]);
    Object.assign(status, message.status);
    mark("status");
    if (message.status.positions) mark("positions", "levels");
    if (message.status.breaker_states || "unknown_orders" in message.status ||
      "foreign_orders" in message.status || "abandoned_threads" in message.status || message.status.overdue) mark("breakers");
  } else if (message.type === "events") message.events.forEach(happened);
  if (status && message.type !== "events") remember();
}

function happened(event) {
  switch (event.type) {
    case "decision":
      decisions.add([event.decision]);
      return mark("decisions");
    case "order":
      orders.add([event.order]);
      return mark("orders", "levels");
    case "fill":
      fills.add([event.fill]);
      return mark("fills", "levels");
    case "candle":
      if (event.symbol === at("symbol").value && event.timeframe === charts?.timeframe) charts.candles.close(event.candle);
  }
}

function remember() {
  if (Number(status.equity) > 0) {
    const point = equityPoint(status.trading_time_ms, Number(status.equity));
    draw("equity", equity.add(point), equity, point);
  }
  const point = {
    time: Math.floor(Date.now() / 1000),
    p50: status.loop_lag_ms.p50 ?? 0,
    p99: status.loop_lag_ms.p99 ?? 0,
    queue: status.queue_depth,
  };
  draw("engine", engine.add(point), engine, point);
}

function draw(name, change, curve, point) {
  if (change === "added") charts?.[name].add(point);
  else if (change === "thinned") charts?.[name].show(curve.points);
}

function equityPoint(at_ms, amount) {
  peak = Math.max(peak, amount);
  return { time: Math.floor(at_ms / 1000), equity: amount, drawdown: peak > 0 ? (-100 * (peak - amount)) / peak : 0 };
}

// What is shown, at most once a frame

function mark(...parts) {
  for (const each of parts) dirty.add(each);
  frame ||= requestAnimationFrame(show);
}

function everything() {
  mark("status", "positions", "breakers", "orders", "fills", "decisions", "levels", "feeds", "models");
}

function show() {
  frame = 0;
  const parts = dirty;
  dirty = new Set();
  if (!status) return;
  if (parts.has("status")) {
    const drawdown = equity.points.length ? -equity.points.at(-1).drawdown : null;
    panels.showTiles(status, drawdown);
    panels.showHead(status);
    panels.offerSymbols(status);
    controls.show(status);
    showPrice();
    showWords(drawdown);
  }
  if (parts.has("positions")) panels.showPositions(status);
  if (parts.has("breakers")) panels.showBreakers(status);
  if (parts.has("orders")) panels.showOrders(orders.items);
  if (parts.has("fills")) panels.showFills(fills.items);
  if (parts.has("decisions")) panels.showDecisions(decisions.items);
  if (parts.has("feeds")) panels.showFeeds(feeds.lines, (Date.now() - feeds.came) / 1000);
  if (parts.has("models") && models) panels.showModels(models);
  if (parts.has("levels") && charts) showLevels();
}

function showPrice() {
  const symbol = status.symbols.find((each) => each.symbol === at("symbol").value);
  say(at("market-price"), as.price(symbol?.last_price));
  if (symbol?.last_price) charts?.candles.tick(symbol.last_price, status.trading_time_ms);
}

function showWords(drawdown) {
  const lag = status.loop_lag_ms;
  say(at("equity-words"), `${as.money(status.equity)} ${status.currency}`);
  at("equity").setAttribute("aria-label", `Equity ${as.money(status.equity)} ${status.currency}, drawdown ${as.percent(drawdown)}`);
  const words = `p50 ${as.milliseconds(lag.p50)}, p99 ${as.milliseconds(lag.p99)}, queue ${status.queue_depth}`;
  say(at("engine-words"), words);
  at("engine").setAttribute("aria-label", `Loop lag ${words}`);
}

function showLevels() {
  const symbol = at("symbol").value;
  const working = orders.items.filter((each) => each.symbol === symbol && panels.isWorking(each));
  const levels = working.flatMap((each) => {
    const price = each.price ?? each.stop_price;
    return price == null ? [] : [{ price: Number(price), title: each.purpose === "protect" ? "stop" : each.side, tone: each.side === "buy" ? "up" : "down" }];
  });
  const position = status.positions.find((each) => each.symbol === symbol && panels.isHeld(each));
  if (position?.average_price) levels.push({ price: Number(position.average_price), title: "average", tone: "accent" });
  charts.candles.mark(fills.items.filter((each) => each.symbol === symbol), levels);
}

// What is asked

async function begin() {
  charts = {
    candles: new CandleChart(at("candles")),
    equity: new TwinChart(at("equity"),
      [{ key: "equity", tone: "accent", filled: true }],
      [{ key: "drawdown", tone: "down", filled: true, options: { invertFilledArea: true, priceFormat: { type: "custom", minMove: 0.01, formatter: as.percent } } }]),
    engine: new TwinChart(at("engine"),
      [{ key: "p99", tone: "accent", title: "p99 ms" }, { key: "p50", tone: "faint", title: "p50 ms" }],
      [{ key: "queue", tone: "warn", title: "queue", options: { priceFormat: { type: "price", precision: 0, minMove: 1 } } }]),
    timeframe: "",
  };
  charts.engine.show(engine.points);
  panels.offerSymbols(status);
  await refresh();
}

/** All that the stream does not repeat, as after each time that it was away. */
async function refresh() {
  if (charts === null) return;
  const [profit, decided, ordered, filled] = await Promise.allSettled([
    session.ask("/api/v1/profit"),
    session.ask(`/api/v1/decisions?limit=${MOST_DECISIONS}`),
    session.ask("/api/v1/orders"),
    session.ask(`/api/v1/fills?limit=${MOST_FILLS}`),
    askFeeds(),
    askModels(),
    askCandles(),
  ]);
  if (profit.value) {
    peak = 0;
    equity.replace(profit.value.curve.filter((each) => each.equity > 0).map((each) => equityPoint(each.at_ms, each.equity)));
    charts.equity.show(equity.points);
  }
  if (decided.value) decisions.replace(decided.value);
  if (ordered.value) orders.replace(ordered.value);
  if (filled.value) fills.replace(filled.value);
  everything();
}

async function askCandles() {
  const symbol = at("symbol").value;
  if (!symbol || !charts) return;
  try {
    const found = await session.ask(`/api/v1/candles/${symbol.split("/").map(encodeURIComponent).join("/")}?limit=300`);
    if (symbol !== at("symbol").value) return;
    charts.timeframe = found.timeframe;
    charts.candles.show(found);
    say(at("market-frame"), found.candles.length ? found.timeframe : "no candles yet");
    at("candles").setAttribute("aria-label", `Candles of ${symbol}, ${found.timeframe}`);
    mark("levels");
  } catch (error) {
    say(at("market-frame"), error.message);
  }
}

async function askFeeds() {
  try {
    feeds = { lines: await session.ask("/api/v1/feeds"), came: Date.now() };
    mark("feeds");
  } catch {
    mark("feeds"); // they grow older, and are shown so
  }
}

async function askModels() {
  try {
    models = await session.ask("/api/v1/models");
    mark("models");
  } catch {
    // what was shown stays: the link's words say that the daemon does not answer
  }
}

setInterval(() => {
  if (charts && status && !document.hidden) {
    askFeeds();
    askModels();
  }
}, FEEDS_EVERY_MS);

// The connection, and who is signed in

const STATES = { live: "Live", silent: "Silent", lost: "Lost", refused: "Signed out" };

function connection(state) {
  at("link").dataset.state = state;
  say(at("link-words"), STATES[state]);
  const banner = at("banner");
  if (state === "live") {
    banner.hidden = true;
    if (lostAt) refresh();
    lostAt = 0;
    return;
  }
  lostAt ||= Date.now();
  if (state === "refused") return signOut("This token counts no more. The one of each start is in api.token.");
  const since = `Figures are of ${as.clock(lostAt)} UTC.`;
  banner.textContent = state === "silent"
    ? `The daemon has gone silent. ${since}`
    : `The connection is lost; trying again. ${since} The daemon trades on, whether this page is open or not.`;
  banner.hidden = false;
}

async function signIn() {
  try {
    caller = await session.ask("/api/v1/caller");
  } catch (error) {
    if (error.status === 401 || error.status === 403) return signOut("That token is not known here.");
    caller = null; // away for now: the stream goes on trying
  }
  at("sign-in").hidden = true;
  at("main").hidden = at("sign-out").hidden = at("link").hidden = false;
  at("sign-out").textContent = caller ? `Sign out ${caller.name}` : "Sign out";
  stream.start();
}

function signOut(words = "") {
  stream.stop();
  session.forget();
  caller = null;
  at("main").hidden = at("sign-out").hidden = at("link").hidden = at("banner").hidden = true;
  at("sign-in").hidden = false;
  at("sign-in-error").textContent = words;
  at("token").value = "";
  at("token").focus();
}

at("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  session.keep(at("token").value.trim());
  signIn();
});
at("sign-out").addEventListener("click", () => signOut());
at("symbol").addEventListener("change", () => {
  mark("status");
  askCandles();
});
for (const id of ["of-symbol", "of-outcome", "of-words"]) at(id).addEventListener("input", () => mark("decisions"));

// The theme

const THEMES = ["system", "light", "dark"];

function wear(theme) {
  document.documentElement.dataset.theme = theme;
  say(at("theme"), `Theme: ${theme}`);
  for (const each of [charts?.candles, charts?.equity, charts?.engine]) each?.restyle();
}

at("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  localStorage.setItem("metronome.theme", next);
  wear(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => wear(document.documentElement.dataset.theme));
wear(THEMES.includes(localStorage.getItem("metronome.theme")) ? localStorage.getItem("metronome.theme") : "system");

if (session.token()) signIn();
else signOut();
