"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(`json-${id}`).textContent);
  const at = (id) => document.getElementById(id);
  const page = read("data");
  const run = page.run;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const DAY = 86400000;

  // ---- words and numbers -------------------------------------------------------------------------------------------
  const known = (value) => value !== null && value !== undefined;
  // Making a format costs more than using it a thousand times.
  const formats = new Map();
  function format(least, most, digits) {
    const key = `${least} ${most} ${digits}`;
    if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en-US", digits ? { maximumSignificantDigits: digits } : { minimumFractionDigits: least, maximumFractionDigits: most }));
    return formats.get(key);
  }
  const number = (value, digits = 2, suffix = "") => known(value) ? format(digits, digits).format(value) + suffix : "–";
  const signed = (value, digits = 2, suffix = "") => {
    const text = number(value, digits, suffix);
    if (!/[1-9]/.test(text)) return text.replace("-", "");
    return (value > 0 ? "+" : "") + text;
  };
  const exact = (value) => known(value) ? format(0, 0, 8).format(value) : "–";
  const price = (value) => known(value) ? format(2, Math.abs(value) >= 100 ? 2 : Math.abs(value) >= 1 ? 4 : 8).format(value) : "–";
  const day = (ms) => new Date(ms).toISOString().slice(0, 10);
  const minute = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ") + "Z";
  const word = (text) => text.replaceAll("_", " ");
  // Plotly reads a little markup in its texts; ours have none.
  const flat = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const tone = (value) => known(value) && value !== 0 ? (value > 0 ? "gain" : "loss") : "";

  // ---- elements ----------------------------------------------------------------------------------------------------
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") { for (const [event, action] of Object.entries(value)) element.addEventListener(event, action); }
      else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((one) => one !== undefined && one !== null));
    return element;
  }

  // A table that sorts by any column and shows a part of its rows at a time.
  // columns: {label, value(i), text(i), number, tone(i), node(i)}; count: rows.
  function table(host, columns, count, { size = 25, by = -1, down = true, match } = {}) {
    const order = { by, down };
    let first = 0;
    let rows = [];
    const body = make("tbody");
    const heads = columns.map((one, c) => make("th", { scope: "col", class: one.number ? "number" : undefined, "aria-sort": "none" },
      make("button", { type: "button", on: { click: () => {
        order.down = order.by === c ? !order.down : Boolean(one.number);
        order.by = c;
        first = 0;
        refresh();
      } } }, one.label)));
    const said = make("span", { class: "quiet", "aria-live": "polite" });
    const turn = (label, name, step) => make("button", { type: "button", "aria-label": name, on: { click: () => {
      first = Math.max(0, Math.min(first + step, Math.floor((rows.length - 1) / size) * size));
      show();
    } } }, label);
    const buttons = [turn("«", "first rows", -Infinity), turn("‹", "rows before", -size), turn("›", "next rows", size), turn("»", "last rows", Infinity)];
    const pages = make("div", { class: "pages" }, ...buttons, said);
    host.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body));
    host.after(pages);
    function refresh() {
      rows = [];
      for (let i = 0; i < count; i += 1) if (!match || match(i)) rows.push(i);
      if (order.by >= 0) {
        const key = columns[order.by].value;
        const sign = order.down ? -1 : 1;
        rows.sort((a, b) => {
          const [x, y] = [key(a), key(b)];
          if (!known(x) || !known(y)) return known(x) ? -1 : known(y) ? 1 : a - b;
          return x < y ? -sign : x > y ? sign : a - b;
        });
      }
      heads.forEach((head, c) => head.setAttribute("aria-sort", c === order.by ? (order.down ? "descending" : "ascending") : "none"));
      show();
    }
    function show() {
      if (!Number.isFinite(first) || first >= rows.length) first = 0;
      body.replaceChildren(...rows.slice(first, first + size).map((i) => make("tr", {}, ...columns.map((one) => {
        const classes = [one.number ? "number" : "", one.long ? "long" : "", one.tone ? one.tone(i) : ""].filter(Boolean).join(" ");
        return make("td", { class: classes || undefined }, one.node ? one.node(i) : one.text(i));
      }))));
      const last = Math.min(first + size, rows.length);
      said.textContent = rows.length ? `${number(first + 1, 0)} to ${number(last, 0)} of ${number(rows.length, 0)}` : "none";
      buttons.forEach((one, b) => { one.disabled = b < 2 ? first === 0 : last >= rows.length; });
      pages.hidden = count <= size;
    }
    refresh();
    return () => { first = 0; refresh(); };
  }

  function tabs(host, names, show) {
    const panel = make("div", { role: "tabpanel", tabindex: "0" });
    const buttons = names.map((name, i) => make("button", { type: "button", role: "tab", on: {
      click: () => choose(i, false),
      keydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) { event.preventDefault(); choose((i + step + names.length) % names.length, true); }
      },
    } }, name));
    function choose(i, focus) {
      buttons.forEach((one, b) => { one.setAttribute("aria-selected", String(b === i)); one.tabIndex = b === i ? 0 : -1; });
      panel.replaceChildren();
      panel.setAttribute("aria-label", names[i]);
      show(panel, i);
      if (focus) buttons[i].focus();
    }
    host.replaceChildren(make("div", { class: "tabs", role: "tablist" }, ...buttons), panel);
    choose(0, false);
  }

  // ---- charts ------------------------------------------------------------------------------------------------------
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const drawn = new Map();

  // The charts' library takes longer to start than everything else on the page: it starts once the page is to be seen.
  let library;
  function started() {
    if (!library) {
      library = new Promise((go) => {
        const source = at("plotly");
        performance.mark("charts-begin");
        document.head.append(make("script", {}, source.textContent));
        source.remove();
        performance.mark("charts-ready");
        go();
      });
    }
    return library;
  }

  function layout(extra = {}) {
    const axis = () => ({ gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true });
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: colour("front"), size: 12 },
      margin: { l: 52, r: 12, t: 10, b: 34 }, dragmode: touch ? false : "zoom", hovermode: "x unified", showlegend: true,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("front") }, align: "left" },
    };
    const whole = { ...base, ...extra };
    for (const name of ["xaxis", "yaxis", "xaxis2", "yaxis2"]) {
      if (name in whole || name.length === 5) whole[name] = { ...axis(), ...whole[name] };
    }
    return whole;
  }

  const moment = (value) => typeof value === "number" ? value
    : Date.parse(value.length > 10 ? value.replace(" ", "T") + "Z" : value + "T00:00:00Z");

  // A chart is drawn when it comes near the window, and again when the colours change.
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) { watcher.unobserve(entry.target); drawn.get(entry.target)(); }
    }
  }, { rootMargin: "300px" });
  const waiting = [];
  function chart(id, describe, draw) {
    const element = at(id);
    element.setAttribute("role", "figure");
    element.setAttribute("aria-label", describe);
    const go = () => started().then(() => draw(element)).then(() => {
      if (!element.dataset.drawn) performance.mark(id);
      element.dataset.drawn = "yes";
    });
    drawn.set(element, go);
    waiting.push(element);
  }
  const plot = (element, traces, extra) => {
    for (const sketch of element.querySelectorAll(".sketch")) sketch.remove();
    return window.Plotly.react(element, traces, layout(extra), { responsive: true, displayModeBar: false, displaylogo: false, doubleClick: "reset" });
  };

  // Rows [from, to) of rising times that lie in a span, and so many more on each side.
  function rowsIn(times, low, high, more = 1) {
    const find = (value) => { let [a, b] = [0, times.length]; while (a < b) { const m = (a + b) >> 1; if (times[m] < value) a = m + 1; else b = m; } return a; };
    return [Math.max(find(low) - more, 0), Math.min(find(high) + more, times.length)];
  }
  // The rows that keep a curve's shape: of each part its lowest and highest.
  function thin(values, from, to, most) {
    if (to - from <= most) return Array.from({ length: to - from }, (_, i) => from + i);
    const rows = [from];
    const parts = most >> 1;
    for (let p = 0; p < parts; p += 1) {
      const [a, b] = [from + Math.floor((to - from) * p / parts), from + Math.floor((to - from) * (p + 1) / parts)];
      let [low, high] = [a, a];
      for (let i = a; i < b; i += 1) { if (values[i] < values[low]) low = i; if (values[i] > values[high]) high = i; }
      rows.push(Math.min(low, high));
      if (low !== high) rows.push(Math.max(low, high));
    }
    if (rows[rows.length - 1] !== to - 1) rows.push(to - 1);
    return rows[1] === from ? rows.slice(1) : rows;
  }

  // Zooms and pans an axis of time by button and key; redraw(low, high) gives the traces of a span.
  function zooming(element, low, high, redraw, extra) {
    let span = element.span && element.span[0] >= low && element.span[1] <= high ? element.span : [low, high];
    let busy = false;
    const go = (next) => {
      const width = Math.min(Math.max(next[1] - next[0], Math.min(60000, high - low)), high - low);
      const begin = Math.min(Math.max(next[0], low), high - width);
      span = element.span = [begin, begin + width];
      busy = true;
      const { traces, more } = redraw(...span);
      const all = { ...extra, ...more, xaxis: { ...extra.xaxis, ...(more || {}).xaxis, type: "date", range: [...span] } };
      return plot(element, traces, all).then(() => { busy = false; });
    };
    const zoom = (by) => { const [a, b] = span; const middle = (a + b) / 2; return go([middle - (b - a) / 2 * by, middle + (b - a) / 2 * by]); };
    const pan = (by) => { const [a, b] = span; return go([a + (b - a) * by, b + (b - a) * by]); };
    const all = () => go([low, high]);
    element.steer = { zoom, pan, all };
    if (!element.tooled) {
      element.tooled = true;
      const button = (label, name, action) => make("button", { type: "button", "aria-label": name, title: name, on: { click: action } }, label);
      element.after(make("div", { class: "tools", role: "toolbar", "aria-label": "what part of the time is shown" },
        button("−", "show more time", () => element.steer.zoom(2)), button("+", "show less time", () => element.steer.zoom(0.5)),
        button("←", "earlier", () => element.steer.pan(-0.3)), button("→", "later", () => element.steer.pan(0.3)),
        button("all", "show all", () => element.steer.all())));
      element.tabIndex = 0;
      element.addEventListener("keydown", (event) => {
        const action = { ArrowLeft: () => element.steer.pan(-0.2), ArrowRight: () => element.steer.pan(0.2), "+": () => element.steer.zoom(0.5),
          "=": () => element.steer.zoom(0.5), "-": () => element.steer.zoom(2), Home: () => element.steer.all(), 0: () => element.steer.all() }[event.key];
        if (action && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); action(); }
      });
    }
    return go(span).then(() => {
      if (element.listens) return;
      element.listens = true;
      element.on("plotly_relayout", (change) => {
        if (busy) return;
        if (change["xaxis.autorange"]) element.steer.all();
        else if ("xaxis.range[0]" in change) element.again([moment(change["xaxis.range[0]"]), moment(change["xaxis.range[1]"])]);
      });
    }).finally(() => { element.again = go; });
  }

  function line(name, times, values, rows, own, more = {}) {
    return { type: "scatter", mode: "lines", name, x: rows.map((i) => times[i]), y: rows.map((i) => values[i]), line: { color: colour(own), width: 1.6 }, ...more };
  }

  const curve = page.curve;
  const some = (values) => values.some(known);
  let logarithmic = false;
  // Where one line is far above the other, equal parts show both.
  function scale(element) {
    const button = make("button", { type: "button", "aria-pressed": "false", title: "equal distances are equal parts", on: { click: () => {
      logarithmic = !logarithmic;
      button.setAttribute("aria-pressed", String(logarithmic));
      account(element);
    } } }, "log");
    element.nextElementSibling.append(button);
  }
  function account(element) {
    const [low, high] = [curve.time[0], curve.time[curve.time.length - 1]];
    const first = !element.tooled;
    return zooming(element, low, high, (from, to) => {
      const [a, b] = rowsIn(curve.time, from, to);
      // Of each two pixels the lowest and the highest.
      const most = Math.max(element.clientWidth, 300);
      const rows = thin(curve.equity, a, b, most);
      const below = thin(curve.drawdown, a, b, most);
      const traces = [
        line(run.mode === "backtest" ? "strategy" : run.mode, curve.time, curve.equity, rows, "own", { hovertemplate: "%{y:,.2f}" }),
        line("drawdown %", curve.time, curve.drawdown, below, "loss", { yaxis: "y2", fill: "tozeroy", hovertemplate: "%{y:.2f} %", showlegend: false }),
      ];
      if (some(curve.benchmark)) {
        const held = thin(curve.benchmark, a, b, most);
        const fell = thin(curve.benchmarkDrawdown, a, b, most);
        traces.push(line("buy and hold", curve.time, curve.benchmark, held, "other", { hovertemplate: "%{y:,.2f}" }),
          line("buy and hold, drawdown %", curve.time, curve.benchmarkDrawdown, fell, "other", { yaxis: "y2", hovertemplate: "%{y:.2f} %", showlegend: false, line: { color: colour("other"), width: 1, dash: "dot" } }));
      }
      return { traces };
    }, { xaxis: { anchor: "y2" }, yaxis: { domain: [0.34, 1], title: { text: flat(run.quote) }, type: logarithmic ? "log" : "linear" }, yaxis2: { domain: [0, 0.28], title: { text: "drawdown %" } } })
      .then(() => { if (first) scale(element); });
  }

  // The same chart as a plain drawing, there with the first sight of the page.
  function sketch(element) {
    const [width, height, left, base] = [element.clientWidth, element.clientHeight, 60, 26];
    const svg = (tag, attributes, ...children) => {
      const found = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
      found.append(...children);
      return found;
    };
    const [begin, end] = [curve.time[0], curve.time[curve.time.length - 1]];
    const x = (ms) => left + (ms - begin) / (end - begin || 1) * (width - left - 12);
    const all = svg("svg", { class: "sketch", width, height, "aria-hidden": "true" });
    const draw = (top, bottom, show, ...lines) => {
      const values = lines.flatMap(([of]) => of).filter(known);
      const low = values.reduce((a, b) => Math.min(a, b));
      const high = values.reduce((a, b) => Math.max(a, b));
      const y = (value) => bottom - (value - low) / (high - low || 1) * (bottom - top);
      for (const value of [low, (low + high) / 2, high]) {
        all.append(svg("line", { x1: left, x2: width - 12, y1: y(value), y2: y(value), stroke: "var(--line)" }),
          svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", fill: "var(--front)", "font-size": 12 }, show(value)));
      }
      for (const [of, own] of lines) {
        const rows = thin(of, 0, of.length, width).filter((i) => known(of[i]));
        all.append(svg("path", { d: rows.map((i, n) => `${n ? "L" : "M"}${x(curve.time[i]).toFixed(1)} ${y(of[i]).toFixed(1)}`).join(""), fill: "none", stroke: `var(--${own})`, "stroke-width": 1.5 }));
      }
    };
    const middle = (height - base) * 0.68;
    const held = some(curve.benchmark) ? [[curve.benchmark, "other"]] : [];
    draw(30, middle, (value) => number(value, 0), ...held, [curve.equity, "own"]);
    draw(middle + 24, height - base, (value) => number(value, 0, " %"), [curve.drawdown, "loss"]);
    for (const [ms, anchor] of [[begin, "start"], [(begin + end) / 2, "middle"], [end, "end"]]) {
      all.append(svg("text", { x: x(ms), y: height - 6, "text-anchor": anchor, fill: "var(--front)", "font-size": 12 }, day(ms)));
    }
    element.replaceChildren(all);
    requestAnimationFrame(() => performance.mark("first-chart"));
  }

  function rolling(element) {
    const { time, sharpe } = page.rolling;
    return zooming(element, time[0], time[time.length - 1], (from, to) => {
      const [a, b] = rowsIn(time, from, to);
      return { traces: [line("Sharpe", time, sharpe, thin(sharpe, a, b, 2000), "own", { hovertemplate: "%{y:.2f}" })] };
    }, { showlegend: false });
  }

  function exposure(element) {
    return zooming(element, curve.time[0], curve.time[curve.time.length - 1], (from, to) => {
      const [a, b] = rowsIn(curve.time, from, to);
      return { traces: [line("held", curve.time, curve.exposure, thin(curve.exposure, a, b, 2 * Math.max(element.clientWidth, 300)), "own", { fill: "tozeroy", hovertemplate: "%{y:.1f} %", line: { color: colour("own"), width: 1, shape: "hv" } })] };
    }, { showlegend: false, yaxis: { title: { text: "% of equity" }, rangemode: "tozero" } });
  }

  // ---- the market --------------------------------------------------------------------------------------------------
  let shut;
  const trades = () => { if (!shut) shut = read("trades"); return shut; };
  const named = (column, i) => trades()[column].words[trades()[column].of[i]];
  const markets = new Map();
  const MOST_CANDLES = 500;
  const MOST_MARKS = 600;

  // Prices are told by how far each is from one told before.
  function unpack(one) {
    const unit = 10 ** one.places;
    let [time, close] = [one.first, 0];
    one.time = one.steps.map((step) => { time += step * one.ms; return time; });
    for (let i = 0; i < one.time.length; i += 1) {
      const opened = close + one.open[i];
      close += one.close[i];
      one.high[i] = (Math.max(opened, close) + one.high[i]) / unit;
      one.low[i] = (Math.min(opened, close) - one.low[i]) / unit;
      one.open[i] = opened / unit;
      one.close[i] = close / unit;
    }
  }

  // Levels are told one holding after the other, each number by how far it is from the one before.
  function unpackLevels(levels) {
    const unit = 10 ** levels.places;
    const summed = (steps) => { let sum = 0; return steps.map((step) => { sum += step; return sum; }); };
    for (const name of ["until", "time"]) levels[name] = summed(levels[name]);
    for (const name of ["stop", "target"]) levels[name] = summed(levels[name]).map((level) => level / unit);
    levels.first = [0, ...summed(levels.rows)];
  }

  function market(index) {
    if (markets.has(index)) return markets.get(index);
    const one = read(`candles-${index}`);
    unpack(one);
    unpackLevels(one.levels);
    const closed = new Map();
    const all = trades();
    const mine = all.symbol.words.indexOf(one.symbol);
    one.trades = [];
    all.symbol.of.forEach((s, i) => { if (s === mine) { one.trades.push(i); closed.set(all.exit_ms[i], i); } });
    one.closed = closed;
    markets.set(index, one);
    return one;
  }

  function candles(one, from, to) {
    const [a, b] = rowsIn(one.time, from, to);
    const each = Math.max(1, Math.ceil((b - a) / MOST_CANDLES));
    const found = { x: [], open: [], high: [], low: [], close: [] };
    for (let i = a; i < b; i += each) {
      const end = Math.min(i + each, b);
      let [high, low] = [one.high[i], one.low[i]];
      for (let k = i + 1; k < end; k += 1) { high = Math.max(high, one.high[k]); low = Math.min(low, one.low[k]); }
      found.x.push(one.time[i]); found.open.push(one.open[i]); found.high.push(high); found.low.push(low); found.close.push(one.close[end - 1]);
    }
    return { found, each };
  }

  const STOPS = new Set(["stop", "trail", "break_even", "kill", "high_risk", "unprotected", "time"]);
  const TARGETS = new Set(["target", "micro_profit", "partial"]);
  function marks(one, from, to) {
    const fills = one.fills;
    const [a, b] = rowsIn(fills.time_ms, from, to, 0);
    const each = Math.max(1, Math.ceil((b - a) / MOST_MARKS));
    const groups = {
      entry: { name: "entry", symbol: "triangle-up", color: colour("own") }, exit: { name: "exit", symbol: "triangle-down", color: colour("front") },
      stop: { name: "stop", symbol: "x", color: colour("loss") }, target: { name: "target", symbol: "diamond", color: colour("gain") },
    };
    for (const group of Object.values(groups)) Object.assign(group, { x: [], y: [], text: [] });
    for (let i = a; i < b; i += each) {
      const reason = fills.reason[i];
      const group = groups[fills.side[i] > 0 ? "entry" : STOPS.has(reason) ? "stop" : TARGETS.has(reason) ? "target" : "exit"];
      const trade = fills.side[i] < 0 ? one.closed.get(fills.time_ms[i]) : undefined;
      const told = [`<b>${fills.side[i] > 0 ? "buy" : "sell"}</b> ${flat(exact(fills.quantity[i]))} at ${flat(price(fills.price[i]))}`, minute(fills.time_ms[i]),
        `reason: ${flat(word(reason))} · fee ${format(0, 0, 4).format(fills.fee[i])}`];
      if (trade !== undefined) told.push(`result ${signed(trades().pnl[trade])} (${signed(trades().return_pct[trade], 2, " %")}) after ${number(trades().bars[trade], 0)} bars`, flat(named("strategy", trade)));
      group.x.push(fills.time_ms[i]); group.y.push(fills.price[i]); group.text.push(told.join("<br>"));
    }
    const traces = Object.values(groups).filter((group) => group.x.length).map((group) => ({
      type: "scatter", mode: "markers", name: group.name, x: group.x, y: group.y, text: group.text, hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: group.symbol, color: group.color, size: 10, line: { width: 1, color: colour("back") } },
    }));
    return { traces, shown: Math.ceil((b - a) / each), of: b - a };
  }

  // From entry to exit.
  function ways(one, from, to) {
    const all = trades();
    const lines = { gain: [], loss: [] };
    let count = 0;
    for (const i of one.trades) {
      if (all.exit_ms[i] < from || all.entry_ms[i] > to) continue;
      if ((count += 1) > MOST_MARKS) break;
      lines[all.pnl[i] > 0 ? "gain" : "loss"].push([all.entry_ms[i], all.entry_price[i]], [all.exit_ms[i], all.exit_price[i]], [null, null]);
    }
    const drawing = (name, way) => ({ type: "scatter", mode: "lines", name, x: lines[way].map(([x]) => x), y: lines[way].map(([, y]) => y), hoverinfo: "skip", line: { color: colour(way), width: 1.5 } });
    return [drawing("won", "gain"), drawing("lost", "loss")].filter((way) => way.x.length);
  }

  // The levels that the engine's book had, bar by bar: a candle stands around its open, so a level begins half a bar before.
  const MOST_LEVELS = 6000;
  function guards(one, from, to) {
    const { wallets, wallet, until, first, time } = one.levels;
    const half = one.ownMs / 2;
    const seen = [];
    let rows = 0;
    for (let h = 0; h < until.length && seen.length < MOST_MARKS; h += 1) {
      if (until[h] + half < from || time[first[h]] > to) continue;
      seen.push(h);
      rows += first[h + 1] - first[h];
    }
    const each = Math.max(1, Math.ceil(rows / MOST_LEVELS));
    const drawing = (name, way, own) => {
      const found = { x: [], y: [], text: [] };
      const add = (ms, level, text) => { found.x.push(ms); found.y.push(level); found.text.push(text); };
      for (const h of seen) {
        let last = null;
        for (let i = first[h]; i < first[h + 1]; i += each) {
          const level = one.levels[way][i] || null;
          if (level === last) continue;
          const told = level === null ? "" : `${name} ${flat(price(level))} from ${minute(time[i])}${wallets.length > 1 ? ` · ${flat(wallets[wallet[h]])}` : ""}`;
          add(time[i] - half, level, told);
          last = level;
        }
        if (last !== null) { add(until[h] + half, last, found.text[found.text.length - 1]); add(null, null, ""); }
      }
      return { type: "scatter", mode: "lines", name, ...found, connectgaps: false, hovertemplate: "%{text}<extra></extra>", line: { color: colour(own), width: 1.2, dash: "dot", shape: "hv" } };
    };
    return [drawing("stop in force", "stop", "loss"), drawing("target in force", "target", "gain")].filter((way) => way.x.length);
  }

  let chosen = 0;
  function marketChart(element) {
    const one = market(chosen);
    if (!one.time.length) return Promise.resolve();
    const [low, high] = [one.time[0], one.time[one.time.length - 1] + one.ms];
    if (element.market !== chosen) { element.market = chosen; element.span = undefined; }
    return zooming(element, low, high, (from, to) => {
      const { found, each } = candles(one, from, to);
      const seen = marks(one, from, to);
      at("market-note").textContent = [
        each > 1 || one.timeframe !== one.own ? `${each > 1 ? `${each} bars of ${one.timeframe}` : one.timeframe} a candle, zoom in for finer ones` : `bars of ${one.timeframe}`,
        seen.of > seen.shown ? `${number(seen.shown, 0)} of ${number(seen.of, 0)} fills marked` : `${number(seen.of, 0)} fills`].join(" · ");
      // Levels that are near enough are in the picture; one far off must not flatten the candles.
      const levels = guards(one, from, to);
      let [bottom, top] = [Math.min(...found.low), Math.max(...found.high)];
      const [lowest, highest] = [bottom - (top - bottom) * 0.6, top + (top - bottom) * 0.6];
      for (const { y } of levels) {
        for (const level of y) {
          if (level !== null && level > lowest && level < highest) [bottom, top] = [Math.min(bottom, level), Math.max(top, level)];
        }
      }
      const shapes = page.levels.filter((held) => held.symbol === one.symbol).flatMap((held) => [["entry_price", "own"], ["stop", "loss"], ["target", "gain"]]
        .filter(([name]) => held[name]).map(([name, own]) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: Number(held[name]), y1: Number(held[name]), line: { color: colour(own), width: 1, dash: "dash" },
          label: { text: name === "entry_price" ? "entry" : name, textposition: "end", font: { size: 11, color: colour(own) } } })));
      const traces = [{ type: "candlestick", name: "price", ...found, increasing: { line: { color: colour("gain"), width: 1 } }, decreasing: { line: { color: colour("loss"), width: 1 } }, opacity: 0.75, showlegend: false, whiskerwidth: 0 },
        ...ways(one, from, to), ...levels, ...seen.traces];
      return { traces, more: { shapes, yaxis: { range: [bottom - (top - bottom) * 0.04, top + (top - bottom) * 0.04] } } };
    }, { hovermode: "closest", xaxis: { rangeslider: { visible: false } } });
  }

  // ---- the parts ---------------------------------------------------------------------------------------------------
  function head() {
    at("strategy").textContent = run.strategy;
    const symbols = run.symbols.length > 8 ? `${run.symbols.slice(0, 8).join(", ")} and ${run.symbols.length - 8} more` : run.symbols.join(", ");
    at("where").textContent = `${run.mode} · ${symbols} · ${run.exchange} · ${number(run.bars, 0)} bars of ${run.timeframe}, ${day(run.start_ms)} to ${day(run.end_ms)} · preset ${run.preset}`;
    at("params").textContent = Object.entries(run.params).map(([name, value]) => `${name}=${value}`).join(", ");
    at("made").textContent = `run ${run.run_id} · digest ${run.digest.slice(0, 12)} · made ${minute(page.made)} by trader ${page.version} · times are UTC`;
  }

  function summary() {
    const own = page.figures;
    const other = page.benchmark;
    const card = (name, text, small, value) => make("div", { class: "card" }, make("span", {}, name), make("b", { class: tone(value) || undefined }, text), make("small", {}, small));
    at("cards").replaceChildren(
      card("return", signed(own.total_return_pct, 2, " %"), known(other.total_return_pct) ? `buy and hold ${signed(other.total_return_pct, 2, " %")}` : "", own.total_return_pct),
      card("final equity", number(own.final_equity), `from ${number(own.cash)} ${run.quote}`),
      card("Sharpe", number(own.sharpe), `Sortino ${number(own.sortino)}`),
      card("deepest drawdown", number(own.max_drawdown_pct, 2, " %"), `longest ${number(own.drawdown_days, 0)} days`),
      card("trades", number(own.trades, 0), `${number(own.win_rate_pct, 1, " %")} won`),
      card("fees", number(own.fees_paid), `turnover ${number(own.turnover, 1, " x")}`));
    // What a few days would be in a year says nothing.
    const long = run.end_ms - run.start_ms >= 30 * DAY;
    const rows = [
      ["return %", "total_return_pct"], ["a year (CAGR) %", "cagr_pct"], ["volatility %", "volatility_pct"], ["Sharpe", "sharpe"], ["Sortino", "sortino"],
      ["Calmar", "calmar"], ["deepest drawdown %", "max_drawdown_pct"], ["longest drawdown, days", "drawdown_days"],
    ].filter(([, key]) => long || !["cagr_pct", "calmar"].includes(key)).map(([label, key]) => [label, number(own[key]), number(other[key])]);
    rows.push(["profit factor", number(own.profit_factor), ""], ["expectancy a trade", number(own.expectancy), ""], ["payoff ratio", number(own.payoff_ratio), ""],
      ["best trade", number(own.best), ""], ["worst trade", number(own.worst), ""], ["average bars held", number(own.average_bars, 1), ""], ["time in the market %", number(own.exposure_pct), ""]);
    at("figures").replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, ""), make("th", { class: "number", scope: "col" }, run.mode === "backtest" ? "strategy" : run.mode), make("th", { class: "number", scope: "col" }, "buy and hold"))),
      make("tbody", {}, ...rows.map(([label, ...cells]) => make("tr", {}, make("th", { scope: "row" }, label), ...cells.map((cell) => make("td", { class: "number" }, cell)))))));
    at("notes").replaceChildren(...page.notes.map((note) => make("li", { class: "quiet" }, note)));
  }

  function monthly() {
    const names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const by = new Map(page.monthly.map(([year, month, value]) => [`${year}-${month}`, value]));
    const held = new Map(page.benchmarkMonthly.map(([year, month, value]) => [`${year}-${month}`, value]));
    const years = [...new Set(page.monthly.map(([year]) => year))].sort((a, b) => a - b);
    const size = Math.max(5, ...page.monthly.map(([, , value]) => Math.min(Math.abs(value || 0), 30)));
    const cell = (value, title) => {
      const found = make("td", { class: "month", title: title || undefined }, known(value) ? signed(value, 1) : "");
      if (known(value)) found.style.background = `color-mix(in srgb, var(--${value >= 0 ? "gain" : "loss"}) ${Math.round(Math.min(Math.abs(value) / size, 1) * 55)}%, transparent)`;
      return found;
    };
    const whole = (year, all) => names.reduce((product, _, m) => product * (1 + (all.get(`${year}-${m + 1}`) || 0) / 100), 1) * 100 - 100;
    at("monthly").replaceChildren(make("table", { "aria-label": "return of each month in percent" },
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "year"), ...[...names, "year"].map((name) => make("th", { class: "number", scope: "col" }, name)))),
      make("tbody", {}, ...years.map((year) => make("tr", {}, make("th", { scope: "row" }, String(year)),
        ...names.map((_, m) => { const key = `${year}-${m + 1}`; return cell(by.get(key), held.has(key) ? `buy and hold ${signed(held.get(key), 1, " %")}` : ""); }),
        cell(whole(year, by), held.size ? `buy and hold ${signed(whole(year, held), 1, " %")}` : ""))))));
  }

  function shares() {
    const names = Object.keys(page.shares).filter((name) => page.shares[name].length);
    tabs(at("shares"), names.map((name) => `by ${name}`), (panel, t) => {
      const rows = page.shares[names[t]];
      const most = Math.max(...rows.map((one) => Math.abs(one.pnl)), 1e-9);
      const host = make("div", { class: "scroll" });
      panel.append(host);
      const column = (label, key, show, more = {}) => ({ label, number: true, value: (i) => rows[i][key], text: (i) => show(rows[i][key]), ...more });
      table(host, [
        { label: names[t], value: (i) => rows[i].name, text: (i) => (names[t] === "exit reason" ? word(rows[i].name) : rows[i].name) },
        column(`result, ${run.quote}`, "pnl", (value) => signed(value), { tone: (i) => tone(rows[i].pnl) }),
        { label: "share", value: (i) => rows[i].pnl, node: (i) => { const bar = make("span", { class: `bar ${tone(rows[i].pnl)}` }); bar.style.width = `${Math.abs(rows[i].pnl) / most * 9}rem`; return bar; } },
        column("trades", "trades", (value) => number(value, 0)), column("won %", "win_rate_pct", (value) => number(value, 1)), column("fees", "fees", number),
        column("best", "best", signed), column("worst", "worst", signed), column("bars held", "average_bars", (value) => number(value, 1)),
      ], rows.length, { by: 1 });
    });
  }

  function distribution(element) {
    const values = trades().return_pct.filter(known);
    const sorted = [...values].sort((a, b) => a - b);
    const [low, high] = [sorted[Math.floor(sorted.length * 0.005)], sorted[Math.ceil(sorted.length * 0.995) - 1]];
    // A bin begins at zero, so that none holds both gains and losses.
    const rough = Math.max(high - low, 1e-6) / Math.min(60, Math.max(16, Math.ceil(Math.sqrt(values.length))));
    const power = 10 ** Math.floor(Math.log10(rough));
    const width = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    const [first, last] = [Math.floor(low / width), Math.max(Math.ceil(high / width), Math.floor(low / width) + 1)];
    const counts = new Array(last - first).fill(0);
    for (const value of values) counts[Math.min(Math.max(Math.floor(value / width) - first, 0), counts.length - 1)] += 1;
    const middle = counts.map((_, i) => (first + i + 0.5) * width);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    at("spread").textContent = `return a trade: median ${signed(sorted[sorted.length >> 1], 2, " %")}, mean ${signed(mean, 2, " %")}, ` +
      `5 % of them under ${signed(sorted[Math.floor(sorted.length * 0.05)], 2, " %")}, 5 % over ${signed(sorted[Math.floor(sorted.length * 0.95)], 2, " %")}`;
    return plot(element, [{ type: "bar", x: middle, y: counts, width, customdata: middle.map((one) => [one - width / 2, one + width / 2]), hovertemplate: "%{customdata[0]:.2f} % to %{customdata[1]:.2f} %: %{y} trades<extra></extra>",
      marker: { color: middle.map((one) => colour(one > 0 ? "gain" : "loss")), line: { width: 1, color: colour("back") } } }],
    { showlegend: false, hovermode: "closest", dragmode: false, bargap: 0, xaxis: { title: { text: "return of a trade, %" } }, yaxis: { title: { text: "trades" } } });
  }

  function costs() {
    const rows = page.costs;
    const sum = (key) => rows.reduce((total, one) => total + one[key], 0);
    const [fees, slippage, notional] = [sum("fees"), sum("slippage"), sum("notional")];
    const result = page.figures.final_equity - page.figures.cash;
    at("cost-note").textContent = `${number(fees)} ${run.quote} of fees on ${number(notional)} traded (${number(fees / notional * 10000, 1)} bps)` +
      (slippage ? `, and about ${number(slippage)} of slippage as it is assumed (${number(page.figures.slippage_bps, 1)} bps)` : "") +
      `; the result is ${signed(result)}, without costs it would be about ${signed(result + fees + slippage)}`;
    const column = (label, key, digits = 2) => ({ label, number: true, value: (i) => rows[i][key], text: (i) => number(rows[i][key], digits) });
    table(at("cost-table"), [{ label: "symbol", value: (i) => rows[i].symbol, text: (i) => rows[i].symbol }, column("fills", "fills", 0), column("traded", "notional"), column("fees", "fees"), column("slippage, assumed", "slippage")], rows.length, { by: 3 });
  }

  function tradeTable() {
    const all = trades();
    const count = all.pnl.length;
    let wanted = "";
    const words = (i) => ["symbol", "strategy", "wallet", "reason"].map((name) => named(name, i)).join(" ").toLowerCase();
    const text = (label, name, show = (one) => one) => ({ label, value: (i) => named(name, i), text: (i) => show(named(name, i)) });
    const column = (label, key, show, more = {}) => ({ label, number: true, value: (i) => all[key][i], text: (i) => show(all[key][i]), ...more });
    // What somebody looks for first is what a narrow window shows.
    const columns = [text("symbol", "symbol"), column("result", "pnl", (value) => signed(value), { tone: (i) => tone(all.pnl[i]) }), column("%", "return_pct", (value) => signed(value), { tone: (i) => tone(all.pnl[i]) }),
      text("exit reason", "reason", word), column("entry", "entry_ms", minute), column("price", "entry_price", price), column("exit", "exit_ms", minute), column("price", "exit_price", price),
      column("bars", "bars", (value) => number(value, 0)), column("quantity", "quantity", exact), column("fees", "fees", number), text("strategy", "strategy"), text("wallet", "wallet")];
    const refresh = table(at("trade-table"), columns, count, { by: 6, match: (i) => !wanted || words(i).includes(wanted) });
    at("filter").addEventListener("input", (event) => { wanted = event.target.value.trim().toLowerCase().replaceAll(" ", "_"); refresh(); });
  }

  function verdicts() {
    at("verdicts").replaceChildren(...page.verdicts.flatMap((one) => {
      const host = make("div", { class: "scroll" });
      const checks = one.checks;
      const figure = (value) => known(value) ? exact(Math.round(value * 1e4) / 1e4) : "–";
      table(host, [
        { label: "check", value: (i) => checks[i].name, text: (i) => word(checks[i].name) },
        { label: "status", value: (i) => checks[i].status, text: (i) => checks[i].status, tone: (i) => checks[i].status },
        { label: "what was found", long: true, value: (i) => checks[i].message, text: (i) => checks[i].message },
        { label: "number", number: true, value: (i) => checks[i].number, text: (i) => figure(checks[i].number) }, { label: "limit", number: true, value: (i) => checks[i].limit, text: (i) => figure(checks[i].limit) },
        { label: "unit", value: (i) => checks[i].unit, text: (i) => checks[i].unit },
      ], checks.length, { size: 100 });
      const title = make("h3", {}, `${one.strategy}: `, make("span", { class: one.status }, one.status), one.complete ? "" : ", not all checks ran");
      const about = make("p", { class: "quiet" }, `${one.same ? "of this code with these parameters" : `of other code or parameters (${Object.entries(one.params).map(([name, value]) => `${name}=${value}`).join(", ")})`}; ` +
        `${one.symbols.slice(0, 6).join(", ")} · ${one.timeframe}, ${day(one.since_ms)} to ${day(one.until_ms)}; judged ${minute(one.time_ms)}`);
      return [title, about, host];
    }));
  }

  function searches() {
    page.searches.forEach((one, s) => {
      const id = `chart-search-${s}`;
      const { x, y, values, figure } = one.map;
      at("maps").append(make("h3", {}, `${one.strategy}: ${word(figure)} by ${x.name} and ${y.name}`),
        make("p", { class: "quiet" }, `${number(one.done, 0)} of ${number(one.total, 0)} trials (${one.method}) on ${one.symbols.slice(0, 6).join(", ")}, ${one.timeframe}; search ${one.sweep_id}` +
          (one.best ? `; best ${figure} ${exact(one.best.stats[figure])} at ${Object.entries(one.best.params).map(([name, value]) => `${name}=${value}`).join(", ")}` : "")),
        make("div", { class: "chart", id }));
      chart(id, `heat map of ${figure}`, (element) => {
        const labels = (axis) => axis.values.map((value) => flat(typeof value === "number" ? exact(value) : value));
        const [across, down] = [labels(x), labels(y)];
        const traces = [{ type: "heatmap", x: across, y: down, z: values, colorscale: "Viridis", hoverongaps: false, colorbar: { title: { text: flat(word(figure)), side: "right" }, thickness: 12 },
          hovertemplate: `${flat(x.name)} %{x}<br>${flat(y.name)} %{y}<br>${flat(word(figure))} %{z:.4g}<extra></extra>` }];
        if (one.best && x.each && y.each) {
          traces.push({ type: "scatter", mode: "markers", x: [flat(exact(one.best.params[x.name]))], y: [flat(exact(one.best.params[y.name]))], hoverinfo: "skip", showlegend: false,
            marker: { symbol: "star", size: 14, color: "#ffffff", line: { color: "#000000", width: 1 } } });
        }
        return plot(element, traces, { showlegend: false, hovermode: "closest", dragmode: false, xaxis: { type: "category", title: { text: flat(x.name) } }, yaxis: { type: "category", title: { text: flat(y.name) } } });
      });
    });
  }

  // ---- begin -------------------------------------------------------------------------------------------------------
  // A part without anything to show is left out.
  const parts = [
    ["summary", "Summary", true, summary],
    ["account", "Equity", curve.time.length > 1, () => { sketch(at("chart-account")); chart("chart-account", `equity of ${run.strategy} from ${number(page.figures.cash)} to ${number(page.figures.final_equity)} ${run.quote}, with its drawdown; arrow keys move, plus and minus zoom`, account); }],
    ["months", "Months", page.monthly.length > 0, monthly],
    ["market", "Market", page.markets.length > 0, () => {
      at("symbol").replaceChildren(...page.markets.map((name, i) => make("option", { value: String(i) }, name)));
      at("symbol").addEventListener("change", (event) => { chosen = Number(event.target.value); marketChart(at("chart-market")); });
      chart("chart-market", "candles with entries, exits and stops; arrow keys move, plus and minus zoom", marketChart);
    }],
    ["rolling", "Rolling Sharpe", page.rolling.time.length > 1, () => {
      at("rolling").querySelector("h2").textContent = `Rolling Sharpe ratio, ${page.rolling.days} days`;
      chart("chart-rolling", `Sharpe ratio of the last ${page.rolling.days} days`, rolling);
    }],
    ["exposure", "Exposure", curve.time.length > 1 && some(curve.exposure), () => chart("chart-exposure", "part of the equity that is held", exposure)],
    ["attribution", "Attribution", page.shares.symbol.length > 0, shares],
    ["distribution", "Distribution", page.shares.symbol.length > 0, () => chart("chart-distribution", "how many trades returned how much", distribution)],
    ["costs", "Costs", page.costs.length > 0, costs],
    ["trades", "Trades", page.shares.symbol.length > 0, () => {}],
    ["verdict", "Validation", page.verdicts.length > 0, verdicts],
    ["searches", "Searches", page.searches.length > 0, searches],
  ];
  head();
  for (const [id, name, there, build] of parts) {
    if (!there) { at(id).remove(); continue; }
    at("contents").append(make("li", {}, make("a", { href: `#${id}` }, name)));
    build();
  }
  // Rows of a long table are made when somebody comes near.
  if (at("trades")) {
    const near = new IntersectionObserver((entries) => { if (entries.some((one) => one.isIntersecting)) { near.disconnect(); tradeTable(); } }, { rootMargin: "600px" });
    near.observe(at("trades"));
  }
  document.addEventListener("DOMContentLoaded", () => {
    document.documentElement.dataset.ready = "yes";
    const watch = () => { for (const element of waiting) watcher.observe(element); };
    if (window.requestIdleCallback) window.requestIdleCallback(watch, { timeout: 500 });
    else setTimeout(watch, 100);
  });
  dark.addEventListener("change", () => { for (const [element, go] of drawn) if (element.dataset.drawn) go(); });
})();
