// Numbers and times as people read them.

const language = navigator.language || "en";
const cached = new Map();

function numberFormat(options) {
  const key = JSON.stringify(options);
  if (!cached.has(key)) cached.set(key, new Intl.NumberFormat(language, options));
  return cached.get(key);
}

export function count(value) {
  return value === null || value === undefined ? "–" : numberFormat({ maximumFractionDigits: 0 }).format(value);
}

export function money(value, currency, { short = false, whole = false } = {}) {
  if (value === null || value === undefined) return "–";
  const options = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
  if (short) Object.assign(options, { notation: "compact", maximumFractionDigits: 1, minimumFractionDigits: 0 });
  if (whole) Object.assign(options, { maximumFractionDigits: 0, minimumFractionDigits: 0 });
  return numberFormat(options).format(Number(value));
}

export function percent(share) {
  return numberFormat({ style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let place = 0;
  while (value >= 1000 && place < units.length - 1) {
    value /= 1000;
    place += 1;
  }
  return `${numberFormat({ maximumFractionDigits: value < 10 && place ? 1 : 0 }).format(value)} ${units[place]}`;
}

/** A length of time from milliseconds: "0.2 s", "3 min". */
export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  const seconds = Math.max(milliseconds, 0) / 1000;
  if (seconds === 0) return "0 s";
  if (seconds < 0.1) return `${numberFormat({ maximumFractionDigits: 2, minimumFractionDigits: 2 }).format(seconds)} s`;
  if (seconds < 10) return `${numberFormat({ maximumFractionDigits: 1, minimumFractionDigits: 1 }).format(seconds)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** How long ago, in words. */
export function ago(time) {
  const milliseconds = Date.now() - Date.parse(time);
  return milliseconds < 5000 ? "just now" : `${duration(milliseconds)} ago`;
}

/** A day and a time. */
export function moment(time, zone) {
  const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: zone };
  return new Date(time).toLocaleString(language, options);
}

export function clock(time, zone, { seconds = false } = {}) {
  const options = { hour: "2-digit", minute: "2-digit", timeZone: zone };
  if (seconds) options.second = "2-digit";
  return new Date(time).toLocaleTimeString(language, options);
}

/** An order's state in words. */
export function words(name) {
  return name.replaceAll("_", " ");
}
