// Numbers as text.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const significant = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const percent = {
  format: (share) => (share > 0 && share < 5e-4 ? "< 0.1\u202f%" : `${tenths.format(100 * share)}\u202f%`),
};

function columnOf(name) {
  return DATA.columns[name] ?? { title: name, kind: "plain", per: 1, about: "" };
}

/** A number of about four digits, in a form that stays readable over many orders of magnitude. */
function shortNumber(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(2);
  return size >= 1e4 ? whole.format(value) : significant.format(value);
}

function formatValue(name, value) {
  const column = columnOf(name);
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (column.kind === "integer") return whole.format(value);
  if (column.kind === "share") return percent.format(value);
  if (column.kind === "plain") return Number.isInteger(value) ? whole.format(value) : shortNumber(value);
  return shortNumber(value / column.per);
}
