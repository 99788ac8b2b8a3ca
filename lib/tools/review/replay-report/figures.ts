/**
 * Figures of a report. They are rounded to the worse side, so that a figure that misses its
 * objective never looks as if it met it.
 */
import type { Span } from '../../simulation';

/** A count with non-breaking spaces between thousands: `1 234 567`. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u00a0');
}

/** One decimal, rounded down: 89.96 is not 90. */
export function percent(value: number): string {
  return `${oneDecimalDown(value)}\u00a0%`;
}

/** Whole milliseconds, rounded up. */
export function milliseconds(value: number): string {
  return `${count(Math.ceil(value - TINY))}\u00a0ms`;
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** In powers of 1000, as AWS bills data transfer. */
export function bytes(value: number): string {
  const power = Math.min(
    BYTE_UNITS.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)),
  );
  const scaled = value / 1000 ** power;
  const figure = power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1);
  return `${figure}\u00a0${BYTE_UNITS[power]}`;
}

/** A span such as `88.1–91.4 %`, or one figure if both ends read the same. */
export function span({ low, high }: Span, format: (value: number) => string): string {
  const [from, to] = [format(low), format(high)];
  if (from === to) return to;
  const [unit] = /\u00a0\D+$/.exec(to) ?? [''];
  return `${unit !== '' && from.endsWith(unit) ? from.slice(0, -unit.length) : from}–${to}`;
}

/** A time to the minute, such as `2024-05-12 00:00`. */
export function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}

/** The middle of a span. */
export function middle({ low, high }: Span): number {
  return (low + high) / 2;
}

/** A count with its noun: `1 request`, `1 234 requests`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${Math.round(value) === 1 ? noun : plural}`;
}

/** The error of binary fractions to ignore: 50.000000001 ms are 50. */
const TINY = 1e-6;

function oneDecimalDown(value: number): string {
  return (Math.floor(value * 10 + TINY) / 10).toFixed(1);
}
