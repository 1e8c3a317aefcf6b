// The scales of charts: round numbers for the vertical axis, and times in words.

/** Round numbers from 0 to at least `most`, about `count` of them. */
export function ticks(most, count, isWhole) {
  const rough = Math.max(most, isWhole ? 1 : 0.001) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999) ?? rough;
  const width = isWhole ? Math.max(1, Math.round(step)) : step;
  const last = Math.max(1, Math.ceil(most / width - 1e-9));
  return Array.from({ length: last + 1 }, (_, index) => Number((index * width).toPrecision(12)));
}

const utc = (options) => new Intl.DateTimeFormat(undefined, { timeZone: "UTC", ...options });
const local = (options) => new Intl.DateTimeFormat(undefined, options);

/** How a bucket's begin is written on the axis, and how in full. Days and months are those of UTC, as the server counts them. */
const FORMATS = {
  month: {
    title: "Month",
    short: utc({ month: "short", year: "2-digit" }),
    long: utc({ month: "long", year: "numeric" }),
  },
  day: {
    title: "Day (UTC)",
    short: utc({ day: "numeric", month: "short" }),
    long: utc({ weekday: "short", day: "numeric", month: "short", year: "numeric" }),
  },
  minute: {
    title: "Minute",
    short: local({ hour: "2-digit", minute: "2-digit" }),
    long: local({ hour: "2-digit", minute: "2-digit" }),
  },
};

/** The texts of a bucket of this width: the head of a column, and functions of a timestamp. */
export function timeTexts(bucket) {
  const { title, short, long } = FORMATS[bucket];
  return {
    title,
    short: (text) => short.format(new Date(text)),
    long: (text) => long.format(new Date(text)),
  };
}

const whole = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** How numbers of a kind are written in full, and on an axis; `isWhole` if there are none between them. */
export const counts = { long: (value) => whole.format(value), short: (value) => compact.format(value), isWhole: true };
export const milliseconds = {
  long: (value) => `${precise.format(value)} ms`,
  short: (value) => precise.format(value),
  isWhole: false,
};

/** Stripe gives amounts in these with two decimals, although they have none (Stripe's documentation, "Special cases"). */
const TWO_DECIMALS = new Set(["ISK", "UGX"]);

/** Amounts in the smallest unit of a currency. */
export function money(currency) {
  const long = new Intl.NumberFormat(undefined, { style: "currency", currency });
  const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
  const digits = TWO_DECIMALS.has(currency) ? 2 : (long.resolvedOptions().maximumFractionDigits ?? 2);
  const unit = 10 ** digits;
  return {
    long: (value) => long.format(value / unit),
    short: (value) => short.format(value / unit),
    isWhole: true,
  };
}
