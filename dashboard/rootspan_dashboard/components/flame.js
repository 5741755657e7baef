// Call paths as an icicle. A click looks closer; all text goes in as textContent.
const ROW = 21, THIN = 26;
const CHANGE = { light: ["#0b559f", "#7fb3dc", "#eef1f4", "#f0a35e", "#b34700"], dark: ["#7cc0ff", "#2f6ea5", "#232b35", "#a8561a", "#ffb066"] };

function el(tag, parent, cls, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
function mix(stops, x) {
  const rgb = stops.map((h) => [1, 3, 5].map((i) => parseInt(h.slice(i, i + 2), 16)));
  const at = Math.max(0, Math.min(1, x)) * (rgb.length - 1), k = Math.min(rgb.length - 2, Math.floor(at));
  return rgb[k].map((c, j) => Math.round(c + (rgb[k + 1][j] - c) * (at - k)));
}
// Whichever of black and white has the higher contrast, by WCAG's relative luminance.
const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
const ink = (rgb) => (0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]) > 0.179 ? "#000000" : "#ffffff");

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".box");
  if (root.__stop) root.__stop();
  root.replaceChildren();
  const frame = el("div", root, "frame"), tip = el("div", root, "tip"), legend = el("div", root, "legend");
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  frame.setAttribute("aria-label", data.summary);
  frame.style.height = Math.min(560, data.depth * ROW + 1) + "px";
  frame.style.overflowY = "auto";
  const stops = CHANGE[isDark(root) ? "dark" : "light"];
  const boxes = data.boxes;
  let zoom = null, here = 0, width = 0;

  const color = (b) => (data.compared ? mix(stops, (b.change + 1) / 2)
    : [1, 3, 5].map((i) => parseInt(data.colors[b.color].slice(i, i + 2), 16)));
  function draw() {
    width = frame.clientWidth;
    frame.replaceChildren();
    const low = zoom ? zoom.at : 0, high = zoom ? zoom.at + zoom.width : Math.max(1e-12, data.total);
    const scale = width / (high - low);
    boxes.forEach((b, i) => {
      const left = Math.max(0, (b.at - low) * scale), right = Math.min(width, (b.at + b.width - low) * scale);
      if (right - left < 0.7) return;
      const wide = right - left, node = el("div", frame, "cell");
      node.style.left = left + "px"; node.style.width = Math.max(1, wide) + "px"; node.style.top = b.depth * ROW + "px";
      const rgb = color(b);
      node.style.background = `rgb(${rgb.join(",")})`;
      node.style.color = ink(rgb);
      if (wide < THIN) node.classList.add("thin");
      else node.textContent = wide > 240 ? `${b.operation}  ${b.service}  ${formatMs(b.width)}` : b.operation;
      if (i === here) node.classList.add("here");
      if (zoom && b.depth < zoom.depth) node.classList.add("faint");
      node.addEventListener("pointerenter", () => tell(node, b));
      node.addEventListener("pointerleave", () => (tip.style.display = "none"));
      node.addEventListener("click", () => { here = i; look(b === zoom || (b.at <= low && b.depth === 0 && !zoom) ? null : b); frame.focus(); });
      b.node = node;
    });
    key();
  }
  function look(b) { zoom = b; tip.style.display = "none"; draw(); }
  function tell(node, b) {
    tip.replaceChildren();
    el("b", tip, "", b.operation); el("span", tip, "m", `  ${b.service}, ${b.hosts} host${b.hosts === 1 ? "" : "s"}`);
    el("div", tip, "", `${formatMs(b.width)} a trace, ${formatMs(b.self)} of it self time`);
    el("div", tip, "", `${digits(b.spans)} span${b.spans === 1 ? "" : "s"} a trace`);
    if (b.errors > 0) el("div", tip, "f", `${digits(b.errors)} failed a trace`);
    if (data.compared) {
      const more = b.width - b.other;
      el("div", tip, "", `${data.others}: ${b.other > 0 ? formatMs(b.other) : "not there"}, ${formatMs(b.otherSelf)} self`);
      el("div", tip, more > 0 ? "f" : "", `${more >= 0 ? "+" : "\u2212"}${formatMs(Math.abs(more))}${b.other > 0 ? ` (${digits(b.width / b.other)} times)` : ""}`);
    }
    tip.style.display = "block";
    const box = root.getBoundingClientRect(), r = node.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(r.left - box.left, box.width - tip.offsetWidth - 6)) + "px";
    tip.style.top = r.bottom - box.top + 5 + "px";
  }
  function key() {
    legend.replaceChildren();
    if (data.compared) {
      el("span", legend, "", "shorter");
      const bar = el("canvas", legend);
      bar.width = 256; bar.height = 1;
      const g = bar.getContext("2d");
      for (let i = 0; i < 256; i++) { g.fillStyle = `rgb(${mix(stops, i / 255).join(",")})`; g.fillRect(i, 0, 1, 1); }
      el("span", legend, "", "longer");
      el("span", legend, "m", `self time of ${data.ours} against ${data.others}, by its share of the whole`);
    } else data.names.slice(0, 12).forEach((name, i) => {
      const item = el("span", legend);
      el("i", item, "dot").style.background = data.colors[i % data.colors.length];
      el("span", item, "", name);
    });
    if (zoom) el("button", legend, "", "Show all").addEventListener("click", () => look(null));
    el("span", legend, "m hint", "width: mean self time a trace, with all below · click looks closer");
  }
  // Keyboard: left and right among siblings, up and down the path, Enter looks closer, Escape shows all.
  frame.addEventListener("keydown", (e) => {
    const b = boxes[here];
    const near = (found) => found.length ? boxes.indexOf(found[0]) : here;
    const moves = {
      ArrowDown: () => near(boxes.filter((o) => o.depth === b.depth + 1 && o.at >= b.at - 1e-9 && o.at < b.at + b.width)),
      ArrowUp: () => near(boxes.filter((o) => o.depth === b.depth - 1 && o.at <= b.at + 1e-9 && o.at + o.width > b.at)),
      ArrowRight: () => near(boxes.filter((o) => o.depth === b.depth && o.at > b.at + 1e-12)),
      ArrowLeft: () => near(boxes.filter((o) => o.depth === b.depth && o.at < b.at - 1e-12).reverse()),
    };
    if (e.key === "Escape") { look(null); return; }
    if (e.key === "Enter" && b) { e.preventDefault(); look(b); if (b.node) tell(b.node, b); return; }
    if (!moves[e.key] || !b) return;
    e.preventDefault();
    here = moves[e.key]();
    draw();
    if (boxes[here].node && boxes[here].node.isConnected) tell(boxes[here].node, boxes[here]);
  });
  draw();
  const watch = new ResizeObserver(() => { if (Math.abs(frame.clientWidth - width) > 1) draw(); });
  watch.observe(frame);
  root.__stop = () => watch.disconnect();
  return () => watch.disconnect();
}
