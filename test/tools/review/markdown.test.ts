/** What a reader sees of a comment, by a parser of CommonMark with the extensions of GitHub. */
import * as fc from 'fast-check';
import MarkdownIt from 'markdown-it';
import { shortened, visible } from '../../../lib/model/visible';
import { block, cell, code, folded, htmlCode, prose } from '../../../lib/tools/review/markdown';
import { formatChangeMarkdown, reviewChange } from '../../../lib/tools/review/report';
import { HOSTILE, hostileText } from './hostile';

const parser = new MarkdownIt({ html: true, linkify: true });
type Token = ReturnType<typeof parser.parse>[number];

/** The tokens of a text, also those inside of a line. */
function tokensOf(markdown: string): Token[] {
  return parser.parse(markdown, {}).flatMap((token) => [token, ...(token.children ?? [])]);
}

/** The text that is drawn. */
function seen(markdown: string): string {
  return tokensOf(markdown)
    .filter(({ type }) => type === 'text' || type === 'code_inline' || type === 'text_special')
    .map(({ content }) => content)
    .join('');
}

/** What GitHub would make active: links, images, HTML, and what it finds in drawn text. */
function active(markdown: string): string[] {
  return tokensOf(markdown).flatMap(({ type, content }) => {
    if (
      /^(link_open|image|html_inline|html_block|heading_open|list_item_open|table_open)$/.test(type)
    )
      return [`${type} ${content}`];
    const isText = type === 'text' || type === 'text_special';
    return isText && /@\w|#\d|gh-\d|\b[0-9a-f]{7,}\b|:\w+:|\$|www\.|:\/\//i.test(content)
      ? [content]
      : [];
  });
}

describe.each<[string, (text: string) => string, (text: string) => string]>([
  ['a value', code, (text) => shortened(text, 400) || '(empty)'],
  ['a sentence', prose, (text) => shortened(text, 1600)],
])('%s', (_what, write, expected) => {
  const check = (text: string) => {
    const markdown = `Before ${write(text)} after.`;
    expect(active(markdown)).toEqual([]);
    expect(seen(markdown)).toBe(`Before ${expected(text)} after.`);
  };

  test.each(HOSTILE)('%j is seen as it is', check);

  test('any text is seen as it is', () => {
    fc.assert(fc.property(hostileText, check), { numRuns: 3000 });
  });
});

test('words of prose are not code', () => {
  const sentence =
    "CloudFormation creates a new one (it's empty), the old one isn't kept; see 50%!";
  expect(prose(sentence)).toBe(sentence);
});

test('a cell is one cell, whatever it holds', () => {
  const check = (text: string) => {
    const tokens = tokensOf(`| a | b |\n| --- | --- |\n| ${cell(text)} | end |`);
    expect(tokens.filter(({ type }) => type === 'td_open')).toHaveLength(2);
    const drawn = tokens.filter(({ type }) => type === 'code_inline').map(({ content }) => content);
    const shown = shortened(text.replace(/\\(?=\|)/g, '\\u{005C}'), 400);
    expect(drawn.join('')).toBe(shown);
  };
  for (const text of HOSTILE) check(text);
  fc.assert(fc.property(hostileText, check), { numRuns: 1000 });
});

test('a block of code ends where it should', () => {
  const check = (lines: readonly string[]) => {
    const tokens = tokensOf(`${block('diff', lines)}\n\nafter`);
    expect(tokens.map(({ type }) => type)).toEqual([
      'fence',
      'paragraph_open',
      'inline',
      'text',
      'paragraph_close',
    ]);
    expect(tokens[0]?.content).toBe(`${lines.map(visible).join('\n')}\n`);
  };
  check(HOSTILE);
  fc.assert(fc.property(fc.array(hostileText, { minLength: 1, maxLength: 4 }), check));
});

test('a folded title neither ends nor adds HTML', () => {
  const check = (text: string) => {
    const [first] = parser.parse(folded(htmlCode(text), 'content'), {});
    expect(first?.type).toBe('html_block');
    expect(first?.content.match(/<[^>]*>/g)).toEqual([
      '<details>',
      '<summary>',
      '<code>',
      '</code>',
      '</summary>',
    ]);
  };
  for (const text of HOSTILE) check(text);
  fc.assert(fc.property(hostileText, check));
});

test('a review of hostile templates has only the links, tags and lines of its own', () => {
  const stack = (bucket: string, name: string, text: string) => ({
    directory: 'out',
    stacks: [
      {
        path: `app/${text}`,
        stackName: 'app',
        region: 'eu-west-1',
        dependsOn: [],
        template: {
          Resources: {
            [name]: { Type: 'AWS::S3::Bucket', Properties: { BucketName: bucket, [text]: bucket } },
            [`Topic${name}`]: { Type: text, Properties: { [text]: text + bucket } },
            Policy: {
              Type: 'AWS::IAM::Policy',
              Properties: {
                Roles: [text],
                PolicyDocument: {
                  Statement: [{ Effect: 'Allow', Action: [`s3:${text}${bucket}`], Resource: text }],
                },
              },
            },
          },
        },
      },
    ],
  });
  const check = (name: string, text: string) => {
    const review = reviewChange(stack('a', name, text), stack('b', name, text), [
      { path: text, reason: text },
    ]);
    const markdown = formatChangeMarkdown({
      ...review,
      commit: 'c',
      ignoredAcknowledgements: [{ by: text, reason: text }],
    });
    expect(markdown.length).toBeLessThanOrEqual(65_536);
    expect(markdown).toMatch(/^<!-- isochrone review -->\n### 🔴 /);
    const html = tokensOf(markdown)
      .filter(({ type }) => type.startsWith('html_'))
      .flatMap(({ content }) => content.match(/<[^>]*>/g) ?? []);
    const own = [
      '<!-- isochrone review -->',
      '<details>',
      '<summary>',
      '<code>',
      '</code>',
      '</summary>',
      '</details>',
      '<br>',
    ];
    expect(html.filter((tag) => !own.includes(tag))).toEqual([]);
    const found = active(markdown).filter(
      (each) => !/^(html_|heading_open|list_item_open)/.test(each),
    );
    expect(found).toEqual([]);
  };
  for (const text of HOSTILE) check(text, text);
  fc.assert(fc.property(hostileText, hostileText, check), { numRuns: 200 });
});
