import fc from 'fast-check';
import {
  CacheEngine,
  type EngineOptions,
  type Fetch,
  type ServedResponse,
} from '../../../../lib/tools/simulation/engine/engine';
import type { HttpResponse } from '../../../../lib/tools/simulation/messages';
import { ALL, behavior, httpRequest, keyed, NONE, only } from './fixture';
import { ReferenceModel } from './reference-model';

/** The number of random scenarios that run on both models. */
const RUNS = 800;

const LANGUAGE = only('accept-language');
const BEHAVIORS = [
  behavior({ headers: LANGUAGE, query: ALL }),
  behavior({ headers: LANGUAGE, minTtlSeconds: 5, defaultTtlSeconds: 20, maxTtlSeconds: 60 }),
  behavior({ headers: LANGUAGE, maxTtlSeconds: 30, defaultTtlSeconds: 10 }),
  behavior({ cookies: ALL, defaultTtlSeconds: 15, maxTtlSeconds: 50 }),
  behavior({ minTtlSeconds: 0, defaultTtlSeconds: 0, maxTtlSeconds: 0 }),
  behavior({ headers: { kind: 'all', names: [] }, query: NONE }),
];
const PLACES = [
  { pop: 'NRT', regional: 'ap-northeast-1' },
  { pop: 'ICN', regional: 'ap-northeast-1' },
  { pop: 'FRA', regional: 'eu-central-1' },
];
const SHIELDS = [undefined, 'ap-northeast-1', 'us-east-1'];
const START = Date.parse('Sat, 27 Jun 2015 12:00:00 GMT');

const request = fc.record({
  kind: fc.constant('request' as const),
  url: fc.constantFrom('/a', '/a?x=1', '/b', '/a?x=2'),
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD', 'POST'),
  language: fc.constantFrom(undefined, 'de', 'ja'),
  range: fc.constantFrom(undefined, undefined, undefined, 'bytes=0-9', 'bytes=10-'),
  place: fc.constantFrom(...PLACES),
  // The origin responds at once, so that caches fill and the order of requests matters.
  bodyBytes: fc.constantFrom(undefined, 0, 300, 600),
});

const headers = fc.record(
  {
    'cache-control': fc.constantFrom(
      ['max-age=8'],
      ['max-age=0'],
      ['s-maxage=12, max-age=3'],
      ['no-store'],
      ['private', 'max-age=9'],
      ['no-cache'],
      ['max-age=4, stale-while-revalidate=20'],
      ['max-age=4, stale-if-error=6'],
      ['max-age=4, stale-while-revalidate=6, stale-if-error=0'],
      ['max-age=4, must-revalidate'],
      ['public'],
      ['max-age=1000'],
    ),
    etag: fc.constantFrom(['"1"'], ['"2"']),
    'last-modified': fc.constantFrom(
      ['Fri, 26 Jun 2015 12:00:00 GMT'],
      ['Sat, 27 Jun 2015 11:00:00 GMT'],
    ),
    expires: fc.constantFrom(['Sat, 27 Jun 2015 12:00:30 GMT'], ['0']),
    age: fc.constantFrom(['2'], ['6']),
    vary: fc.constantFrom(['*'], ['accept-language']),
  },
  { requiredKeys: [] },
);
const response: fc.Arbitrary<HttpResponse | 'unreachable'> = fc.oneof(
  { weight: 1, arbitrary: fc.constant('unreachable' as const) },
  {
    weight: 9,
    arbitrary: fc.record({
      status: fc.constantFrom(
        200,
        200,
        200,
        200,
        200,
        206,
        301,
        307,
        304,
        304,
        403,
        404,
        410,
        500,
        503,
      ),
      headers,
      bodyBytes: fc.constantFrom(0, 300, 2000, 9000),
    }),
  },
);

const step = fc.oneof(
  { weight: 8, arbitrary: request },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('response' as const), which: fc.nat(7), response }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 500, 1000, 3000, 4000, 10_000, 25_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('invalidate' as const),
      pattern: fc.constantFrom('/a', '/a*', '/*', '/a?x=1', '/b'),
    }),
  },
);

const scenario = fc.record({
  behavior: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...BEHAVIORS.slice(0, 4)) },
    fc.constantFrom(...BEHAVIORS),
  ),
  shield: fc.constantFrom(...SHIELDS),
  capacity: fc.constantFrom(2500, 3700, 5000, 20_000, Number.POSITIVE_INFINITY),
  steps: fc.array(step, { minLength: 5, maxLength: 80 }),
});

describe('the engine and the reference model', () => {
  test('agree on every outcome of random traffic', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(scenario, ({ behavior: of, shield, capacity, steps }) => {
        const options: EngineOptions = {
          capacityBytes: { pop: capacity, regional: capacity * 2, shield: capacity * 3 },
          errorMinTtlSeconds: { 503: 3, 404: 0 },
        };
        const engine = new CacheEngine(options);
        const model = new ReferenceModel(options);
        const open: Fetch[] = [];
        let now = START;
        steps.forEach((one, id) => {
          const outcome = { engine: undefined as unknown, model: undefined as unknown };
          if (one.kind === 'wait') {
            now += one.ms;
          } else if (one.kind === 'invalidate') {
            outcome.engine = engine.invalidate(one.pattern, now);
            outcome.model = model.invalidate(one.pattern);
          } else if (one.kind === 'request') {
            const { url, method, language, range, place } = one;
            const fields = {
              ...(language && { 'accept-language': [language] }),
              ...(range && { range: [range] }),
            };
            const keyedRequest = keyed(id, of, httpRequest(url, { method, headers: fields }), {
              ...place,
              ...(shield && { shield }),
            });
            const made = engine.request(keyedRequest, now);
            outcome.engine = made;
            outcome.model = model.request(keyedRequest, now);
            if (made.served) note(made.served);
            if (made.fetch && one.bodyBytes !== undefined) {
              const plain: HttpResponse = {
                status: 200,
                headers: { etag: ['"1"'], 'cache-control': ['max-age=9'] },
                bodyBytes: one.bodyBytes,
              };
              outcome.engine = [made, engine.receive(made.fetch.id, plain, now)];
              outcome.model = [outcome.model, model.receive(made.fetch.id, plain, now)];
            } else if (made.fetch) open.push(made.fetch);
          } else if (open.length > 0) {
            const [fetch] = open.splice(one.which % open.length, 1);
            if (fetch === undefined) return;
            const given = engine.receive(fetch.id, one.response, now);
            outcome.engine = given;
            outcome.model = model.receive(fetch.id, one.response, now);
            open.push(...given.fetches);
            given.served.forEach(note);
          }
          expect(outcome.engine).toEqual(outcome.model);
          const stats = engine.stats();
          expect(
            Object.entries(stats).map(([tier, { objects, bytes }]) => ({ tier, objects, bytes })),
          ).toEqual(model.stats());
        });
        function note({ result, servedBy, reason, stale, collapsed }: ServedResponse): void {
          for (const word of [result, servedBy, reason, stale && 'stale', collapsed && 'collapsed'])
            if (word) seen.add(word);
        }
      }),
      { numRuns: RUNS, seed: 20_150_627 },
    );
    // The random traffic must have caused every outcome, because only those are compared.
    expect([...seen].sort()).toEqual(
      [
        ...['Error', 'Hit', 'Miss', 'OriginShieldHit', 'RefreshHit'],
        ...['collapsed', 'evicted', 'expired', 'first-seen', 'invalidated'],
        ...['origin', 'pop', 'regional', 'shield', 'stale', 'uncacheable', 'varied'],
      ].sort(),
    );
  });
});
