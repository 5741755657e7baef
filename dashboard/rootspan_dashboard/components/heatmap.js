// Hosts by time on canvases, one a group of hosts. All text goes in as textContent.
const SEQUENTIAL = {
  light: ["#f3f5f8", "#dbe7f2", "#b9d3e6", "#8fbad6", "#e3a13f", "#d0611b", "#8c1d04"],
  dark: ["#1b2430", "#22405c", "#2a648c", "#3f83a9", "#c4762a", "#eaa04a", "#ffe0b8"],
};
const DIVERGING = {
  light: ["#0b5394", "#5b9bd0", "#c3d9ec", "#f4f5f7", "#f6cfa3", "#e07b2a", "#8c3404"],
  dark: ["#7db9f0", "#3d7db5", "#24415c", "#1f262f", "#6b4a22", "#cf7a2a", "#ffc78a"],
};
const LABELS = 168, GAP_LEFT = 0;

function ramp(stops) {
  const rgb = stops.map((h) => [1, 3, 5].map((i) => parseInt(h.slice(i, i + 2), 16)));
  const table = [];
  for (let i = 0; i < 256; i++) {
    const x = (i / 255) * (rgb.length - 1), k = Math.min(rgb.length - 2, Math.floor(x)), f = x - k;
    table.push(`rgb(${rgb[k].map((c, j) => Math.round(c + (rgb[k + 1][j] - c) * f)).join(",")})`);
  }
  return table;
}
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
  const keep = root.__rs || (root.__rs = { top: 0 });
  if (keep.stop) keep.stop();
  const old = root.querySelector(".scroll");
  if (old) keep.top = old.scrollTop;
  root.replaceChildren();

  const dark = isDark(root);
  const stops = (data.diverging ? DIVERGING : SEQUENTIAL)[dark ? "dark" : "light"];
  const colors = ramp(data.lowIsBad ? [...stops].reverse() : stops);  // the warm end is the bad one
  const { starts, step, lo, hi } = data;
  const n = starts.length;
  const scroll = el("div", root, "scroll");
  scroll.style.maxHeight = data.height + "px";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "application");
  scroll.setAttribute("aria-label", data.summary);
  const axis = el("div", scroll, "axis");
  const tip = el("div", root, "tip");
  const brush = el("div", scroll, "brush");
  const bodies = [];
  let width = 0, cell = 0;

  for (const group of data.groups) {
    const head = el("div", scroll, "group", group.label);
    el("em", head, "", group.note);
    const body = el("div", scroll, "body");
    const labels = el("div", body, data.rowHeight < 9 ? "labels tiny" : "labels");
    labels.style.width = LABELS + "px";
    const rows = group.rows.map((row) => {
      const line = el("div", labels, row.picked ? "picked" : "");
      line.style.height = data.rowHeight + "px";
      line.style.fontSize = Math.min(12, data.rowHeight - 1) + "px";
      if (data.rowHeight >= 9) { el("span", line, "", row.host); el("em", line, "", row.service); }
      line.title = row.host + "  " + row.service;
      return line;
    });
    const canvas = el("canvas", body);
    const cursor = el("div", body, "cursor");
    bodies.push({ group, body, canvas, cursor, rows });
  }
  axis.append(Object.assign(document.createElement("b"), { textContent: data.axis }));

  const count = (number) => number.toLocaleString("en-US");
  // Columns are buckets of time, or numbers of steps.
  const column = (c) => (data.steps ? `${data.axis} ${count(starts[c])}${step > 1 ? " – " + count(starts[c] + step - 1) : ""}`
    : `${clock(starts[c])} – ${clock(starts[c] + step)} UTC`);
  const told = (v) => formatValue(data.doublings && v !== null ? 2 ** v : v, data.unit);
  // Where colours end need not be told to three digits.
  const end = (v) => (data.unit === "times" ? formatTick(Number((data.doublings ? 2 ** v : v).toPrecision(2)), data.unit) : told(v));
  function colorOf(v) {
    const f = hi > lo ? (v - lo) / (hi - lo) : 0;
    return colors[Math.round(255 * Math.max(0, Math.min(1, f)))];
  }
  function paint() {
    width = Math.max(60, scroll.clientWidth - LABELS);
    cell = width / n;
    const h = data.rowHeight;
    const hatch = dark ? "rgba(255,255,255,.10)" : "rgba(0,0,0,.09)";
    for (const { group, canvas } of bodies) {
      const height = group.rows.length * h;
      const ratio = height * (window.devicePixelRatio || 1) > 30000 ? 1 : window.devicePixelRatio || 1;  // browsers' limit of a canvas
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
      canvas.style.width = width + "px"; canvas.style.height = height + "px";
      const g = canvas.getContext("2d");
      g.scale(ratio, ratio);
      const gapX = cell > 5 ? 1 : 0, gapY = h > 6 ? 1 : 0;
      group.rows.forEach((row, r) => {
        for (let c = 0; c < n; c++) {
          const v = row.values[c], x = Math.round(c * cell), w = Math.round((c + 1) * cell) - x - gapX;
          if (v === null) {
            g.strokeStyle = hatch; g.beginPath();
            g.save(); g.rect(x, r * h, w, h - gapY); g.clip();
            for (let k = -h; k < w; k += 4) { g.moveTo(x + k, r * h + h); g.lineTo(x + k + h, r * h); }
            g.stroke(); g.restore();
            continue;
          }
          g.fillStyle = colorOf(v);
          g.fillRect(x, r * h, w, h - gapY);
        }
      });
    }
    axis.querySelectorAll("span").forEach((s) => s.remove());
    const most = Math.max(2, Math.floor(width / 90));
    const every = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440].map((m) => m * 60)
      .find((s) => (n * step) / s <= most) || 86400;
    const stride = [1, 2, 5].flatMap((k) => [k, k * 10, k * 100, k * 1e3, k * 1e4, k * 1e5]).sort((a, b) => a - b)
      .find((s) => (n * step) / s <= most) || n * step;
    for (let c = 0; c < n; c++) {
      if (data.steps ? starts[c] % stride >= step : starts[c] % every) continue;
      const x = LABELS + c * cell;
      const label = data.steps ? count(starts[c]) : n * step > 90000 ? new Date(starts[c] * 1000).toISOString().slice(5, 16).replace("T", " ") : clock(starts[c]);
      const s = el("span", axis, x > LABELS + width - 24 ? "last" : x < LABELS + 16 ? "first" : "", label);
      s.style.left = Math.min(x, LABELS + width) + "px";
    }
  }
  paint();
  scroll.scrollTop = keep.top;

  const legend = el("div", root, "legend");
  el("span", legend, "", (data.clipped && data.lowIsBad && !data.diverging ? "≤ " : "") + end(lo));
  const bar = el("canvas", legend);
  bar.width = 256; bar.height = 1;
  const bg = bar.getContext("2d");
  colors.forEach((c, i) => { bg.fillStyle = c; bg.fillRect(i, 0, 1, 1); });
  el("span", legend, "", (data.clipped && !(data.lowIsBad && !data.diverging) ? "≥ " : "") + end(hi));
  el("span", legend, "", data.legend).style.opacity = ".7";
  if (data.gaps) { el("span", legend, "gap"); el("span", legend, "", "nothing reported").style.opacity = ".7"; }
  el("span", legend, "hint", data.hint || "");

  let at = null, from = null, dragged = false;
  function show(b, r, c) {
    hide();
    at = { b, r, c };
    const { group, cursor, rows, body } = bodies[b], row = group.rows[r];
    rows[r].classList.add("hot");
    Object.assign(cursor.style, { display: "block", left: LABELS + c * cell - 1 + "px", top: r * data.rowHeight - 1 + "px",
      width: cell + 1 + "px", height: data.rowHeight + 1 + "px" });
    tip.replaceChildren();
    el("b", tip, "", row.others ? row.host + " (median)" : row.host);
    el("span", tip, "m", "  " + row.service);
    el("div", tip, "m", `${group.label} · ${column(c)}`);
    el("div", tip, "v", told(row.values[c]) + (data.diverging && row.raw ? ` (${formatValue(row.raw[c], data.rawUnit)})` : ""));
    const peers = data.peers[row.peers];
    if (peers && peers[c] !== null) el("div", tip, "m", `peers ${formatValue(peers[c], data.rawUnit)} (median of ${data.steps ? "its stage" : row.service})`);
    tip.style.display = "block";
    const box = root.getBoundingClientRect(), place = body.getBoundingClientRect();
    const x = place.left - box.left + LABELS + (c + 1) * cell + 8, y = place.top - box.top + r * data.rowHeight + data.rowHeight + 4;
    const tw = tip.offsetWidth, th = tip.offsetHeight;
    tip.style.left = (x + tw > box.width ? Math.max(4, x - tw - cell - 18) : x) + "px";
    tip.style.top = (y + th > data.height + 30 ? Math.max(0, y - th - data.rowHeight - 8) : y) + "px";
  }
  function hide() {
    if (at) { bodies[at.b].rows[at.r].classList.remove("hot"); bodies[at.b].cursor.style.display = "none"; }
    at = null; tip.style.display = "none";
  }
  function pick() {
    const row = bodies[at.b].group.rows[at.r];
    setTriggerValue("picked", { service: row.service, host: row.others ? "" : row.host, from: starts[at.c], to: starts[at.c] + step });
  }
  const colAt = (event, canvas) => Math.max(0, Math.min(n - 1, Math.floor((event.clientX - canvas.getBoundingClientRect().left) / cell)));
  bodies.forEach(({ canvas, group, rows }, b) => {
    const rowAt = (e) => Math.max(0, Math.min(group.rows.length - 1, Math.floor((e.clientY - canvas.getBoundingClientRect().top) / data.rowHeight)));
    canvas.addEventListener("pointermove", (e) => {
      if (from !== null) {
        const c = colAt(e, canvas);
        if (c !== from) dragged = true;
        const a = Math.min(from, c), z = Math.max(from, c) + 1;
        Object.assign(brush.style, { display: dragged ? "block" : "none", left: LABELS + a * cell + "px", width: (z - a) * cell + "px",
          height: scroll.scrollHeight - 22 + "px", bottom: "auto" });
        brush.__range = [a, z];
        if (dragged) { hide(); return; }
      }
      show(b, rowAt(e), colAt(e, canvas));
    });
    canvas.addEventListener("pointerdown", (e) => { from = colAt(e, canvas); dragged = false; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointerup", (e) => {
      if (dragged && brush.__range) {
        const [a, z] = brush.__range;
        setTriggerValue("brushed", { from: starts[a], to: starts[z - 1] + step });
      } else if (from !== null) { show(b, rowAt(e), colAt(e, canvas)); pick(); }
      from = null; brush.style.display = "none";
    });
    canvas.addEventListener("pointerleave", () => { if (from === null) hide(); });
    rows.forEach((line, r) => line.addEventListener("click", () => {
      const row = group.rows[r];
      setTriggerValue("picked", { service: row.service, host: row.others ? "" : row.host, from: null, to: null });
    }));
  });
  scroll.addEventListener("keydown", (e) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (e.key === "Enter" && at) { pick(); e.preventDefault(); return; }
    if (e.key === "Escape") { hide(); return; }
    if (!moves[e.key] || !bodies.length) return;
    e.preventDefault();
    let { b, r, c } = at || { b: 0, r: -1, c: n - 1 };
    r += moves[e.key][0]; c = Math.max(0, Math.min(n - 1, c + moves[e.key][1]));
    if (r < 0) { b -= 1; if (b < 0) { b = 0; r = 0; } else r = bodies[b].group.rows.length - 1; }
    if (r >= bodies[b].group.rows.length) { b += 1; r = 0; if (b >= bodies.length) { b = bodies.length - 1; r = bodies[b].group.rows.length - 1; } }
    bodies[b].rows[r].scrollIntoView({ block: "nearest" });
    show(b, r, c);
  });
  const watch = new ResizeObserver(() => { if (Math.abs(scroll.clientWidth - LABELS - width) > 1) paint(); });
  watch.observe(scroll);
  keep.stop = () => watch.disconnect();
  return () => watch.disconnect();
}
