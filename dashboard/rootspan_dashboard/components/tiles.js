// Figures with their change and their course. All text goes in as textContent.
const SVG = "http://www.w3.org/2000/svg", W = 120, H = 28, COLOR = "#2b8fd0";

function shape(tag, parent, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.appendChild(node);
  return node;
}
function spark(values) {
  const numbers = values.filter((v) => v !== null);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  if (numbers.length < 2) return svg;
  const low = Math.min(...numbers), high = Math.max(...numbers);
  // A line that hardly moves must not look like a storm: the range is at least a fifth of the level.
  const reach = Math.max(high - low, Math.abs(high) * 0.2, 1e-12), floor = Math.min(low, high - reach);
  const step = W / (values.length - 1);
  const runs = [[]];
  values.forEach((v, i) => {
    if (v === null) runs.push([]);
    else runs[runs.length - 1].push([(i * step).toFixed(1), (H - 2 - ((v - floor) / reach) * (H - 7)).toFixed(1)]);
  });
  for (const run of runs) {
    if (run.length < 2) continue;
    const line = run.map((p) => p.join(",")).join(" ");
    shape("polygon", svg, { points: `${run[0][0]},${H} ${line} ${run[run.length - 1][0]},${H}`, fill: COLOR, "fill-opacity": "0.16" });
    shape("polyline", svg, { points: line, fill: "none", stroke: COLOR, "stroke-width": "1.4", "vector-effect": "non-scaling-stroke" });
  }
  return svg;
}
export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".box");
  const tiles = document.createElement("div");
  tiles.className = "tiles";
  const drawn = data.tiles.some((one) => one.series.length);
  for (const one of data.tiles) {
    const tile = document.createElement("div");
    tile.className = "tile";
    for (const part of ["name", "value", "change"]) {
      const line = document.createElement("div");
      line.className = part === "change" ? `change ${one.mood}` : part;
      line.textContent = one[part];
      line.title = one[part];
      tile.appendChild(line);
    }
    if (drawn) tile.appendChild(spark(one.series));
    tiles.appendChild(tile);
  }
  root.replaceChildren(tiles);
}
