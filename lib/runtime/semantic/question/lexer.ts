/**
 * Splits a question into tokens: words, numbers with their units, dates, times, quotations, codes.
 * It drops nothing.
 */
import { DATE_PATTERNS, dateOf } from './dates';
import {
  canonicalNumber,
  currencyOf,
  currencySign,
  magnitudeOf,
  spelledNumber,
  unitOf,
} from './numbers';

export type TokenKind =
  | 'word'
  | 'number'
  | 'date'
  | 'quoted'
  | 'code'
  | 'currency'
  | 'symbol'
  | 'pause'
  | 'end';

/** A token of a question. */
export interface Token {
  readonly kind: TokenKind;
  /** The form that is compared: a word as it is written, any other token without spaces. */
  readonly text: string;
}

const NUMBER = String.raw`\d+(?:,\d{3})*(?:[.,]\d+)*`;
const SIGN = String.raw`(?<![\p{L}\d)])[-−+]`;

/** Codes: hashtags, identifiers with marks, words with digits, tickers, `C++` and `.NET`. */
const CODES: readonly string[] = [
  String.raw`[#@$]\p{L}[\p{L}\d_.-]*[\p{L}\d]`,
  String.raw`\.?\p{L}[\p{L}\d]*(?:[_\/\\:.&+]+[\p{L}\d]+)+`,
  String.raw`\p{L}*\d[\p{L}\d]*(?:[-_.\/:]+[\p{L}\d]+)*`,
  String.raw`\p{L}+\d[\p{L}\d]*(?:[-_.\/:][\p{L}\d]+)*`,
  String.raw`\p{Lu}+-\d[\p{L}\d-]*`,
  String.raw`\p{L}(?:\+\+|#)`,
  String.raw`\.\p{Lu}\p{L}+`,
];

/** The patterns that are tried at each position, in order. */
const PATTERN = new RegExp(
  [
    String.raw`(?<url>(?:https?:\/\/|www\.)[^\s"<>]*[^\s"<>.,?!;:)])`,
    String.raw`(?<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)`,
    String.raw`(?<quoted>"[^"]+"|\u0060[^\u0060]+\u0060|(?<![\p{L}\d])'[^']+'(?![\p{L}\d]))`,
    ...DATE_PATTERNS.map((pattern, index) => `(?<date${index}>${pattern})`),
    String.raw`(?<money>(?:${SIGN})?(?:[Uu][Ss]\$|[$€£¥₹])\s?(?:-)?${NUMBER})`,
    String.raw`(?<number>(?:${SIGN})?${NUMBER}(?![\d_])(?!\.\d|-?\p{Lu}?\p{L}*\d))`,
    `(?<code>${CODES.join('|')})`,
    String.raw`(?<word>\p{L}[\p{L}\p{M}]*(?:'\p{L}+)*)`,
    String.raw`(?<pause>[,;:()]|\s[-–—]\s(?![-−+]?\d)|—|–(?!\d))`,
    String.raw`(?<end>(?<=\S)[.?!]+(?=[\s"')]|$)|[.?!]+$)`,
    String.raw`(?<symbol>[^\s])`,
  ].join('|'),
  'giu',
);

/** Normalizes characters: composed letters, straight quotation marks, single spaces. */
export function normalizeCharacters(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[‘’ʼ]/g, "'")
    .replace(/[“”„«»]/g, '"')
    .replace(/\s+/gu, ' ')
    .trim();
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>): Token {
  for (const [name, text] of Object.entries(groups)) {
    if (text === undefined) continue;
    if (name.startsWith('date')) return { kind: 'date', text: dateOf(text) };
    switch (name) {
      case 'url':
      case 'email':
        return { kind: 'code', text };
      case 'quoted':
        return { kind: 'quoted', text: `"${encodeURIComponent(text.slice(1, -1).trim())}"` };
      case 'money': {
        const parts = /^([-−+]?)([^\d\s-]+)\s?(-?)(.*)$/u.exec(text);
        const sign = parts?.[1] || parts?.[3] || '';
        return {
          kind: 'number',
          text: `${sign}${parts?.[4]}|${currencySign((parts?.[2] ?? '').toUpperCase())}`,
        };
      }
      case 'end':
        return { kind: 'end', text: '.' };
      case 'pause':
        return { kind: 'pause', text: ',' };
      default:
        return { kind: name as TokenKind, text };
    }
  }
  return { kind: 'symbol', text: '' };
}

/**
 * Joins each number with its magnitude, unit and percent sign. `5 days`, `five days` and `5-day`
 * get the same form.
 */
function joinNumbers(tokens: readonly Token[]): Token[] {
  const joined: Token[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    const spelled =
      token.kind === 'word'
        ? spelledNumber(
            tokens
              .slice(at, at + 12)
              .map(({ kind, text }) => (kind === 'word' ? text.toLowerCase() : '')),
          )
        : undefined;
    // `one` alone is a number only before a unit; otherwise a pronoun, as in "which one".
    const pronoun =
      spelled?.value === 1 &&
      spelled.length === 1 &&
      unitOf(tokens[at + 1]?.text ?? '') === undefined;
    if (token.kind !== 'number' && (!spelled || pronoun)) {
      const currency = token.kind === 'word' ? currencyOf(token.text) : undefined;
      joined.push(currency ? { kind: 'currency', text: currency } : token);
      continue;
    }
    const [written = '', sign] = spelled ? [String(spelled.value)] : token.text.split('|');
    at += (spelled?.length ?? 1) - 1;
    let unit = sign;
    let magnitude: number | undefined;
    const follows = () => tokens[at + 1];
    const scale = follows()?.kind === 'word' ? magnitudeOf(follows()?.text ?? '') : undefined;
    if (
      scale !== undefined &&
      ((follows()?.text.length ?? 0) > 1 ||
        sign !== undefined ||
        follows()?.text.toLowerCase() === 'k')
    ) {
      magnitude = scale;
      at++;
    }
    const dash = follows()?.text === '-' && tokens[at + 2]?.kind === 'word' ? 1 : 0;
    const next = tokens[at + 1 + dash];
    const named = next?.text === '%' ? '%' : next?.kind === 'word' ? unitOf(next.text) : undefined;
    if (unit === undefined && named !== undefined) {
      unit = named;
      at += 1 + dash;
    } else if (
      next?.text.toLowerCase() === 'per' &&
      tokens[at + 2]?.text.toLowerCase() === 'cent'
    ) {
      unit = '%';
      at += 2;
    }
    joined.push({
      kind: 'number',
      text: `${canonicalNumber(written, { magnitude, measured: unit !== undefined })}${unit ?? ''}`,
    });
  }
  return joined;
}

/** Splits a question into its tokens. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of normalizeCharacters(text).matchAll(PATTERN)) {
    const withUnit =
      match.groups?.code === undefined ? null : /^([-+]?\d[\d.,]*)([a-z]+)$/i.exec(match[0]);
    // `5kg` and `10k` are a number with a unit or magnitude; `5th` is not.
    const [, number = '', unit = ''] = withUnit ?? [];
    if (unitOf(unit) || magnitudeOf(unit)) {
      tokens.push({ kind: 'number', text: number }, { kind: 'word', text: unit });
    } else tokens.push(tokenOf(match.groups ?? {}));
  }
  return joinNumbers(tokens);
}
