// Numbers and times as formats.py writes them: three digits that count, one unit.
const NBSP = "\u00a0";
function digits(v) {
  if (v === 0) return "0";
  let m = Math.floor(Math.log10(Math.abs(v)));
  if (m < 3) m = Math.floor(Math.log10(Math.abs(Number(v.toExponential(2)))));
  const text = v.toFixed(Math.min(4, Math.max(0, 2 - m)));
  return Number(text) === 0 ? "0" : text;
}
function formatMs(ms) {
  const a = Math.abs(ms);
  if (a >= 119500) {
    const s = Math.round(ms / 1000);
    return s < 3600 ? `${Math.floor(s / 60)}${NBSP}min ${s % 60}${NBSP}s`
      : `${Math.floor(s / 3600)}${NBSP}h ${Math.floor((s % 3600) / 60)}${NBSP}min`;
  }
  if (a >= 999.5) return digits(ms / 1000) + NBSP + "s";
  if (a >= 0.9995 || ms === 0) return digits(ms) + NBSP + "ms";
  if (a >= 0.0009995) return digits(ms * 1000) + NBSP + "µs";
  return digits(ms * 1e6) + NBSP + "ns";
}
function formatNumber(v, unit) {
  for (const [f, p] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (Math.abs(v) >= f * 0.9995) return digits(v / f) + NBSP + p + unit;
  return unit ? digits(v) + (unit.startsWith("/") ? "" : NBSP) + unit : digits(v);
}
function formatCount(v) {
  return Math.abs(v) < 10000 ? Math.round(v).toLocaleString("en-US") : formatNumber(v, "");
}
function formatRatio(r) {
  const p = r * 100;
  if (p === 0) return "0" + NBSP + "%";
  if (Math.abs(p) < 0.001) return "<" + NBSP + "0.001" + NBSP + "%";
  return p.toFixed(Math.abs(p) < 0.01 ? 3 : Math.abs(p) < 9.995 ? 2 : Math.abs(p) < 99.95 ? 1 : 0) + NBSP + "%";
}
function formatValue(v, unit) {
  if (v === null || v === undefined || !Number.isFinite(v)) return "–";
  if (unit === "ms") return formatMs(v);
  if (unit === "ratio") return formatRatio(v);
  if (unit === "Cel") return v.toFixed(1) + NBSP + "°C";
  if (unit === "By") return formatNumber(v, "B");
  if (unit === "MHz") return Math.round(v).toLocaleString("en-US") + NBSP + "MHz";
  if (unit === "times") return digits(v) + NBSP + "×";
  return formatNumber(v, unit);
}
// On an axis: 10 ms and 1.5 k/s, without zeros that say nothing.
function formatTick(v, unit) {
  return formatValue(v, unit).replace(/(\d)\.(\d*?)0+(?!\d)/, (all, whole, rest) => (rest ? `${whole}.${rest}` : whole));
}
const two = (n) => String(n).padStart(2, "0");
function clock(s, seconds) {
  const d = new Date(s * 1000);
  return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + (seconds ? ":" + two(d.getUTCSeconds()) : "");
}
function isDark(node) {
  const color = getComputedStyle(node).getPropertyValue("--st-background-color").trim();
  const m = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(color);
  const rgb = m ? m.slice(1, 4).map((x) => parseInt(x, 16)) : (color.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
  return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] < 128;
}
