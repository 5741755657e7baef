// A trace's spans as a waterfall. Only the rows in sight are drawn; all text goes in as textContent.
const ROW = 24, LABEL_SHARE = 0.36, LABEL_LEAST = 230, LABEL_MOST = 430, TAIL = 64;
const SEVERITY = { ERROR: "#d55e00", FATAL: "#d55e00", WARN: "#e69f00" };

function el(tag, parent, cls, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".box");
  const same = root.__rs && root.__rs.trace === data.trace;
  const keep = same ? root.__rs : (root.__rs = { trace: data.trace, folded: new Set(), view: [0, data.total], top: 0, seen: null });
  if (keep.stop) keep.stop();
  const { spans, windowed } = data;
  let selected = data.selected;
  root.replaceChildren();

  const frame = el("div", root, "frame");
  const axis = el("div", frame, "axis");
  el("span", axis, "name", "Service and operation");
  const ticks = el("div", axis, "ticks");
  let lane = null;
  if (data.logs.length) {
    lane = el("div", frame, "lane");
    el("span", lane, "name", `Logs (${data.logs.length}${data.moreLogs ? "+" : ""})`);
    lane.track = el("div", lane, "ticks");
    lane.track.style.cursor = "default";
  }
  for (const one of data.lanes) {
    const node = el("div", frame, "gauge");
    el("span", node, "name", one.host).title = one.host;
    el("em", node.firstChild, "", one.name);
    one.track = el("div", node, "ticks");
    one.track.style.cursor = "default";
    el("div", node, "dur", one.mean === null ? "–" : formatValue(one.mean, one.unit));
  }
  const scroll = el("div", frame, "scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "tree");
  scroll.setAttribute("aria-label", data.summary);
  const lines = el("div", scroll, "lines");
  const space = el("div", scroll);
  const tip = el("div", root, "tip");
  const legend = el("div", root, "legend");
  let width = 0, labels = 0, shown = [], count = 0, asked = null;

  // Rows in sight: all spans that no fold hides; of a trace too large to send, those that the server sent.
  function order() {
    shown = [];
    if (windowed) {
      keep.folded = new Set(data.folded);
      count = data.count;
    } else {
      let hiddenBelow = -1;
      spans.forEach((s, i) => {
        if (hiddenBelow >= 0 && s.depth > hiddenBelow) return;
        hiddenBelow = keep.folded.has(s.id) ? s.depth : -1;
        shown.push(i);
      });
      count = shown.length;
    }
    space.style.height = count * ROW + "px";
    scroll.style.height = Math.min(data.height, count * ROW) + "px";
    lines.style.height = count * ROW + "px";
  }
  const spanAt = (place) => (windowed ? spans[place - data.first] : spans[shown[place]]);
  const placeOf = (id) => {
    const i = spans.findIndex((s) => s.id === id);
    return windowed ? (i < 0 ? -1 : i + data.first) : shown.indexOf(i);
  };
  function fold(s) {
    if (!keep.folded.delete(s.id)) keep.folded.add(s.id);
    if (windowed) { setTriggerValue("folded", { id: s.id, shut: keep.folded.has(s.id), first: Math.floor(scroll.scrollTop / ROW) }); return; }
    order(); draw();
  }
  function fetchRows(first) {
    clearTimeout(asked);
    asked = setTimeout(() => setTriggerValue("window", first), 60);
  }
  const at = (t) => ((t - keep.view[0]) / (keep.view[1] - keep.view[0])) * width;

  function layout() {
    const full = frame.clientWidth;
    labels = Math.min(LABEL_MOST, Math.max(LABEL_LEAST, Math.round(full * LABEL_SHARE)), full - TAIL - 80);
    width = Math.max(80, full - labels - TAIL);
    for (const node of [ticks, lines, lane && lane.track, ...data.lanes.map((one) => one.track)]) if (node) node.style.left = labels + "px";
    ticks.replaceChildren(); lines.replaceChildren();
    const [v0, v1] = keep.view, length = v1 - v0;
    const raw = length / Math.max(2, Math.floor(width / 95)), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
    for (let t = Math.ceil(v0 / step) * step; t <= v1; t += step) {
      const x = at(t);
      if (x < width - 8) { const s = el("span", ticks, x < 20 ? "first" : "", formatTick(t / 1e6, "ms")); s.style.left = x + "px"; }
      el("i", lines).style.left = x + "px";
    }
    if (lane) {
      lane.track.replaceChildren();
      for (const log of data.logs) {
        if (log.at < v0 || log.at > v1) continue;
        const mark = el("div", lane.track, "mark");
        mark.style.left = at(log.at) + "px";
        mark.style.background = SEVERITY[log.severity] || "#56b4e9";
        mark.addEventListener("pointerenter", () => tell(mark, [["b", log.severity || "log"], ["m", ` ${formatMs(log.at / 1e6)} · ${log.service}`], ["d", log.body]]));
        mark.addEventListener("pointerleave", () => (tip.style.display = "none"));
        mark.addEventListener("click", () => { if (log.span) choose(log.span); });
      }
    }
    drawGauges();
  }
  function drawGauges() {
    for (const one of data.lanes) {
      const H = 30, [v0, v1] = keep.view;
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("width", width); svg.setAttribute("height", H); svg.setAttribute("aria-hidden", "true");
      const y = (v) => (H - 4 - ((v - one.low) / Math.max(1e-12, one.high - one.low)) * (H - 8)).toFixed(1);
      const inside = one.points.filter(([t], i, all) => (all[i + 1] ? all[i + 1][0] : t) >= v0 && (i ? all[i - 1][0] : t) <= v1);
      const line = inside.map(([t, v]) => `${at(t).toFixed(1)},${y(v)}`).join(" ");
      const shape = document.createElementNS(svg.namespaceURI, "polyline");
      for (const [k, v] of Object.entries({ points: line, fill: "none", stroke: one.color, "stroke-width": "1.6" })) shape.setAttribute(k, v);
      svg.appendChild(shape);
      for (const [t, v] of inside) {
        const dot = document.createElementNS(svg.namespaceURI, "circle");
        for (const [k, w] of Object.entries({ cx: at(t).toFixed(1), cy: y(v), r: "2.2", fill: one.color })) dot.setAttribute(k, w);
        svg.appendChild(dot);
      }
      one.track.replaceChildren(svg);
      one.track.onpointermove = (e) => {
        const x = e.clientX - one.track.getBoundingClientRect().left, t = v0 + (x / width) * (v1 - v0);
        const near = one.points.reduce((a, b) => (Math.abs(b[0] - t) < Math.abs(a[0] - t) ? b : a));
        tell(one.track, [["b", formatValue(near[1], one.unit)], ["m", `  ${one.name}`], ["d", `${one.host}, sampled at ${formatMs(near[0] / 1e6)}`]]);
      };
      one.track.onpointerleave = () => (tip.style.display = "none");
    }
  }
  function tell(node, parts) {
    tip.replaceChildren();
    for (const [kind, text] of parts) el(kind === "b" ? "b" : kind === "d" ? "div" : "span", tip, kind === "m" ? "m" : "", text);
    tip.style.display = "block";
    const box = root.getBoundingClientRect(), r = node.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(r.left - box.left, box.width - tip.offsetWidth - 6)) + "px";
    const below = r.bottom - box.top + 6;
    tip.style.top = (below + tip.offsetHeight > box.height + 40 ? r.top - box.top - tip.offsetHeight - 6 : below) + "px";
  }

  const logsOf = new Map();
  for (const log of data.logs) if (log.span) logsOf.set(log.span, [...(logsOf.get(log.span) || []), log.at]);

  function row(place) {
    const s = spanAt(place), node = document.createElement("div");
    if (!s) {
      node.className = "row waiting";
      node.style.top = place * ROW + "px";
      el("span", node, "name", "…");
      return node;
    }
    node.className = "row" + (s.id === selected ? " selected" : "");
    node.style.top = place * ROW + "px";
    node.setAttribute("role", "treeitem");
    node.setAttribute("aria-level", s.depth + 1);
    node.setAttribute("aria-selected", s.id === selected);
    node.dataset.span = s.id;
    node.dataset.critical = s.crit.length ? "1" : "";
    const label = el("div", node, "label");
    label.style.width = labels + "px";
    label.style.paddingLeft = 6 + Math.min(s.depth, 18) * 12 + "px";
    const twist = el("span", label, "twist", s.kids ? (keep.folded.has(s.id) ? "▶" : "▼") : "");
    if (s.kids) twist.addEventListener("click", (e) => { e.stopPropagation(); fold(s); });
    el("span", label, "dot").style.background = data.colors[s.service];
    if (s.failed) el("span", label, "fail", "✕");
    el("span", label, "op", s.operation);
    el("span", label, "svc", s.host ? `${s.serviceName} · ${s.host}` : s.serviceName);
    const time = el("div", node, "time");
    time.style.left = labels + "px";
    const color = data.colors[s.service];
    const bar = el("div", time, "bar" + (s.failed ? " failed" : ""));
    const x = at(s.start), w = Math.max(2, at(s.start + s.duration) - x);
    bar.style.left = x + "px"; bar.style.width = w + "px";
    bar.style.background = s.kids ? color + "50" : color;
    if (s.kids) for (const [a, b] of s.selfs) {
      const part = el("i", bar);
      part.style.left = at(a) - x + "px"; part.style.width = Math.max(1, at(b) - at(a)) + "px"; part.style.background = color;
    }
    for (const [a, b] of s.crit) {
      const line = el("div", time, "crit");
      line.style.left = at(a) + "px"; line.style.width = Math.max(2, at(b) - at(a)) + "px";
    }
    for (const t of logsOf.get(s.id) || []) el("div", time, "note").style.left = at(t) - 1 + "px";
    el("div", node, "dur", formatMs(s.duration / 1e6));
    node.addEventListener("click", () => choose(s.id));
    time.addEventListener("pointerenter", () => tell(bar, [
      ["b", s.operation], ["m", `  ${s.kind}`], ["d", s.host ? `${s.serviceName} on ${s.host}` : s.serviceName],
      ["d", `${formatMs(s.duration / 1e6)}, self ${formatMs(s.self / 1e6)}, starts at ${formatMs(s.start / 1e6)}`],
      ...(s.crit.length ? [["d", `${formatMs(s.crit.reduce((n, c) => n + c[1] - c[0], 0) / 1e6)} on the critical path`]] : []),
      ...(s.failed ? [["d", "failed" + (s.message ? `: ${s.message}` : "")]] : []),
      ...(s.hidden ? [["d", `${s.hidden} span${s.hidden > 1 ? "s" : ""} below not drawn`]] : []),
    ]));
    time.addEventListener("pointerleave", () => (tip.style.display = "none"));
    return node;
  }
  function draw() {
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 8);
    const last = Math.min(count, Math.ceil((scroll.scrollTop + data.height) / ROW) + 8);
    space.replaceChildren();
    for (let p = first; p < last; p++) space.appendChild(row(p));
    keep.top = scroll.scrollTop;
    if (windowed && (first < data.first || last > data.first + spans.length)) fetchRows(first);
  }
  function choose(id) {
    selected = id;
    reveal(id);
    draw();
    setTriggerValue("chosen", id);
  }
  function reveal(id) {
    const p = windowed && placeOf(id) < 0 && id === data.selected ? data.selectedRow : placeOf(id);
    if (p < 0) return;
    if (p * ROW < scroll.scrollTop) scroll.scrollTop = p * ROW;
    else if ((p + 1) * ROW > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = (p + 1) * ROW - scroll.clientHeight;
  }
  function key() {
    legend.replaceChildren();
    data.names.forEach((name, i) => {
      const item = el("span", legend);
      el("i", item, "dot").style.background = data.colors[i];
      el("span", item, "", name);
    });
    const self = el("span", legend, "m"); el("i", self, "split"); el("span", self, "", "self time / waiting for children");
    const crit = el("span", legend, "m"); el("i", crit, "crit"); el("span", crit, "", "critical path");
    if (keep.view[0] !== 0 || keep.view[1] !== data.total) {
      const reset = el("button", legend, "", "Show the whole trace");
      reset.addEventListener("click", () => { keep.view = [0, data.total]; layout(); draw(); key(); });
    } else el("span", legend, "m", "drag on the time axis to zoom");
  }

  let from = null, zoom = null;
  const axisX = (e) => Math.max(0, Math.min(width, e.clientX - ticks.getBoundingClientRect().left));
  ticks.addEventListener("pointerdown", (e) => { from = axisX(e); zoom = el("div", ticks, "zoom"); ticks.setPointerCapture(e.pointerId); });
  ticks.addEventListener("pointermove", (e) => {
    if (from === null) return;
    const x = axisX(e);
    zoom.style.left = Math.min(from, x) + "px"; zoom.style.width = Math.abs(x - from) + "px";
  });
  ticks.addEventListener("pointerup", (e) => {
    if (from === null) return;
    const a = Math.min(from, axisX(e)), b = Math.max(from, axisX(e)), [v0, v1] = keep.view;
    from = null; zoom.remove();
    if (b - a < 5) return;
    const t = (x) => v0 + (x / width) * (v1 - v0);
    if (t(b) - t(a) < 100) return;
    keep.view = [t(a), t(b)];
    layout(); draw(); key();
  });
  scroll.addEventListener("scroll", draw);
  scroll.addEventListener("keydown", (e) => {
    const p = placeOf(selected), s = spanAt(p);
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      const next = spanAt(Math.max(0, Math.min(count - 1, p + (e.key === "ArrowDown" ? 1 : -1))));
      if (next) choose(next.id);
    } else if (s && s.kids && (e.key === "ArrowLeft" || e.key === "ArrowRight")) {
      e.preventDefault();
      if (keep.folded.has(s.id) === (e.key === "ArrowRight")) fold(s);
    }
  });
  order(); layout();
  scroll.scrollTop = keep.top;
  if (keep.seen !== selected) reveal(selected);
  keep.seen = selected;
  draw(); key();
  let before = frame.clientWidth;
  const watch = new ResizeObserver(() => {
    if (Math.abs(frame.clientWidth - before) < 2) return;
    before = frame.clientWidth; layout(); draw();
  });
  watch.observe(frame);
  keep.stop = () => { watch.disconnect(); clearTimeout(asked); };
  return keep.stop;
}
