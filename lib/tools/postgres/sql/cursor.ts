import { isWord, type SqlStatement } from './statements';
import { identifierOf, type SqlToken } from './tokens';

/** The name of an object: its text in the statement, and its parts as the catalog spells them. */
export interface SqlName {
  readonly text: string;
  readonly parts: readonly string[];
}

/** Reads a statement token by token. */
export class SqlCursor {
  constructor(
    private readonly statement: Pick<SqlStatement, 'text' | 'tokens'>,
    public at = 0,
    private readonly end = statement.tokens.length,
  ) {}

  public get token(): SqlToken | undefined {
    return this.at < this.end ? this.statement.tokens[this.at] : undefined;
  }

  /** Consumes these words if they come next. */
  public take(...words: readonly string[]): boolean {
    if (
      !words.every(
        (word, i) => this.at + i < this.end && isWord(this.statement.tokens[this.at + i], word),
      )
    )
      return false;
    this.at += words.length;
    return true;
  }

  /** Consumes this symbol if it comes next. */
  public takeSymbol(value: string): boolean {
    if (this.token?.kind !== 'symbol' || this.token.value !== value) return false;
    this.at += 1;
    return true;
  }

  /** Consumes a name, such as `market."Ticks"`. */
  public name(): SqlName | undefined {
    const first = this.token;
    if (first === undefined || !isIdentifier(first)) return undefined;
    const parts = [identifierOf(first)];
    let last = first;
    this.at += 1;
    while (this.token?.kind === 'symbol' && this.token.value === '.') {
      const next = this.at + 1 < this.end ? this.statement.tokens[this.at + 1] : undefined;
      if (next === undefined || !isIdentifier(next)) break;
      parts.push(identifierOf(next));
      last = next;
      this.at += 2;
    }
    return { text: this.statement.text.slice(first.start, last.end), parts };
  }

  /** Consumes a list in parentheses, and returns the range of the tokens between them. */
  public parenthesized(): { readonly from: number; readonly to: number } | undefined {
    if (!this.takeSymbol('(')) return undefined;
    const from = this.at;
    for (let depth = 1; this.token; this.at += 1) {
      if (this.token.kind !== 'symbol') continue;
      if (this.token.value === '(') depth += 1;
      if (this.token.value === ')' && --depth === 0) break;
    }
    const to = this.at;
    this.at += 1;
    return { from, to };
  }

  /** Whether the words occur in sequence anywhere from here on. */
  public has(...words: readonly string[]): boolean {
    for (let i = this.at; i + words.length <= this.end; i += 1) {
      if (words.every((word, k) => isWord(this.statement.tokens[i + k], word))) return true;
    }
    return false;
  }

  /** The remaining tokens, split at the commas outside of parentheses. */
  public parts(): SqlCursor[] {
    const cursors: SqlCursor[] = [];
    let from = this.at;
    let depth = 0;
    for (let i = this.at; i < this.end; i += 1) {
      const token = this.statement.tokens[i];
      if (token?.kind !== 'symbol') continue;
      if (token.value === '(' || token.value === '[') depth += 1;
      if (token.value === ')' || token.value === ']') depth -= 1;
      if (token.value !== ',' || depth > 0) continue;
      cursors.push(new SqlCursor(this.statement, from, i));
      from = i + 1;
    }
    cursors.push(new SqlCursor(this.statement, from, this.end));
    return cursors;
  }

  public rest(): readonly SqlToken[] {
    return this.statement.tokens.slice(this.at, this.end);
  }

  public slice(from: number, to: number): readonly SqlToken[] {
    return this.statement.tokens.slice(from, to);
  }
}

function isIdentifier(token: SqlToken): boolean {
  return token.kind === 'word' || token.kind === 'name';
}

/** Quotes the parts of a name, so that SQL accepts any name. */
export function quoteName(...parts: readonly string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}
