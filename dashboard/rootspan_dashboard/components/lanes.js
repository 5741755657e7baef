// One step of a job in time: a lane a rank, operations as bars, gaps where nothing ran. Text by textContent only.
const LEFT = 165, H = 20;

function el(tag, parent, cls, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".box");
  if (root.__stop) root.__stop();
  root.replaceChildren();
  const frame = el("div", root, "frame"), tip = el("div", root, "tip"), legend = el("div", root, "legend");
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  frame.setAttribute("aria-label", data.summary);
  const axis = el("div", frame, "axis");
  el("b", axis, "", "Rank");
  const canvases = [];
  let stage = null, width = 0, here = [0, -1];
  for (const lane of data.lanes) {
    if (lane.stage !== stage) {
      stage = lane.stage;
      if (stage >= 0) el("div", frame, "group", `stage ${stage}`);
    }
    const node = el("div", frame, "lane" + (lane.marked ? " marked" : ""));
    const label = el("div", node, "label", `rank ${lane.rank}`);
    el("em", label, "", lane.host);
    label.title = lane.host;
    const canvas = el("canvas", node);
    canvases.push(canvas);
    canvas.addEventListener("pointermove", (e) => {
      const t = ((e.clientX - canvas.getBoundingClientRect().left) / width) * data.total;
      const bars = lane.bars.filter((b) => b[0] <= t && b[0] + b[1] >= t);
      tell(canvas, lane, bars[bars.length - 1], e.clientX);
    });
    canvas.addEventListener("pointerleave", () => (tip.style.display = "none"));
  }
  function draw() {
    width = Math.max(80, frame.clientWidth - LEFT - 10);
    const ratio = window.devicePixelRatio || 1;
    data.lanes.forEach((lane, k) => {
      const canvas = canvases[k];
      canvas.width = Math.round(width * ratio); canvas.height = H * ratio;
      canvas.style.width = width + "px"; canvas.style.height = H + "px";
      const g = canvas.getContext("2d");
      g.scale(ratio, ratio);
      const x = (t) => (t / data.total) * width;
      for (const [at, took, kind, , , , , last] of lane.bars) {
        g.fillStyle = data.kinds[kind].color;
        g.fillRect(x(at), 3, Math.max(0.7, x(at + took) - x(at) - 0.4), H - 6);
        if (last) { g.fillStyle = "#d55e00"; g.beginPath(); g.moveTo(x(at) - 5, 0); g.lineTo(x(at) + 5, 0); g.lineTo(x(at), 8); g.fill(); }
      }
      if (here[0] === k && here[1] >= 0) {
        const b = lane.bars[here[1]];
        g.strokeStyle = getComputedStyle(root).color; g.lineWidth = 1.5;
        g.strokeRect(x(b[0]), 2, Math.max(2, x(b[0] + b[1]) - x(b[0])), H - 4);
      }
    });
    axis.querySelectorAll("span").forEach((s) => s.remove());
    const raw = data.total / Math.max(2, Math.floor(width / 95)), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
    for (let t = 0; t <= data.total; t += step) {
      const s = el("span", axis, t === 0 ? "first" : t > data.total * 0.97 ? "last" : "", formatTick(t, "ms"));
      s.style.left = LEFT + (t / data.total) * width + "px";
    }
  }
  function tell(canvas, lane, bar, clientX) {
    tip.replaceChildren();
    if (!bar) {
      el("b", tip, "", "nothing reported"); el("div", tip, "m", `rank ${lane.rank}: idle, or a bubble of the pipeline`);
    } else {
      const [at, took, kind, op, microbatch, seq, late, last] = bar;
      el("b", tip, "", op); el("span", tip, "m", `  ${data.kinds[kind].name}${microbatch >= 0 ? `, microbatch ${microbatch}` : ""}${seq >= 0 ? `, number ${seq}` : ""}`);
      el("div", tip, "", `${formatMs(took)}, from ${formatMs(at)} into the step`);
      if (last) el("div", tip, "f", `entered last, ${formatMs(late)} after the median rank: the others waited`);
      else if (late > 0.0005) el("div", tip, "m", `entered ${formatMs(late)} after the median rank`);
      el("div", tip, "m", `rank ${lane.rank} on ${lane.host}`);
    }
    tip.style.display = "block";
    const box = root.getBoundingClientRect(), r = canvas.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(clientX - box.left + 12, box.width - tip.offsetWidth - 6)) + "px";
    tip.style.top = r.bottom - box.top + 4 + "px";
  }
  // Keyboard: left and right from operation to operation, up and down from rank to rank.
  frame.addEventListener("keydown", (e) => {
    if (e.key === "Escape") { tip.style.display = "none"; here = [here[0], -1]; draw(); return; }
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!moves[e.key]) return;
    e.preventDefault();
    const k = Math.max(0, Math.min(data.lanes.length - 1, here[0] + moves[e.key][0]));
    here = [k, Math.max(0, Math.min(data.lanes[k].bars.length - 1, here[1] + moves[e.key][1]))];
    draw();
    const bar = data.lanes[k].bars[here[1]], r = canvases[k].getBoundingClientRect();
    canvases[k].scrollIntoView({ block: "nearest" });
    tell(canvases[k], data.lanes[k], bar, r.left + (bar[0] / data.total) * width);
  });
  for (const kind of data.kinds) { const item = el("span", legend); el("i", item).style.background = kind.color; el("span", item, "", kind.name); }
  if (data.lanes.some((lane) => lane.bars.some((b) => b[7]))) { const item = el("span", legend); el("i", item, "last"); el("span", item, "", "entered a collective last"); }
  el("span", legend, "m", "empty: idle, or bubbles of the pipeline");
  draw();
  const watch = new ResizeObserver(() => { if (Math.abs(frame.clientWidth - LEFT - 10 - width) > 1) draw(); });
  watch.observe(frame);
  root.__stop = () => watch.disconnect();
  return root.__stop;
}
