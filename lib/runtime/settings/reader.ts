import { describeValue, IsochroneError } from '../../model/errors';

/** What a value must be, and the value if it is. */
export type Check<T> = (value: unknown, path: string) => T;

/** Reads a value that others wrote, field by field, and says where it is not what it should be. */
export class SettingsReader {
  constructor(
    private readonly where: string,
    private readonly fix: string,
  ) {}

  public refuse(path: string, value: unknown, allowed: string, rule: string): never {
    throw new IsochroneError(
      `${this.where}: ${path === '' ? 'the document' : path} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${this.fix}`,
    );
  }

  /**
   * An object; `known` names all the fields that it may have, where others would silently not
   * apply.
   */
  public object(value: unknown, path: string, known?: readonly string[]): Record<string, unknown> {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      this.refuse(path, value, 'an object', 'It is a map of fields.');
    const unknown = known && Object.keys(value).find((name) => !known.includes(name));
    if (unknown !== undefined) {
      this.refuse(
        `${path}.${unknown}`,
        (value as Record<string, unknown>)[unknown],
        'absent',
        `Known are ${known?.join(', ')}.`,
      );
    }
    return value as Record<string, unknown>;
  }

  public readonly text: Check<string> = (value, path) =>
    typeof value === 'string' && value !== ''
      ? value
      : this.refuse(path, value, 'text', 'It names something, so it is not empty.');

  public readonly flag: Check<boolean> = (value, path) =>
    typeof value === 'boolean'
      ? value
      : this.refuse(path, value, 'true or false', 'It is a switch.');

  public number(least: number, most: number, whole = false): Check<number> {
    return (value, path) =>
      typeof value === 'number' &&
      value >= least &&
      value <= most &&
      (!whole || Number.isInteger(value))
        ? value
        : this.refuse(
            path,
            value,
            `a ${whole ? 'whole ' : ''}number from ${least} to ${most}`,
            'Figures outside would not work.',
          );
  }

  public oneOf<const T>(allowed: readonly T[]): Check<T> {
    return (value, path) =>
      allowed.includes(value as T)
        ? (value as T)
        : this.refuse(
            path,
            value,
            `one of ${allowed.map(describeValue).join(', ')}`,
            'No other is known.',
          );
  }

  public optional<T>(check: Check<T>): Check<T | undefined> {
    return (value, path) => (value === undefined ? undefined : check(value, path));
  }

  /** Every field by its check. Fields that are absent stay absent. */
  public fields<T extends object>(
    value: unknown,
    path: string,
    checks: { readonly [K in keyof T]-?: Check<T[K]> },
    strict = false,
  ): T {
    const source = this.object(value, path, strict ? Object.keys(checks) : undefined);
    const read = Object.entries<Check<unknown>>(checks).map(([name, check]) => {
      const given = Object.hasOwn(source, name) ? source[name] : undefined;
      return [name, check(given, path === '' ? name : `${path}.${name}`)] as const;
    });
    return Object.fromEntries(read.filter(([, found]) => found !== undefined)) as T;
  }
}
