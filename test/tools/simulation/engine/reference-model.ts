/**
 * A second implementation of CloudFront's caching, to compare the engine with. It favors simplicity
 * over speed: it searches lists from the start, has one record for each request of a cache, and
 * shares only the engine's types.
 */
import type { CacheEngine } from '../../../../lib/tools/simulation/engine/engine';
import type {
  EngineOptions,
  KeyedRequest,
  Tier,
} from '../../../../lib/tools/simulation/engine/messages';
import type { HttpResponse, MissReason, ServedBy } from '../../../../lib/tools/simulation/messages';

type RequestOutcome = ReturnType<CacheEngine['request']>;
type FetchOutcome = ReturnType<CacheEngine['receive']>;
type ServedResponse = FetchOutcome['served'][number];
type Fetch = FetchOutcome['fetches'][number];

interface Version {
  response: HttpResponse;
  part: string;
  size: number;
  storable: boolean;
  shareable: boolean;
  born: number;
  end: number;
  refreshEnd: number;
  errorEnd: number;
}
interface Entry {
  cache: string;
  key: string;
  url: string;
  part: string;
  version: Version;
  retryAt: number;
  used: number;
}
/** A request of a viewer or a cache to the cache at `hop`. */
interface Lookup {
  request: KeyedRequest;
  hop: number;
  for: Question | 'viewer' | 'background';
  alone: boolean;
  background: boolean;
}
/** A request of one cache to the next. */
interface Question extends Lookup {
  cache: string;
  tier: Tier;
  held: Entry | undefined;
  reason: MissReason;
  joined: Question | undefined;
  invalidated: boolean;
  open: boolean;
}
interface Reply {
  version: Version;
  from: ServedBy;
  stale: boolean;
  retryAt: number;
  collapsed: boolean;
  refreshed: boolean;
  reason: MissReason | undefined;
}

export class ReferenceModel {
  private entries: Entry[] = [];
  private removals: { cache: string; name: string; end: number | 'invalidated' }[] = [];
  private questions: Question[] = [];
  private pending: { id: number; question: Question | undefined; request: KeyedRequest }[] = [];
  private out: { served: ServedResponse[]; fetches: Fetch[] } = { served: [], fetches: [] };
  private count = 0;
  private uses = 0;

  constructor(private readonly options: EngineOptions) {}

  request(request: KeyedRequest, now: number): RequestOutcome {
    this.out = { served: [], fetches: [] };
    const { headers, minTtlSeconds, defaultTtlSeconds, maxTtlSeconds } =
      request.behavior.cachePolicy;
    const uncacheable =
      headers.kind === 'all' || minTtlSeconds + defaultTtlSeconds + maxTtlSeconds === 0;
    if (uncacheable || !request.behavior.cachedMethods.includes(request.request.method))
      this.goToOrigin(undefined, request, undefined, false);
    else {
      const cookies = [
        request.behavior.cachePolicy.cookies.kind,
        request.behavior.originRequest.cookies.kind,
      ];
      const alone = cookies.includes('all');
      const reply = this.lookUp({ request, hop: 0, for: 'viewer', alone, background: false }, now);
      if (reply) this.out.served.push(asServed(request, reply, now));
    }
    const [served] = this.out.served;
    const [fetch] = this.out.fetches;
    return { ...(served && { served }), ...(fetch && { fetch }) };
  }

  receive(id: number, given: HttpResponse | 'unreachable', now: number): FetchOutcome {
    this.out = { served: [], fetches: [] };
    const found = this.pending.find((one) => one.id === id);
    if (!found) throw new Error('no such fetch');
    this.pending = this.pending.filter((one) => one !== found);
    const { question, request } = found;
    const response = given === 'unreachable' ? { status: 504, headers: {}, bodyBytes: 0 } : given;
    const held = question?.held;
    let version: Version;
    if (response.status === 304 && held) {
      const merged: Record<string, readonly string[]> = { ...held.version.response.headers };
      for (const name of Object.keys(response.headers)) {
        if (!['content-length', 'content-range', 'content-encoding', 'age'].includes(name))
          merged[name] = response.headers[name] ?? [];
      }
      const old = { ...held.version.response, headers: merged };
      version = {
        ...this.evaluate(old, response.headers, request, now),
        part: held.part,
        size: held.version.size,
      };
    } else version = this.evaluate(response, response.headers, request, now);
    const reply: Reply = {
      version,
      from: 'origin',
      stale: false,
      retryAt: 0,
      collapsed: false,
      refreshed: false,
      reason: 'uncacheable',
    };
    if (question) this.deliver(question, reply, now);
    else this.out.served.push(asServed(request, reply, now));
    return this.out;
  }

  invalidate(pattern: string): number {
    const matches = (url: string) => {
      const path = url.slice(url.indexOf('/'));
      return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
    };
    for (const question of this.questions)
      if (matches(question.request.urlKey)) question.invalidated = true;
    const removed = this.entries.filter(({ url }) => matches(url));
    for (const entry of removed)
      this.rememberRemoval(entry.cache, entry.key + entry.part, 'invalidated');
    this.entries = this.entries.filter((entry) => !removed.includes(entry));
    return removed.length;
  }

  stats(): { tier: string; objects: number; bytes: number }[] {
    return ['pop', 'regional', 'shield'].map((tier) => {
      const own = this.entries.filter(({ cache }) => cache.startsWith(`${tier}:`));
      return {
        tier,
        objects: own.length,
        bytes: own.reduce((sum, { version }) => sum + version.size, 0),
      };
    });
  }

  private lookUp(lookup: Lookup, now: number): Reply | undefined {
    const { request, hop, alone, background } = lookup;
    const [tier, cache] = route(request)[hop] as [Tier, string];
    const entry = this.best(cache, request, now);
    const running = this.questions.find(
      (one) =>
        one.open &&
        !one.invalidated &&
        !one.joined &&
        one.cache === cache &&
        one.request.key === request.key &&
        partOf(request) === partOf(one.request) &&
        (!one.alone || one.for === 'background'),
    );
    if (entry) {
      const { version } = entry;
      const fresh = now < version.end;
      const resting = now < entry.retryAt && now < version.errorEnd;
      if (fresh || resting || (!background && now < version.refreshEnd)) {
        entry.used = ++this.uses;
        if (!fresh && !resting && !running)
          this.startQuestion({ request, hop, for: 'background', alone, background: true }, now);
        return {
          version,
          from: tier,
          stale: !fresh,
          retryAt: resting && !fresh ? entry.retryAt : 0,
          collapsed: false,
          refreshed: false,
          reason: undefined,
        };
      }
    }
    if (running && !alone) {
      this.questions.push({ ...question(lookup, undefined, 'expired'), joined: running });
      return undefined;
    }
    return this.startQuestion(lookup, now);
  }

  private startQuestion(lookup: Lookup, now: number): Reply | undefined {
    const { request, hop, alone, background } = lookup;
    const [, cache] = route(request)[hop] as [Tier, string];
    const held = this.best(cache, request, now);
    const started = question(lookup, held, held ? 'expired' : this.missReason(cache, request, now));
    this.questions.push(started);
    if (hop + 1 === route(request).length) {
      this.goToOrigin(started, request, held, background);
      return undefined;
    }
    const reply = this.lookUp({ request, hop: hop + 1, for: started, alone, background }, now);
    return reply && this.accept(started, reply, now);
  }

  private goToOrigin(
    question: Question | undefined,
    request: KeyedRequest,
    held: Entry | undefined,
    background: boolean,
  ): void {
    const id = ++this.count;
    this.pending.push({ id, question, request });
    const headers = held && held.version.response.status < 400 ? held.version.response.headers : {};
    const unconditional =
      headers.vary?.includes('*') && request.behavior.cachePolicy.minTtlSeconds === 0;
    const etag = headers.etag?.[0];
    const lastModified = headers['last-modified']?.[0];
    const validators =
      unconditional || (!etag && !lastModified)
        ? undefined
        : { ...(etag && { etag }), ...(lastModified && { lastModified }) };
    this.out.fetches.push({
      id,
      keyed: request,
      ...(validators && { validators }),
      background,
    });
  }

  private deliver(question: Question, reply: Reply, now: number): void {
    const waiting = this.questions.filter(({ joined }) => joined === question);
    const own = this.accept(question, reply, now);
    this.forward(question, own, now);
    for (const follower of waiting) {
      follower.open = false;
      this.questions = this.questions.filter((one) => one !== follower);
      let shared: Reply | undefined = {
        ...own,
        from: question.tier,
        collapsed: true,
        refreshed: false,
        reason: undefined,
      };
      if (!own.version.shareable && !own.stale)
        shared = this.startQuestion({ ...follower, alone: true, background: false }, now);
      if (shared) this.forward(follower, shared, now);
    }
  }

  private forward(question: Question, reply: Reply, now: number): void {
    if (question.for === 'viewer') this.out.served.push(asServed(question.request, reply, now));
    else if (question.for !== 'background') this.deliver(question.for, reply, now);
  }

  private accept(question: Question, reply: Reply, now: number): Reply {
    question.open = false;
    this.questions = this.questions.filter((one) => one !== question);
    const { held, cache, request } = question;
    const { version } = reply;
    const { status } = version.response;
    const before = held?.version.response;
    const mark = (response: HttpResponse, name: string) => response.headers[name]?.[0];
    const refreshed =
      before !== undefined &&
      before.status === status &&
      (mark(before, 'etag') || mark(version.response, 'etag')
        ? mark(before, 'etag') === mark(version.response, 'etag')
        : mark(before, 'last-modified') !== undefined &&
          mark(before, 'last-modified') === mark(version.response, 'last-modified'));
    const failed = status > 499;
    const failedBefore = reply.retryAt > 0 && (refreshed || held?.version === version);
    if (held && now < held.version.errorEnd && (failed || failedBefore)) {
      held.retryAt = failed
        ? now + (this.options.errorMinTtlSeconds[status] ?? 10) * 1000
        : reply.retryAt;
      held.used = ++this.uses;
      return {
        ...reply,
        version: held.version,
        from: question.tier,
        stale: true,
        retryAt: held.retryAt,
        refreshed: false,
        reason: undefined,
      };
    }
    if (!question.invalidated) {
      if (version.storable) this.put(cache, request, version);
      else if (status < 400 && status !== 304) this.remove(cache, request.key, version.part);
    }
    return { ...reply, refreshed, reason: version.storable ? question.reason : 'uncacheable' };
  }

  private best(cache: string, request: KeyedRequest, now: number): Entry | undefined {
    const part = partOf(request);
    const own = this.entries.filter(
      (entry) =>
        entry.cache === cache && entry.key === request.key && ['', part].includes(entry.part),
    );
    own.sort((a, b) => a.part.length - b.part.length);
    return own.find(({ version }) => now < version.end) ?? own[0];
  }

  private missReason(cache: string, request: KeyedRequest, now: number): MissReason {
    const part = partOf(request);
    const removal = this.removals.find(
      (one) => one.cache === cache && one.name === request.key + part,
    );
    if (removal)
      return removal.end === 'invalidated'
        ? 'invalidated'
        : removal.end > now
          ? 'evicted'
          : 'expired';
    const sibling = this.entries.some(
      (entry) => entry.cache === cache && entry.url === request.urlKey && entry.part === part,
    );
    return sibling ? 'varied' : 'first-seen';
  }

  private put(cache: string, { key, urlKey }: KeyedRequest, version: Version): void {
    const capacity = this.options.capacityBytes[cache.split(':')[0] as Tier];
    this.remove(cache, key, version.part);
    if (version.size > capacity) {
      this.rememberRemoval(cache, key + version.part, version.end);
      return;
    }
    this.removals = this.removals.filter(
      (one) => one.cache !== cache || one.name !== key + version.part,
    );
    this.entries.push({
      cache,
      key,
      url: urlKey,
      part: version.part,
      version,
      retryAt: 0,
      used: ++this.uses,
    });
    for (;;) {
      const here = this.entries
        .filter((entry) => entry.cache === cache)
        .sort((a, b) => a.used - b.used);
      const [oldest] = here;
      if (!oldest || here.reduce((sum, entry) => sum + entry.version.size, 0) <= capacity) return;
      this.entries = this.entries.filter((entry) => entry !== oldest);
      this.rememberRemoval(cache, oldest.key + oldest.part, oldest.version.end);
    }
  }

  private remove(cache: string, key: string, part: string): void {
    this.entries = this.entries.filter(
      (entry) => entry.cache !== cache || entry.key !== key || entry.part !== part,
    );
  }

  private rememberRemoval(cache: string, name: string, end: number | 'invalidated'): void {
    this.removals = [
      { cache, name, end },
      ...this.removals.filter((one) => one.cache !== cache || one.name !== name),
    ];
  }

  private evaluate(
    response: HttpResponse,
    arrival: HttpResponse['headers'],
    keyed: KeyedRequest,
    now: number,
  ): Version {
    const {
      minTtlSeconds: min,
      defaultTtlSeconds,
      maxTtlSeconds: max,
    } = keyed.behavior.cachePolicy;
    const { status } = response;
    const directives = (response.headers['cache-control'] ?? [])
      .join(',')
      .toLowerCase()
      .split(',')
      .map((directive) => directive.trim());
    const has = (directive: string) => directives.includes(directive);
    const number = (name: string): number | undefined => {
      const directive = directives.find((one) => one.startsWith(`${name}=`));
      return directive === undefined ? undefined : Number(directive.slice(name.length + 1));
    };
    const statedMaxAge = number('s-maxage') ?? number('max-age');
    const age = Number(arrival.age?.[0] ?? 0);
    const part = keyed.request.method === 'HEAD' || status === 206 ? partOf(keyed) : '';
    const born = now - age * 1000;
    const { age: _age, ...headers } = response.headers;
    const base = {
      response: { ...response, headers },
      part,
      size: response.bodyBytes + 1024,
      born,
    };
    if (status >= 400) {
      const always = [404, 414, 500, 501, 502, 503, 504].includes(status);
      const sometimes = [400, 403, 405, 412, 415].includes(status) && statedMaxAge !== undefined;
      const end =
        now +
        1000 * Math.max(this.options.errorMinTtlSeconds[status] ?? 10, (statedMaxAge ?? 0) - age);
      return {
        ...base,
        storable: always || sometimes,
        shareable: true,
        end,
        refreshEnd: 0,
        errorEnd: 0,
      };
    }
    const forbidsStoring = has('no-store') || has('private');
    const mustRevalidate = forbidsStoring || has('no-cache');
    let lifetime = statedMaxAge;
    if (lifetime === undefined && response.headers.expires)
      lifetime = Math.max(0, (Date.parse(response.headers.expires[0] ?? '') - now) / 1000) || 0;
    if (mustRevalidate || (response.headers.vary?.includes('*') && min === 0)) lifetime = 0;
    const seconds =
      lifetime === undefined
        ? Math.max(min, defaultTtlSeconds)
        : Math.max(min, 0, Math.min(max, lifetime - age));
    const end = now + seconds * 1000;
    const validator = response.headers.etag || response.headers['last-modified'];
    const neverStale = mustRevalidate || has('must-revalidate') || has('proxy-revalidate');
    const window = (name: string) => end + Math.min(number(name) ?? 0, max) * 1000;
    let storable = min > 0 || (!forbidsStoring && (!mustRevalidate || Boolean(validator)));
    if (status === 304 || (status === 206 && part === '')) storable = false;
    if ((status === 307 || status === 308) && !response.headers['cache-control']) storable = false;
    return {
      ...base,
      storable,
      shareable: min > 0 || (!mustRevalidate && statedMaxAge !== 0),
      end,
      refreshEnd: neverStale ? end : window('stale-while-revalidate'),
      errorEnd: neverStale
        ? 0
        : number('stale-if-error') === undefined
          ? Number.POSITIVE_INFINITY
          : window('stale-if-error'),
    };
  }
}

function question(lookup: Lookup, held: Entry | undefined, reason: MissReason): Question {
  const [tier, cache] = route(lookup.request)[lookup.hop] as [Tier, string];
  return {
    ...lookup,
    cache,
    tier,
    held,
    reason,
    joined: undefined,
    invalidated: false,
    open: true,
  };
}

function route({ pop, regional, shield }: KeyedRequest): [Tier, string][] {
  const edge: [Tier, string] = ['pop', `pop:${pop}`];
  if (shield === undefined) return [edge, ['regional', `regional:${regional}`]];
  if (shield === regional) return [edge, ['shield', `shield:${shield}`]];
  return [edge, ['regional', `regional:${regional}`], ['shield', `shield:${shield}`]];
}

function partOf({ request: { method, headers } }: KeyedRequest): string {
  if (method === 'HEAD') return ' as HEAD';
  return method === 'GET' && headers.range ? ` in part ${headers.range}` : '';
}

function asServed(
  { id }: KeyedRequest,
  { version, from, stale, collapsed, refreshed, reason }: Reply,
  now: number,
): ServedResponse {
  const { status } = version.response;
  const result =
    status >= 400
      ? 'Error'
      : from === 'pop'
        ? 'Hit'
        : refreshed
          ? 'RefreshHit'
          : from === 'shield'
            ? 'OriginShieldHit'
            : 'Miss';
  const ageSeconds = Math.floor((now - version.born) / 1000);
  const base = {
    requestId: id,
    response: version.response,
    result,
    servedBy: from,
    ageSeconds,
    collapsed: collapsed,
    stale,
  } as const;
  return reason !== undefined && from !== 'pop' ? { ...base, reason: reason } : base;
}
