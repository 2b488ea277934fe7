/** Numbers as people read them. */

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const NOTHING = "–";

export const count = (value: number): string => (value < 10_000 ? plain.format(value) : short.format(value));

export const rate = (value: number): string => (value < 100 ? fine.format(value) : count(value));

export function share(part: number, whole: number): string {
  if (!whole) return NOTHING;
  const percent = (100 * part) / whole;
  if (percent > 0 && percent < 0.1) return "<0.1%";
  return `${percent >= 99.95 && part < whole ? "99.9" : fine.format(percent)}%`;
}

export function ms(value: number | null): string {
  if (value === null) return NOTHING;
  if (value < 10) return `${fine.format(value)} ms`;
  return value < 1000 ? `${plain.format(value)} ms` : `${fine.format(value / 1000)} s`;
}

export function bytes(value: number): string {
  return value < 1024 ** 2 ? `${plain.format(value / 1024)} KiB` : `${plain.format(value / 1024 ** 2)} MiB`;
}

/** Returns a time span, such as `4 min`. */
export function span(seconds: number): string {
  if (seconds < 90) return `${plain.format(Math.max(0, seconds))} s`;
  if (seconds < 5400) return `${plain.format(seconds / 60)} min`;
  return seconds < 172_800 ? `${fine.format(seconds / 3600)} h` : `${plain.format(seconds / 86_400)} d`;
}

export const clock = (time: string | number): string =>
  new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const many = (number: number, one: string, more = `${one}s`): string =>
  `${count(number)} ${number === 1 ? one : more}`;
