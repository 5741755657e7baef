// How durations are spread over time: counts in cells of time by the logarithm of the duration. Text by textContent only.
const COUNTS = {
  light: ["#e4edf6", "#b3d0e8", "#6fa9d2", "#2f7ab5", "#0d4a86"],
  dark: ["#1d3348", "#25527a", "#3579ad", "#63abd9", "#c2e4fb"],
};
const LEFT = 72, BOTTOM = 24, BAD = "#d55e00";

function el(tag, parent, cls, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
function ramp(stops) {
  const rgb = stops.map((h) => [1, 3, 5].map((i) => parseInt(h.slice(i, i + 2), 16)));
  const table = [];
  for (let i = 0; i < 256; i++) {
    const x = (i / 255) * (rgb.length - 1), k = Math.min(rgb.length - 2, Math.floor(x)), f = x - k;
    table.push(`rgb(${rgb[k].map((c, j) => Math.round(c + (rgb[k + 1][j] - c) * f)).join(",")})`);
  }
  return table;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".box");
  if (root.__stop) root.__stop();
  root.replaceChildren();
  const colors = ramp(COUNTS[isDark(root) ? "dark" : "light"]);
  const { cells, columns, first, step, low, high, perDoubling } = data;
  const rows = high - low + 1, height = data.height;
  const frame = el("div", root, "frame");
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  frame.setAttribute("aria-label", data.summary);
  const plot = el("div", frame, "plot");
  const canvas = el("canvas", plot);
  const yAxis = el("div", frame, "y"), xAxis = el("div", frame, "x");
  el("b", xAxis, "", "UTC");
  const chosen = data.chosen ? el("div", plot, "chosen") : null;
  const cursor = el("div", plot, "cursor"), tip = el("div", root, "tip");
  const most = Math.max(1, ...cells.map((c) => c[2]));
  const at = new Map(cells.map((c) => [c[0] * 1000 + c[1] - low, c]));
  const durationMs = (bucket) => 2 ** (bucket / perDoubling) / 1e6;
  let width = 0, cw = 0, ch = height / rows;

  function paint() {
    width = Math.max(80, frame.clientWidth - LEFT); cw = width / columns;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    canvas.style.width = width + "px"; canvas.style.height = height + "px";
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio);
    for (const [x, b, n, failed] of cells) {
      const left = Math.round(x * cw), right = Math.round((x + 1) * cw), top = Math.round(height - (b - low + 1) * ch), end = Math.round(height - (b - low) * ch);
      const gap = cw > 5 ? 1 : 0;
      g.fillStyle = colors[Math.round(255 * (most > 1 ? Math.log(n) / Math.log(most) : 1))];
      g.fillRect(left, top, Math.max(1, right - left - gap), Math.max(1, end - top - (ch > 5 ? 1 : 0)));
      if (failed) {  // the share that failed, as a stripe from the left
        g.fillStyle = BAD;
        g.fillRect(left, top, Math.max(2, (right - left - gap) * (failed / n)), Math.max(1, end - top - (ch > 5 ? 1 : 0)));
      }
    }
    yAxis.replaceChildren(); xAxis.querySelectorAll("span").forEach((s) => s.remove());
    frame.querySelectorAll(".grid").forEach((s) => s.remove());
    // Labels at powers of ten and their doubles and fives, as many as fit.
    const lo = durationMs(low), hi = durationMs(high + 1);
    const marks = [];
    for (let p = Math.floor(Math.log10(lo)); p <= Math.log10(hi); p++) for (const k of [1, 2, 5]) marks.push(k * 10 ** p);
    const fits = marks.filter((m) => m > lo && m < hi);
    const shown = fits.length * 20 > height ? fits.filter((m) => Math.abs(Math.log10(m) - Math.round(Math.log10(m))) < 1e-9) : fits;
    for (const ms of shown) {
      const y = height - (Math.log2(ms * 1e6) * perDoubling - low) * ch;
      const s = el("span", yAxis, y < 8 ? "top" : y > height - 6 ? "bottom" : "", formatTick(ms, "ms"));
      s.style.top = y + "px";
      el("div", frame, "grid").style.top = y + "px";
    }
    const span = columns * step, fit = Math.max(2, Math.floor(width / 90));
    const every = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400].find((s) => span / s <= fit) || 86400;
    for (let t = Math.ceil(first / every) * every; t < first + span; t += every) {
      const x = LEFT + ((t - first) / span) * width;
      const label = span > 90000 ? new Date(t * 1000).toISOString().slice(5, 16).replace("T", " ") : clock(t, every < 60);
      el("span", xAxis, x > LEFT + width - 26 ? "last" : x < LEFT + 16 ? "first" : "", label).style.left = x + "px";
    }
    if (chosen) {
      const c = data.chosen;
      const x0 = c.from === null ? 0 : ((c.from - first) / span) * width, x1 = c.to === null ? width : ((c.to - first) / span) * width;
      const y0 = c.least ? height - (Math.log2(c.least) * perDoubling - low) * ch : height;
      const y1 = c.most ? height - (Math.log2(c.most) * perDoubling - low) * ch : 0;
      const l = Math.max(0, Math.min(width, x0)), t = Math.max(0, Math.min(height, y1));
      Object.assign(chosen.style, { left: l + "px", width: Math.max(2, Math.min(width, x1) - l) + "px", top: t + "px", height: Math.max(2, Math.min(height, y0) - t) + "px" });
    }
  }
  paint();
  const legend = el("div", root, "legend");
  el("span", legend, "", "1");
  const bar = el("canvas", legend);
  bar.width = 256; bar.height = 1;
  const bg = bar.getContext("2d");
  colors.forEach((c, i) => { bg.fillStyle = c; bg.fillRect(i, 0, 1, 1); });
  el("span", legend, "", formatCount(most));
  el("span", legend, "m", data.legend);
  if (cells.some((c) => c[3])) { el("span", legend, "f"); el("span", legend, "m", "share that failed"); }
  el("span", legend, "hint", data.hint);

  const place = (e) => {
    const box = canvas.getBoundingClientRect();
    return [Math.max(0, Math.min(columns - 1, Math.floor((e.clientX - box.left) / cw))),
      Math.max(0, Math.min(rows - 1, Math.floor((box.bottom - e.clientY) / ch)))];
  };
  let from = null, to = null, brush = null, here = null;
  function show(x, r) {
    here = [x, r];
    const c = at.get(x * 1000 + r);
    Object.assign(cursor.style, { display: "block", left: x * cw + "px", top: height - (r + 1) * ch + "px", width: cw + "px", height: ch + "px" });
    tip.replaceChildren();
    const t = first + x * step;
    el("b", tip, "", `${formatMs(durationMs(low + r))} – ${formatMs(durationMs(low + r + 1))}`);
    el("div", tip, "m", `${clock(t, step < 60)} – ${clock(t + step, step < 60)} UTC`);
    el("div", tip, "", c ? `${formatCount(c[2])} ${data.noun}` : `no ${data.noun}`);
    if (c && c[3]) el("div", tip, "f", `${formatCount(c[3])} failed`);
    tip.style.display = "block";
    const x0 = LEFT + (x + 1) * cw + 8;
    tip.style.left = (x0 + tip.offsetWidth > root.clientWidth ? LEFT + x * cw - tip.offsetWidth - 8 : x0) + "px";
    tip.style.top = Math.max(0, Math.min(height - tip.offsetHeight, height - (r + 1) * ch)) + "px";
  }
  const hide = () => { tip.style.display = "none"; cursor.style.display = "none"; };
  function tell(a, b) {
    const x0 = Math.min(a[0], b[0]), x1 = Math.max(a[0], b[0]) + 1, r0 = Math.min(a[1], b[1]), r1 = Math.max(a[1], b[1]) + 1;
    setTriggerValue("brushed", { from: first + x0 * step, to: first + x1 * step,
      least: Math.round(2 ** ((low + r0) / perDoubling)), most: Math.round(2 ** ((low + r1) / perDoubling)) });
  }
  canvas.addEventListener("pointerdown", (e) => { from = place(e); to = from; brush = el("div", plot, "brush"); canvas.setPointerCapture(e.pointerId); hide(); draw(); });
  function draw() {
    const x0 = Math.min(from[0], to[0]), x1 = Math.max(from[0], to[0]) + 1, r0 = Math.min(from[1], to[1]), r1 = Math.max(from[1], to[1]) + 1;
    Object.assign(brush.style, { left: x0 * cw + "px", width: (x1 - x0) * cw + "px", top: height - r1 * ch + "px", height: (r1 - r0) * ch + "px" });
  }
  canvas.addEventListener("pointermove", (e) => {
    if (from === null) { show(...place(e)); return; }
    to = place(e); draw();
  });
  canvas.addEventListener("pointerup", (e) => {
    if (from === null) return;
    tell(from, place(e));
    from = null; brush.remove();
  });
  canvas.addEventListener("pointerleave", () => { if (from === null) hide(); });
  // Keyboard: arrows move a cell, Shift with arrows spans a box, Enter takes it, Escape lets go.
  let anchor = null;
  frame.addEventListener("keydown", (e) => {
    const moves = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    if (e.key === "Escape") { anchor = null; if (brush) brush.remove(); hide(); return; }
    if (e.key === "Enter" && here) { e.preventDefault(); tell(anchor || here, here); if (brush) brush.remove(); anchor = null; return; }
    if (!moves[e.key]) return;
    e.preventDefault();
    const [x, r] = here || [columns - 1, Math.floor(rows / 2)];
    if (e.shiftKey && !anchor) anchor = [x, r];
    if (!e.shiftKey) { anchor = null; if (brush) brush.remove(); }
    const next = here ? [Math.max(0, Math.min(columns - 1, x + moves[e.key][0])), Math.max(0, Math.min(rows - 1, r + moves[e.key][1]))] : [x, r];
    show(...next);
    if (anchor) { if (!brush || !brush.isConnected) brush = el("div", plot, "brush"); from = anchor; to = next; draw(); from = null; }
  });
  const watch = new ResizeObserver(() => { if (Math.abs(frame.clientWidth - LEFT - width) > 1) paint(); });
  watch.observe(frame);
  root.__stop = () => watch.disconnect();
  return () => watch.disconnect();
}
