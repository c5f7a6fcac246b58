// Numbers and times as people read them. `null` is shown as a dash.

const DASH = "–";
const money2 = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 8 });

export const count = (number) => (number == null ? DASH : whole.format(number));
export const money = (amount) => (amount == null ? DASH : money2.format(Number(amount)).replace("-", "−"));
export const quantity = (amount) => (amount == null ? DASH : plain.format(Number(amount)).replace("-", "−"));
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
export const fee = (amount) => (amount == null ? DASH : short.format(Number(amount)).replace("-", "−"));
export const percent = (number) => (number == null ? DASH : `${money2.format(number)} %`);

/** With its sign, also where it is a gain. */
export function signed(amount) {
  if (amount == null) return DASH;
  return Number(amount) > 0 ? `+${money(amount)}` : money(amount);
}

export const direction = (amount) => (Number(amount) > 0 ? "up" : Number(amount) < 0 ? "down" : "");

/** How many digits after the point a price of this size is shown with. */
export function digits(price) {
  const size = Math.abs(Number(price));
  return size >= 1000 ? 2 : size >= 1 ? 4 : size > 0 ? Math.min(10, 4 + Math.ceil(-Math.log10(size))) : 2;
}

export function price(amount) {
  if (amount == null) return DASH;
  return Number(amount).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: digits(amount) });
}

export function milliseconds(ms) {
  if (ms == null) return DASH;
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function age(seconds) {
  if (seconds == null) return DASH;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** `14:03:22`, UTC. */
export const clock = (ms) => (ms == null ? DASH : new Date(ms).toISOString().slice(11, 19));
export const moment = (ms) => (ms == null ? DASH : new Date(ms).toISOString().slice(0, 16).replace("T", " "));

/** `partially_filled` as words. */
export const words = (name) => name.toLowerCase().replaceAll("_", " ");
