// The three charts. Each keeps a bounded series and redraws in the colours of the theme.

import { digits } from "./format.js";

const Lib = window.LightweightCharts;
const MOST_CANDLES = 500;

/** A colour of the style sheet as the canvas wants it. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function look() {
  const line = colour("line");
  return {
    layout: {
      background: { type: "solid", color: colour("card") },
      textColor: colour("faint"),
      fontSize: 11,
      fontFamily: getComputedStyle(document.body).fontFamily,
      attributionLogo: false,
      panes: { separatorColor: line, separatorHoverColor: line, enableResize: false },
    },
    grid: { vertLines: { visible: false }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line, timeVisible: true, secondsVisible: true, rightOffset: 3 },
  };
}

class Chart {
  constructor(holder) {
    this.chart = Lib.createChart(holder, { autoSize: true, ...look(), handleScroll: { vertTouchDrag: false } });
    // Keyboards reach everything that a chart shows by the tables beside it.
    for (const each of holder.querySelectorAll("a, [tabindex]")) each.tabIndex = -1;
  }

  restyle() {
    this.chart.applyOptions(look());
    this.paint();
  }
}

/** Candles with the bot's fills, working orders and average price. */
export class CandleChart extends Chart {
  #series = this.chart.addSeries(Lib.CandlestickSeries, { borderVisible: false });
  #markers = Lib.createSeriesMarkers(this.#series, []);
  #lines = [];
  #drawn = "";
  #candles = [];
  #fills = [];
  #levels = [];
  #forming = null;
  length_s = 60;

  constructor(holder) {
    super(holder);
    this.paint();
  }

  paint() {
    const up = colour("up");
    const down = colour("down");
    this.#series.applyOptions({ upColor: up, wickUpColor: up, downColor: down, wickDownColor: down });
    this.#drawn = "";
    this.#mark();
  }

  /** Closed candles and the forming one, as the API gives them. */
  show({ candles, forming }) {
    this.#candles = candles.map(bar);
    this.#forming = forming ? bar(forming) : null;
    const all = this.#forming ? [...this.#candles, this.#forming] : this.#candles;
    const last = all.at(-1);
    const precision = digits(last?.close ?? 1);
    this.#series.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    this.#series.setData(all);
    if (all.length > 1) this.length_s = all[1].time - all[0].time;
    this.chart.timeScale().setVisibleLogicalRange({ from: all.length - Math.max(40, this.chart.timeScale().width() / 7), to: all.length + 3 });
    this.#mark();
  }

  close(candle) {
    const closed = bar(candle);
    const last = this.#candles.at(-1);
    if (last && closed.time <= last.time) return;
    this.#candles.push(closed);
    this.#forming = null;
    this.#series.update(closed, true);
    if (this.#candles.length > MOST_CANDLES * 1.2) {
      this.#candles = this.#candles.slice(-MOST_CANDLES);
      this.#series.setData(this.#candles);
    }
    this.#mark();
  }

  /** The price now, at trading time, in the candle that is forming. */
  tick(price, now_ms) {
    const last = this.#candles.at(-1);
    if (!last || price == null) return;
    const time = Math.floor(now_ms / 1000 / this.length_s) * this.length_s;
    if (time <= last.time) return;
    const before = this.#forming;
    this.#forming = before?.time === time
      ? { ...before, close: price, high: Math.max(before.high, price), low: Math.min(before.low, price) }
      : { time, open: price, high: price, low: price, close: price };
    if (!before || before.time <= time) this.#series.update(this.#forming);
  }

  /** `fills` of the symbol; `levels`: `{price, title, tone}` of what works. */
  mark(fills, levels) {
    this.#fills = fills;
    this.#levels = levels;
    this.#mark();
  }

  #mark() {
    const first = this.#candles[0]?.time ?? Infinity;
    const shown = this.#fills.filter((each) => each.at_ms / 1000 >= first).sort((one, two) => one.at_ms - two.at_ms);
    const drawn = JSON.stringify([first, shown.map((each) => each.trade_id), this.#levels]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    // One arrow a candle and side, however many fills an order came in.
    const arrows = Map.groupBy(shown, (each) => `${Math.floor(each.at_ms / 1000 / this.length_s) * this.length_s} ${each.side}`);
    this.#markers.setMarkers([...arrows.keys()].map((key) => {
      const [time, side] = key.split(" ");
      const isBuy = side === "buy";
      return {
        time: Number(time),
        position: isBuy ? "belowBar" : "aboveBar",
        shape: isBuy ? "arrowUp" : "arrowDown",
        color: colour(isBuy ? "up" : "down"),
      };
    }));
    for (const each of this.#lines) this.#series.removePriceLine(each);
    this.#lines = this.#levels.map(({ price, title, tone }) =>
      this.#series.createPriceLine({ price, title, color: colour(tone), lineWidth: 1, lineStyle: 2 }));
  }
}

/** Two series, one above the other, over the same time. `upper` and `lower`: `{key, tone, options}`. */
export class TwinChart extends Chart {
  #series;

  constructor(holder, upper, lower) {
    super(holder);
    this.#series = [...upper.map((each) => [each, 0]), ...lower.map((each) => [each, 1])].map(([each, pane]) => ({
      ...each,
      line: this.chart.addSeries(each.filled ? Lib.AreaSeries : Lib.LineSeries,
        { lineWidth: 1.5, priceLineVisible: false, title: each.title ?? "", ...each.options }, pane),
    }));
    const [above, below] = this.chart.panes();
    above.setStretchFactor(7);
    below.setStretchFactor(3);
    this.paint();
  }

  paint() {
    for (const { line, tone, filled } of this.#series) {
      const ink = colour(tone);
      const clear = ink.replace("rgb(", "rgba(").replace(")", ", 0)");
      const wash = ink.replace("rgb(", "rgba(").replace(")", ", .16)");
      line.applyOptions(filled ? { lineColor: ink, topColor: wash, bottomColor: clear } : { color: ink });
    }
  }

  show(points) {
    for (const { line, key } of this.#series) line.setData(points.map((each) => ({ time: each.time, value: each[key] })));
    this.chart.timeScale().fitContent();
  }

  add(point) {
    for (const { line, key } of this.#series) line.update({ time: point.time, value: point[key] });
    this.chart.timeScale().fitContent();
  }
}

const bar = ({ open_ms, open, high, low, close }) => ({ time: Math.floor(open_ms / 1000), open, high, low, close });
