// Services and the calls between them. Places come from the server; text goes in as textContent only.
const NS = "http://www.w3.org/2000/svg", W = 172, H = 54, GAP_X = 118, GAP_Y = 22, PAD = 18, LEAST = 0.7;
const CALM = "#7f93a8", MILD = "#e69f00", BAD = "#d55e00";

function el(tag, parent, cls, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
function shape(tag, parent, attributes, text) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}
const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".box");
  root.replaceChildren();
  const frame = el("div", root, "frame"), tip = el("div", root, "tip");
  const rows = Math.max(...data.layers.map((one) => one.length), 1);
  const width = 2 * PAD + data.layers.length * W + (data.layers.length - 1) * GAP_X, height = 2 * PAD + rows * (H + GAP_Y) - GAP_Y;
  const svg = shape("svg", frame, { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": data.summary });
  svg.style.width = "100%";
  svg.style.minWidth = Math.round(width * LEAST) + "px";  // a smaller frame scales the map down so far, then it scrolls
  const at = {};
  data.layers.forEach((names, x) => names.forEach((name, y) => {
    const free = (height - 2 * PAD - (names.length * (H + GAP_Y) - GAP_Y)) / 2;
    at[name] = [PAD + x * (W + GAP_X), PAD + free + y * (H + GAP_Y)];
  }));
  const most = Math.max(1e-9, ...data.edges.map((e) => e.rate));
  const color = (e) => (e.errorRatio >= 0.01 ? BAD : e.errorRatio >= 0.001 ? MILD : CALM);
  const drawn = data.edges.map((e) => {
    const [ax, ay] = at[e.caller], [bx, by] = at[e.callee];
    const forward = bx > ax, x1 = forward ? ax + W : ax + W / 2, y1 = forward ? ay + H / 2 : ay + H;
    const x2 = forward ? bx - 7 : bx + W / 2, y2 = forward ? by + H / 2 : by + H + 7;
    const bend = forward ? Math.max(40, (x2 - x1) / 2) : 0, dip = forward ? 0 : 34;
    const group = shape("g", svg, { class: "edge" });
    const d = forward ? `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}` : `M${x1},${y1} C${x1},${y1 + dip} ${x2},${y2 + dip} ${x2},${y2}`;
    const stroke = 1 + 4 * Math.sqrt(e.rate / most);
    shape("path", group, { d, stroke: "transparent", "stroke-width": 14 });
    shape("path", group, { d, stroke: color(e), "stroke-width": stroke.toFixed(1), "stroke-opacity": ".8" });
    shape("path", group, { d: forward ? `M${x2 + 7},${y2} l-9,-4.5 v9 z` : `M${x2},${y2 - 7} l-4.5,9 h9 z`, fill: color(e), class: "head" });
    if (data.edges.length <= 24 && forward) {
      const label = shape("text", group, { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 20, "text-anchor": "middle" });
      shape("tspan", label, { x: (x1 + x2) / 2 }, `${formatValue(e.rate, "/s")}`);
      shape("tspan", label, { x: (x1 + x2) / 2, dy: 13 }, `gap ${formatValue(e.gapP50, "ms")}`);
    }
    group.addEventListener("pointerenter", (event) => tell(event, [["b", `${e.caller} → ${e.callee}`],
      ["", `${formatValue(e.rate, "/s")}, ${formatValue(e.errorRatio, "ratio")} failed`],
      ["", `client ${formatValue(e.p50, "ms")} p50, ${formatValue(e.p95, "ms")} p95`],
      ["", `edge gap ${formatValue(e.gapP50, "ms")} p50, ${formatValue(e.gapP95, "ms")} p95`]]));
    group.addEventListener("pointerleave", () => (tip.style.display = "none"));
    return [e, group];
  });
  const nodes = data.nodes.map((n) => {
    const [x, y] = at[n.name];
    const group = shape("g", svg, { class: "node" + (n.name === data.chosen ? " chosen" : ""), transform: `translate(${x},${y})`, tabindex: 0, role: "button",
      "aria-label": `${n.name}: ${formatValue(n.rate, "/s")}, ${formatValue(n.errorRatio, "ratio")} failed, p95 ${formatValue(n.p95, "ms")}` });
    shape("rect", group, { width: W, height: H, rx: 7 });
    if (n.errorRatio > 0) shape("rect", group, { width: 4, height: H - 14, x: 0, y: 7, rx: 2, style: `fill:${color(n)};stroke:none` });
    shape("text", group, { x: 12, y: 20, class: "name" }, cut(n.name, 22));
    shape("text", group, { x: 12, y: 35, class: "m" }, `${formatValue(n.rate, "/s")} · ${n.hosts} host${n.hosts === 1 ? "" : "s"}`);
    shape("text", group, { x: 12, y: 48, class: "m" }, `p95 ${formatValue(n.p95, "ms")} · ${formatValue(n.errorRatio, "ratio")} failed`);
    const pick = () => setTriggerValue("chosen", n.name);
    group.addEventListener("click", pick);
    group.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(); } });
    group.addEventListener("pointerenter", () => focus(n.name));
    group.addEventListener("pointerleave", () => focus(null));
    return [n.name, group];
  });
  function focus(name) {
    const near = new Set([name]);
    for (const [e, group] of drawn) {
      const touches = name === null || e.caller === name || e.callee === name;
      group.classList.toggle("faded", !touches);
      if (touches && name !== null) { near.add(e.caller); near.add(e.callee); }
    }
    for (const [other, group] of nodes) group.classList.toggle("faded", name !== null && !near.has(other));
  }
  function tell(event, parts) {
    tip.replaceChildren();
    for (const [kind, text] of parts) el(kind === "b" ? "b" : "div", tip, "", text);
    tip.style.display = "block";
    const box = root.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(event.clientX - box.left + 12, box.width - tip.offsetWidth - 6)) + "px";
    tip.style.top = Math.max(0, event.clientY - box.top - tip.offsetHeight - 10) + "px";
  }
  const legend = el("div", root, "legend");
  for (const [c, text] of [[CALM, "below 0.1 % failed"], [MILD, "0.1 % or more"], [BAD, "1 % or more"]]) {
    const item = el("span", legend);
    el("i", item).style.background = c;
    el("span", item, "", text);
  }
  el("span", legend, "", "line width: rate · gap: client's duration without the server's own · select a service for its neighbours");
}
