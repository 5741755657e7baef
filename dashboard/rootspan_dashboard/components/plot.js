// Courses over time or steps, drawn by uPlot: panels side by side, one legend, one cursor. Text by textContent only.
let serial = 0;

function el(tag, parent, cls, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
function library(path) {
  window.__rootspanPlot = window.__rootspanPlot || import(new URL(path, window.location.origin).href);
  return window.__rootspanPlot.then((module) => module.default);
}
const day = (t) => new Date(t * 1000).toISOString().slice(5, 10);

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".box");
  if (root.__stop) root.__stop();
  root.replaceChildren();
  delete root.dataset.drawn;
  const turn = (root.__turn = ++serial);
  const legend = el("div", root, "legend" + (data.bars ? " bars" : ""));
  for (const one of data.names) {
    const item = el("span", legend);
    el("i", item).style.background = one.color;
    el("span", item, "name", one.name);
  }
  const grid = el("div", root, "panels"), tip = el("div", root, "tip");
  const holders = data.panels.map((panel) => {
    const box = el("div", grid, "panel");
    if (panel.title) el("h4", box, "", panel.title);
    const plot = el("div", box, "axes");
    plot.style.height = data.height + "px";
    plot.tabIndex = 0;
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-label", `${panel.title || data.summary}: ${panel.lines.map((line) => line.name).join(", ")}`);
    return plot;
  });
  const drawn = [];
  const text = getComputedStyle(root).color, faint = `color-mix(in srgb, ${text} 11%, transparent)`;

  function build(uPlot) {
    if (root.__turn !== turn || !root.isConnected) return;
    const sync = `rootspan-${turn}`;
    data.panels.forEach((panel, number) => {
      const holder = holders[number];
      const shown = data.bars ? stacked(panel) : panel.lines.map((line) => line.values);
      const time = data.over === "time";
      const span = data.limits ? data.limits[1] - data.limits[0] : (panel.at[panel.at.length - 1] || 0) - (panel.at[0] || 0);
      const axis = { stroke: text, font: `11px ${getComputedStyle(root).fontFamily}`, grid: { stroke: faint, width: 1 }, ticks: { show: false } };
      const width = Math.max(60, holder.clientWidth);
      const plot = new uPlot({
        width, height: data.height, legend: { show: false },
        tzDate: (t) => uPlot.tzDate(new Date(t * 1000), "Etc/UTC"),
        cursor: { sync: { key: sync, setSeries: false }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
        scales: {
          x: { time, range: (u, low, high) => (data.limits ? data.limits : low === high ? [low - 60, high + 60] : data.bars ? [low - pace(panel) / 2, high + pace(panel) / 2] : [low, high]) },
          y: { range: (u, low, high) => (low === null ? [0, flat(panel.unit)] : [Math.min(0, low), high > 0 ? high * 1.08 : high === low ? flat(panel.unit) : 0]) },
        },
        axes: [
          { ...axis, space: 64, size: 25, gap: 7, values: (u, splits, i, space, step) => splits.map((t) =>
            !time ? (Number.isInteger(t) ? t.toLocaleString("en-US") : "") : step >= 86400 ? day(t) : span > 86400 ? `${day(t)} ${clock(t, false)}` : clock(t, step < 60)) },
          { ...axis, space: 22, gap: 4, values: (u, splits) => splits.map((v) => formatTick(v, panel.unit)),
            size: (u, values) => (values ? Math.max(Math.max(...values.map((v) => v.length)) * 6.1 + 12, 48) : 48) },
        ],
        series: [{}, ...panel.lines.map((line) => ({
          label: line.name, stroke: line.color, width: data.bars ? 0 : line.width, spanGaps: true,
          fill: data.bars ? line.color : undefined, points: { show: !data.bars && line.dots, size: 5, fill: line.color },
          paths: data.bars ? uPlot.paths.bars({ size: [0.88, 60] }) : undefined,
        }))],
        hooks: {
          draw: [(u) => marks(u, holder)],
          setCursor: [(u) => { if (u.cursor.event || u.__keys) tell(u, panel, holder); }],
        },
      }, [panel.at, ...shown], holder);
      el("span", holder, "over", data.over === "time" ? "UTC" : "step");
      plot.over.addEventListener("mouseleave", () => (tip.style.display = "none"));
      holder.addEventListener("keydown", (e) => walk(e, plot, panel, holder));
      holder.addEventListener("blur", () => (tip.style.display = "none"));
      drawn.push(plot);
    });
    root.dataset.drawn = "1";
  }
  // The top of an axis on which all is zero: a share of 1 %, so that it does not look as if 100 % were near.
  const flat = (unit) => (unit === "ratio" ? 0.01 : 1);
  const pace = (panel) => panel.at.reduce((least, t, i) => (i && t - panel.at[i - 1] < least ? t - panel.at[i - 1] : least), Infinity) || 60;
  // Bars stand on each other: each line is drawn to the height of itself and all that come after it.
  function stacked(panel) {
    const sums = new Array(panel.at.length).fill(0), out = [];
    for (const line of [...panel.lines].reverse()) {
      line.values.forEach((v, i) => { sums[i] += v || 0; });
      out.unshift([...sums]);
    }
    return out;
  }
  function marks(u, holder) {
    holder.querySelectorAll(".mark").forEach((node) => node.remove());
    for (const mark of data.marks) {
      if (mark.at < u.scales.x.min || mark.at > u.scales.x.max) continue;
      const x = u.valToPos(mark.at, "x", true), { ctx, bbox } = u;
      ctx.save();
      ctx.strokeStyle = text; ctx.globalAlpha = 0.65; ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]); ctx.lineWidth = devicePixelRatio;
      ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
      ctx.restore();
      el("span", holder, "mark", mark.label).style.left = x / devicePixelRatio + "px";
    }
  }
  function tell(u, panel, holder) {
    const i = u.cursor.idx;
    if (i === null || i === undefined || u.cursor.left < 0) { tip.style.display = "none"; return; }
    tip.replaceChildren();
    const t = panel.at[i];
    el("div", tip, "m", data.over === "time" ? `${day(t)} ${clock(t, t % 60 !== 0)} UTC` : `step ${t.toLocaleString("en-US")}`);
    for (const line of panel.lines) {
      if (line.values[i] === null) continue;
      const row = el("div", tip);
      el("i", row).style.background = line.color;
      el("span", row, "", line.name);
      el("b", row, "", formatValue(line.values[i], panel.unit));
    }
    tip.style.display = "block";
    const box = root.getBoundingClientRect(), over = u.over.getBoundingClientRect();
    const x = over.left - box.left + u.cursor.left;
    tip.style.left = (x + 16 + tip.offsetWidth > box.width ? Math.max(0, x - tip.offsetWidth - 12) : x + 14) + "px";
    tip.style.top = Math.max(0, over.top - box.top + Math.min(u.cursor.top, over.height - tip.offsetHeight)) + "px";
  }
  function walk(e, u, panel, holder) {
    if (e.key === "Escape") { tip.style.display = "none"; return; }
    if (e.key !== "ArrowLeft" && e.key !== "ArrowRight") return;
    e.preventDefault();
    const last = panel.at.length - 1, now = u.cursor.idx === null || u.cursor.idx === undefined || u.cursor.left < 0 ? last + (e.key === "ArrowLeft" ? 1 : 0) : u.cursor.idx;
    const i = Math.max(0, Math.min(last, now + (e.key === "ArrowRight" ? 1 : -1)));
    u.__keys = true;
    u.setCursor({ left: u.valToPos(panel.at[i], "x"), top: 8 });
    tell(u, panel, holder);
    u.__keys = false;
  }
  library(data.library).then(build, () => holders.forEach((holder) => el("div", holder, "", "This chart could not be loaded; reload the page.")));
  const watch = new ResizeObserver(() => drawn.forEach((plot, i) => {
    const width = holders[i].clientWidth;
    if (width > 0 && Math.abs(width - plot.width) > 1) plot.setSize({ width, height: data.height });
  }));
  watch.observe(grid);
  root.__stop = () => { watch.disconnect(); drawn.forEach((plot) => plot.destroy()); root.__turn = 0; };
  return root.__stop;
}
