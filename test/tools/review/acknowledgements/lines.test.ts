/** Which lines of a review are seen as acknowledgements, compared with a parser of CommonMark. */
import * as fc from 'fast-check';
import MarkdownIt from 'markdown-it';
import { acknowledgementLines } from '../../../../lib/tools/review/acknowledgements';

const LINE = 'Acknowledge: app/Cache=warmed before';
const counted = (body: string) =>
  acknowledgementLines(body)
    .filter(({ visible }) => visible)
    .map(({ value }) => value);

test.each<[string, string]>([
  ['alone', LINE],
  ['with blanks and the line breaks of Windows', `  ${LINE}  \r\n\r\nThanks.`],
  ['after text', `Looks good.\n\n${LINE}`],
  ['after text in the same paragraph', `Looks good.\n${LINE}`],
  ['after code, a link and a mention in another paragraph', `See \`a\`, [b](c), @dba.\n\n${LINE}`],
  ['after a quote', `> Is it warm?\n\n${LINE}`],
  ['after a list', `- one\n- two\n\n${LINE}`],
  ['before code', `${LINE}\n\n\`\`\`\ncode\n\`\`\``],
  ['before HTML', `${LINE}\n\n<!-- a comment -->`],
  ['after a comparison', `It is < 5 GB, and 3 > 2.\n\n${LINE}`],
  ['in an answer by mail', `${LINE}\n\n> ${LINE}`],
])('a line counts %s', (_where, body) => {
  expect(counted(body)).toEqual(['app/Cache=warmed before']);
});

test('each of several lines counts', () => {
  expect(counted(`${LINE}\nAcknowledge: app/Db=empty`)).toEqual([
    'app/Cache=warmed before',
    'app/Db=empty',
  ]);
});

test.each<[string, string]>([
  ['in a comment', `<!--\n${LINE}\n-->`],
  ['in a comment after empty lines', `<!--\n\n\n${LINE}\n\n-->`],
  ['in folded text', `<details>\n\n${LINE}\n\n</details>`],
  ['in HTML', `<div hidden>\n\n${LINE}\n\n</div>`],
  ['in an instruction of HTML', `<?x\n${LINE}\n?>`],
  ['in a fence', `\`\`\`\n${LINE}\n\`\`\``],
  ['in a fence with empty lines', `\`\`\`text\n\n${LINE}\n\n\`\`\``],
  ['in a fence of tildes', `~~~\n\n${LINE}\n~~~`],
  ['in a fence in a list', `- \`\`\`\n\n${LINE}`],
  ['in indented code', `text\n\n    ${LINE}`],
  ['behind a tab', `\t${LINE}`],
  ['in a quote', `> ${LINE}`],
  ['in a quote that it continues', `> quoted\n${LINE}`],
  ['in a quote in a list', `- > quoted\n${LINE}`],
  ['in code', `\`${LINE}\``],
  ['in code of two lines', `a \` b\n${LINE} \``],
  ['struck out', `~~no\n${LINE}~~`],
  ['in a link', `[text\n${LINE}](https://example.com)`],
  ['in the text of an image', `![\n${LINE}\n](x)`],
  ['in the title of a reference', `[a]: /b "\n${LINE}\n"`],
  ['in a footnote', `[^1]: note\n\n    more\n\n${LINE}`],
  ['in mathematics', `$$\n\n${LINE}\n\n$$`],
  ['with HTML', 'Acknowledge: app/Cache=<!-- no reason -->'],
  ['in the middle of a line', `I do not ${LINE}`],
  ['in another case', LINE.toLowerCase()],
])('a line %s does not count, and is found', (_where, body) => {
  expect(counted(body)).toEqual([]);
  expect(acknowledgementLines(body)).not.toEqual([]);
});

test('a line that counts is drawn as text of a paragraph, outside of quotes', () => {
  const parser = new MarkdownIt({ html: true });
  const isDrawn = (text: string) => text.split('\n').includes('Acknowledge: a=b');
  const drawn = (body: string): boolean => {
    let quotes = 0;
    let html = false;
    return parser.parse(body, {}).some(({ type, children }) => {
      if (type === 'blockquote_open') quotes++;
      if (type === 'blockquote_close') quotes--;
      html ||= type === 'html_block';
      let text = '';
      let hidden = 0;
      for (const child of children ?? []) {
        html ||= child.type === 'html_inline' && !isDrawn(text);
        if (/^(link|s)_open$/.test(child.type)) hidden++;
        if (/^(link|s)_close$/.test(child.type)) hidden--;
        if (child.type.endsWith('break')) text += '\n';
        if (child.type === 'text' && hidden === 0) text += child.content;
      }
      return quotes === 0 && !html && isDrawn(text);
    });
  };
  const parts = [
    '\n',
    '\n\n',
    ' ',
    '    ',
    '> ',
    '- ',
    '1. ',
    '`',
    '```',
    '```\n',
    '~~~',
    '~~',
    '<!--',
    '-->',
    '<details>',
    '</details>',
    '<b>',
    '[',
    '](x)',
    '![',
    '[a]: ',
    '"',
    '\\',
    '*',
    '#',
    '---',
    '===',
    'text',
    '|',
    '$$',
    '\t',
  ];
  const body = fc
    .tuple(
      fc.array(fc.constantFrom(...parts), { maxLength: 8 }),
      fc.array(fc.constantFrom(...parts), { maxLength: 4 }),
    )
    .map(([before, after]) => `${before.join('')}\nAcknowledge: a=b\n${after.join('')}`);
  fc.assert(
    fc.property(body, (text) => {
      if (counted(text).includes('a=b')) expect([text, drawn(text)]).toEqual([text, true]);
    }),
    { numRuns: 20_000 },
  );
});
