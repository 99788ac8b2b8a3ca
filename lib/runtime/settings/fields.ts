import { describeValue, invalidOption } from '../../model/errors';

/** Checks a value and returns it. Throws if the value is invalid. */
export type Check<T> = (value: unknown, path: string) => T;

/** Checks a document field by field. An error names the field, its value and what is allowed. */
export class FieldReader {
  /**
   * @param where the name of the document, for error messages
   * @param fix what to do about an invalid field, as a sentence
   */
  constructor(
    private readonly where: string,
    private readonly fix: string,
  ) {}

  public refuse(path: string, value: unknown, allowed: string, rule: string): never {
    throw invalidOption(this.where, {
      property: path === '' ? 'the document' : path,
      value,
      allowed,
      rule,
      fix: this.fix,
      // The document may be another parameter, such as a password.
      mayBeSecret: true,
    });
  }

  /**
   * Checks that a value is an object.
   *
   * @param known the only fields that it may have, if an unknown field would silently not apply
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
      : this.refuse(path, value, 'text', 'It is a name, so it is not empty.');

  public readonly flag: Check<boolean> = (value, path) =>
    typeof value === 'boolean'
      ? value
      : this.refuse(path, value, 'true or false', 'It is a switch.');

  public number(min: number, max: number, whole = false): Check<number> {
    return (value, path) =>
      typeof value === 'number' &&
      value >= min &&
      value <= max &&
      (!whole || Number.isInteger(value))
        ? value
        : this.refuse(
            path,
            value,
            `a ${whole ? 'whole ' : ''}number from ${min} to ${max}`,
            'Other figures would not work.',
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
            'No other value is known.',
          );
  }

  public optional<T>(check: Check<T>): Check<T | undefined> {
    return (value, path) => (value === undefined ? undefined : check(value, path));
  }

  /**
   * Checks each field of an object. Fields that are absent stay absent.
   *
   * @param strict whether unknown fields are refused rather than left out
   */
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
