import { createHash } from 'node:crypto';
import * as echarts from 'echarts';
import { shortened, visible } from '../../../../lib/model/visible';
import {
  bytes,
  milliseconds,
  percent,
  span,
} from '../../../../lib/tools/review/replay-report/figures';
import { html, rendered } from '../../../../lib/tools/review/replay-report/markup';
import { renderReplayHtml } from '../../../../lib/tools/review/replay-report/page';
import { plotRenderer } from '../../../../lib/tools/review/replay-report/svg';
import type { ReplayReport } from '../../../../lib/tools/simulation/replay/report';
import { HOSTILE, hostileReport, marketReport, slice } from './fixture';

const pageOf = (report: ReplayReport) => renderReplayHtml(report, plotRenderer(echarts));

const TAGS = /<([a-z][a-z0-9]*)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*\/?>/gi;
const ATTRIBUTES = /([\w:-]+)(?:="([^"]*)")?/g;

function tagsOf(page: string): { name: string; attributes: Record<string, string> }[] {
  return [...page.matchAll(TAGS)].map(([, name = '', attributes = '']) => ({
    name: name.toLowerCase(),
    attributes: Object.fromEntries(
      [...attributes.matchAll(ATTRIBUTES)].map(([, key = '', value = '']) => [key, value]),
    ),
  }));
}

describe('the page of a replay', () => {
  let page: string;
  beforeAll(async () => {
    page = await pageOf(marketReport());
  });

  test('is the same bytes for the same report, whatever was rendered before', async () => {
    await pageOf(hostileReport());
    expect(await pageOf(marketReport())).toBe(page);
  });

  test('forbids loading and running anything, and allows only its own style sheet', () => {
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    const policy = tagsOf(page).find(
      ({ attributes }) => attributes['http-equiv'] === 'Content-Security-Policy',
    )?.attributes.content;
    expect(policy).toContain('default-src &#39;none&#39;');
    expect(policy).toContain(`style-src &#39;sha256-${hash}&#39;`);
    expect(page.match(/<style/g)).toHaveLength(1);
    expect(page).not.toMatch(/@import|url\((?!#)|https?:\/\//);
  });

  test('labels its plots for screen readers, and has unique ids', () => {
    const tags = tagsOf(page);
    const svgs = tags.filter(({ name }) => name === 'svg');
    expect(
      svgs.filter(
        ({ attributes }) =>
          attributes.role === 'img' && attributes['aria-label'] && attributes.viewBox,
      ),
    ).toHaveLength(8);
    expect(
      svgs
        .filter(({ attributes }) => attributes.role !== 'img')
        .every(({ attributes }) => attributes['aria-hidden'] === 'true'),
    ).toBe(true);
    const ids = tags.flatMap(({ attributes }) =>
      attributes.id === undefined ? [] : [attributes.id],
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('has a caption on each table, a scope on each header cell, and one top heading', () => {
    const names = tagsOf(page).map(({ name }) => name);
    const of = (wanted: string) => names.filter((name) => name === wanted).length;
    expect(of('caption')).toBe(of('table'));
    expect(of('table')).toBeGreaterThan(3);
    expect(of('h1')).toBe(1);
    expect(
      tagsOf(page).filter(({ name, attributes }) => name === 'th' && !attributes.scope),
    ).toEqual([]);
  });

  test.each([
    ['a missed objective in words, not by color alone', '✗ Missed'],
    ['a met objective', '✓ Pass'],
    ['the target of an objective', 'at least 90.0\u00a0%'],
    ['one URL of an unsafe merge', '<code>/static/sprite.svg?theme=light</code>'],
    ['the other URL', '<code>/static/sprite.svg?theme=dark</code>'],
    ['the advice on a splitter', 'forward it by the origin request policy only'],
    ['the hits that a splitter outside the key saves', 'saves 655'],
    ['the gap to the ceiling', 'Another 8.7 points'],
    ['a broken line', 'no time such as 17/Nov/2013:06:31:30 -0500'],
    ['an assumption', 'The origin takes 50 ms for requests whose time the log does not contain.'],
    ['the capacities', '50.0\u00a0MB, 1.0\u00a0GB, no limit'],
    ['the verdict', 'Misses 1 of 2 objectives; 1 unsafe merge to fix first.'],
  ])('shows %s', (_, text) => expect(page).toContain(text));
});

describe('a hostile log', () => {
  let page: string;
  beforeAll(async () => {
    page = await pageOf(hostileReport());
  });

  test('adds no element and no attribute to the page', async () => {
    const [own, theirs] = [
      await pageOf(marketReport({ functionErrors: [{ message: 'x', count: 1 }] })),
      page,
    ].map(tagsOf);
    const names = (tags: ReturnType<typeof tagsOf> = []) =>
      new Set(
        tags.flatMap(({ name, attributes }) =>
          Object.keys(attributes).map((key) => `${name} ${key}`),
        ),
      );
    const known = names(own).add('code title');
    expect([...names(theirs)].filter((name) => !known.has(name))).toEqual([]);
    expect(page).not.toMatch(/<script/i);
    // Everything except tags, the doctype and the style is text, and text has no angle bracket.
    expect(
      page
        .replace(/<style>[\s\S]*?<\/style>/, '')
        .replace('<!doctype html>', '')
        .replace(/<\/[a-z0-9]+>/gi, '')
        .replace(TAGS, ''),
    ).not.toMatch(/[<>]/);
  });

  test('reverses no text, in plots neither', () => {
    expect(page).not.toMatch(/[\u202A-\u202E\u2066-\u2069]/);
    expect(page).toContain('\\u{202E}');
  });

  test('makes a page of less than 1 MB: 75 behaviors, 6 continents and long URLs', () => {
    expect(Buffer.byteLength(page)).toBeLessThan(1_000_000);
  });
});

test('the page of an empty replay says that nothing was replayed', async () => {
  const nothing = slice(0, 0);
  const page = await pageOf(
    marketReport({
      total: nothing,
      behaviors: [],
      continents: [],
      cells: [],
      timeline: [],
      objectives: [],
      unsafeMerges: [],
      keySplitters: [],
    }),
  );
  expect(page).toContain('Nothing was replayed.');
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});

test.each<[string, string]>([
  [percent(89.96), '89.9\u00a0%'],
  [percent(90), '90.0\u00a0%'],
  [percent(99.99), '99.9\u00a0%'],
  [milliseconds(50), '50\u00a0ms'],
  [milliseconds(50.2), '51\u00a0ms'],
  [bytes(999), '999\u00a0B'],
  [bytes(1_500), '1.5\u00a0kB'],
  [bytes(250_000_000), '250\u00a0MB'],
  [bytes(0), '0\u00a0B'],
  [span({ low: 88.1, high: 91.4 }, percent), '88.1–91.4\u00a0%'],
  [span({ low: 91.41, high: 91.44 }, percent), '91.4\u00a0%'],
  [span({ low: 900, high: 1_500 }, bytes), '900\u00a0B–1.5\u00a0kB'],
  [visible('a\u202Eb\u0000'), 'a\\u{202E}b\\u{0000}'],
  [shortened('/api/market/realtime', 9), '/api…time'],
  [shortened('/api', 9), '/api'],
  [
    rendered(html`<p title="${HOSTILE}">${html`<b>${'<'}</b>`}</p>`).slice(0, 30),
    '<p title="&quot;onload=&quot;a',
  ],
  // JSON cannot contain markup.
  [rendered(html`${JSON.parse('["<i>"]')}`), '&lt;i&gt;'],
])('formats a value as %s', (written, expected) => expect(written).toBe(expected));

test.each<[string, Partial<ReplayReport>, string]>([
  ['one capacity', { capacityBytes: [null] }, 'The log was replayed with no limit for each.'],
  ['no unsafe merge', { unsafeMerges: [] }, 'None: URLs that share a cache key'],
  [
    'a key that distinguishes more than the URL',
    { ceiling: { rawUrlHitPercent: 80, keyHitPercent: 70 } },
    'The key loses 10.0 points',
  ],
])('the page of a replay with %s says so', async (_, changes, text) =>
  expect(await pageOf(marketReport(changes))).toContain(text),
);
