/**
 * CloudFront's caching once more, from the same rules, for the engine to be compared with: lists
 * that are searched from the start, one record for each question that a cache asks, no thought of
 * speed, and nothing of the engine but its types.
 */
import type {
  EngineOptions,
  Fetch,
  FetchOutcome,
  KeyedRequest,
  RequestOutcome,
  ServedResponse,
  Tier,
} from '../../../../lib/tools/simulation/engine/messages';
import type { HttpResponse, MissReason, ServedBy } from '../../../../lib/tools/simulation/messages';

interface Version {
  response: HttpResponse;
  form: string;
  size: number;
  mayKeep: boolean;
  mayShare: boolean;
  born: number;
  end: number;
  refreshEnd: number;
  errorEnd: number;
}
interface Entry {
  cache: string;
  key: string;
  url: string;
  form: string;
  version: Version;
  retryAt: number;
  used: number;
}
/** What one cache wants to know, for a viewer or for another cache. */
interface Question {
  cache: string;
  tier: Tier;
  hop: number;
  request: KeyedRequest;
  had: Entry | undefined;
  why: MissReason;
  for: Question | 'viewer' | 'nobody';
  alone: boolean;
  joined: Question | undefined;
  spoiled: boolean;
  open: boolean;
}
interface News {
  version: Version;
  from: ServedBy;
  stale: boolean;
  until: number;
  waited: boolean;
  same: boolean;
  why: MissReason | undefined;
}

export class ReferenceModel {
  private entries: Entry[] = [];
  private farewells: { cache: string; name: string; end: number | 'invalidated' }[] = [];
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
    const off = headers.kind === 'all' || minTtlSeconds + defaultTtlSeconds + maxTtlSeconds === 0;
    if (off || !request.behavior.cachedMethods.includes(request.request.method))
      this.goToOrigin(undefined, request, undefined, false);
    else {
      const cookies = [
        request.behavior.cachePolicy.cookies.kind,
        request.behavior.originRequest.cookies.kind,
      ];
      const news = this.lookUp(request, 0, 'viewer', cookies.includes('all'), false, now);
      if (news) this.out.served.push(asServed(request, news, now));
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
    const had = question?.had;
    let version: Version;
    if (response.status === 304 && had) {
      const merged: Record<string, readonly string[]> = { ...had.version.response.headers };
      for (const name of Object.keys(response.headers)) {
        if (!['content-length', 'content-range', 'content-encoding', 'age'].includes(name))
          merged[name] = response.headers[name] ?? [];
      }
      const old = { ...had.version.response, headers: merged };
      version = {
        ...this.judge(old, response.headers, request, now),
        form: had.form,
        size: had.version.size,
      };
    } else version = this.judge(response, response.headers, request, now);
    const news: News = {
      version,
      from: 'origin',
      stale: false,
      until: 0,
      waited: false,
      same: false,
      why: 'uncacheable',
    };
    if (question) this.hear(question, news, now);
    else this.out.served.push(asServed(request, news, now));
    return this.out;
  }

  invalidate(pattern: string): number {
    const hit = (url: string) => {
      const path = url.slice(url.indexOf('/'));
      return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
    };
    for (const question of this.questions)
      if (hit(question.request.urlKey)) question.spoiled = true;
    const leaving = this.entries.filter(({ url }) => hit(url));
    for (const entry of leaving)
      this.sayFarewell(entry.cache, entry.key + entry.form, 'invalidated');
    this.entries = this.entries.filter((entry) => !leaving.includes(entry));
    return leaving.length;
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

  private lookUp(
    request: KeyedRequest,
    hop: number,
    who: Question['for'],
    alone: boolean,
    quiet: boolean,
    now: number,
  ): News | undefined {
    const [tier, cache] = route(request)[hop] as [Tier, string];
    const entry = this.best(cache, request, now);
    const running = this.questions.find(
      (one) =>
        one.open &&
        !one.spoiled &&
        !one.joined &&
        one.cache === cache &&
        one.request.key === request.key &&
        formOf(request) === formOf(one.request) &&
        (!one.alone || one.for === 'nobody'),
    );
    if (entry) {
      const { version } = entry;
      const fresh = now < version.end;
      const resting = now < entry.retryAt && now < version.errorEnd;
      if (fresh || resting || (!quiet && now < version.refreshEnd)) {
        entry.used = ++this.uses;
        if (!fresh && !resting && !running) this.wonder(request, hop, 'nobody', alone, true, now);
        return {
          version,
          from: tier,
          stale: !fresh,
          until: resting && !fresh ? entry.retryAt : 0,
          waited: false,
          same: false,
          why: undefined,
        };
      }
    }
    if (running && !alone) {
      this.questions.push({
        cache,
        tier,
        hop,
        request,
        had: undefined,
        why: 'expired',
        for: who,
        alone,
        joined: running,
        spoiled: false,
        open: true,
      });
      return undefined;
    }
    return this.wonder(request, hop, who, alone, quiet, now);
  }

  private wonder(
    request: KeyedRequest,
    hop: number,
    who: Question['for'],
    alone: boolean,
    quiet: boolean,
    now: number,
  ): News | undefined {
    const [tier, cache] = route(request)[hop] as [Tier, string];
    const had = this.best(cache, request, now);
    const why = had ? 'expired' : this.whyMissing(cache, request, now);
    const question: Question = {
      cache,
      tier,
      hop,
      request,
      had,
      why,
      for: who,
      alone,
      joined: undefined,
      spoiled: false,
      open: true,
    };
    this.questions.push(question);
    if (hop + 1 === route(request).length) {
      this.goToOrigin(question, request, had, quiet);
      return undefined;
    }
    const news = this.lookUp(request, hop + 1, question, alone, quiet, now);
    return news && this.learn(question, news, now);
  }

  private goToOrigin(
    question: Question | undefined,
    request: KeyedRequest,
    had: Entry | undefined,
    quiet: boolean,
  ): void {
    const id = ++this.count;
    this.pending.push({ id, question, request });
    const headers = had && had.version.response.status < 400 ? had.version.response.headers : {};
    const silent = headers.vary?.includes('*') && request.behavior.cachePolicy.minTtlSeconds === 0;
    const etag = headers.etag?.[0];
    const lastModified = headers['last-modified']?.[0];
    const validators =
      silent || (!etag && !lastModified)
        ? undefined
        : { ...(etag && { etag }), ...(lastModified && { lastModified }) };
    this.out.fetches.push({
      id,
      keyed: request,
      ...(validators && { validators }),
      background: quiet,
    });
  }

  private hear(question: Question, news: News, now: number): void {
    const waiting = this.questions.filter(({ joined }) => joined === question);
    const own = this.learn(question, news, now);
    this.tell(question, own, now);
    for (const follower of waiting) {
      follower.open = false;
      this.questions = this.questions.filter((one) => one !== follower);
      let told: News | undefined = {
        ...own,
        from: question.tier,
        waited: true,
        same: false,
        why: undefined,
      };
      if (!own.version.mayShare && !own.stale)
        told = this.wonder(follower.request, follower.hop, follower.for, true, false, now);
      if (told) this.tell(follower, told, now);
    }
  }

  private tell(question: Question, news: News, now: number): void {
    if (question.for === 'viewer') this.out.served.push(asServed(question.request, news, now));
    else if (question.for !== 'nobody') this.hear(question.for, news, now);
  }

  private learn(question: Question, news: News, now: number): News {
    question.open = false;
    this.questions = this.questions.filter((one) => one !== question);
    const { had, cache, request } = question;
    const { version } = news;
    const { status } = version.response;
    const before = had?.version.response;
    const mark = (response: HttpResponse, name: string) => response.headers[name]?.[0];
    const same =
      before !== undefined &&
      before.status === status &&
      (mark(before, 'etag') || mark(version.response, 'etag')
        ? mark(before, 'etag') === mark(version.response, 'etag')
        : mark(before, 'last-modified') !== undefined &&
          mark(before, 'last-modified') === mark(version.response, 'last-modified'));
    const failed = status > 499;
    const failedBefore = news.until > 0 && (same || had?.version === version);
    if (had && now < had.version.errorEnd && (failed || failedBefore)) {
      had.retryAt = failed
        ? now + (this.options.errorMinTtlSeconds[status] ?? 10) * 1000
        : news.until;
      had.used = ++this.uses;
      return {
        ...news,
        version: had.version,
        from: question.tier,
        stale: true,
        until: had.retryAt,
        same: false,
        why: undefined,
      };
    }
    if (!question.spoiled) {
      if (version.mayKeep) this.put(cache, request, version);
      else if (status < 400 && status !== 304) this.remove(cache, request.key, version.form);
    }
    return { ...news, same, why: version.mayKeep ? question.why : 'uncacheable' };
  }

  private best(cache: string, request: KeyedRequest, now: number): Entry | undefined {
    const form = formOf(request);
    const own = this.entries.filter(
      (entry) =>
        entry.cache === cache && entry.key === request.key && ['', form].includes(entry.form),
    );
    own.sort((a, b) => a.form.length - b.form.length);
    return own.find(({ version }) => now < version.end) ?? own[0];
  }

  private whyMissing(cache: string, request: KeyedRequest, now: number): MissReason {
    const form = formOf(request);
    const farewell = this.farewells.find(
      (one) => one.cache === cache && one.name === request.key + form,
    );
    if (farewell)
      return farewell.end === 'invalidated'
        ? 'invalidated'
        : farewell.end > now
          ? 'evicted'
          : 'expired';
    const sibling = this.entries.some(
      (entry) => entry.cache === cache && entry.url === request.urlKey && entry.form === form,
    );
    return sibling ? 'varied' : 'first-seen';
  }

  private put(cache: string, { key, urlKey }: KeyedRequest, version: Version): void {
    const capacity = this.options.capacityBytes[cache.split(':')[0] as Tier];
    this.remove(cache, key, version.form);
    if (version.size > capacity) {
      this.sayFarewell(cache, key + version.form, version.end);
      return;
    }
    this.farewells = this.farewells.filter(
      (one) => one.cache !== cache || one.name !== key + version.form,
    );
    this.entries.push({
      cache,
      key,
      url: urlKey,
      form: version.form,
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
      this.sayFarewell(cache, oldest.key + oldest.form, oldest.version.end);
    }
  }

  private remove(cache: string, key: string, form: string): void {
    this.entries = this.entries.filter(
      (entry) => entry.cache !== cache || entry.key !== key || entry.form !== form,
    );
  }

  private sayFarewell(cache: string, name: string, end: number | 'invalidated'): void {
    this.farewells = [
      { cache, name, end },
      ...this.farewells.filter((one) => one.cache !== cache || one.name !== name),
    ];
  }

  private judge(
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
    const words = (response.headers['cache-control'] ?? [])
      .join(',')
      .toLowerCase()
      .split(',')
      .map((word) => word.trim());
    const has = (word: string) => words.includes(word);
    const number = (name: string): number | undefined => {
      const word = words.find((one) => one.startsWith(`${name}=`));
      return word === undefined ? undefined : Number(word.slice(name.length + 1));
    };
    const told = number('s-maxage') ?? number('max-age');
    const age = Number(arrival.age?.[0] ?? 0);
    const form = keyed.request.method === 'HEAD' || status === 206 ? formOf(keyed) : '';
    const born = now - age * 1000;
    const { age: _age, ...headers } = response.headers;
    const base = {
      response: { ...response, headers },
      form,
      size: response.bodyBytes + 1024,
      born,
    };
    if (status >= 400) {
      const always = [404, 414, 500, 501, 502, 503, 504].includes(status);
      const sometimes = [400, 403, 405, 412, 415].includes(status) && told !== undefined;
      const end =
        now + 1000 * Math.max(this.options.errorMinTtlSeconds[status] ?? 10, (told ?? 0) - age);
      return {
        ...base,
        mayKeep: always || sometimes,
        mayShare: true,
        end,
        refreshEnd: 0,
        errorEnd: 0,
      };
    }
    const secret = has('no-store') || has('private');
    const strict = secret || has('no-cache');
    let lifetime = told;
    if (lifetime === undefined && response.headers.expires)
      lifetime = Math.max(0, (Date.parse(response.headers.expires[0] ?? '') - now) / 1000) || 0;
    if (strict || (response.headers.vary?.includes('*') && min === 0)) lifetime = 0;
    const seconds =
      lifetime === undefined
        ? Math.max(min, defaultTtlSeconds)
        : Math.max(min, 0, Math.min(max, lifetime - age));
    const end = now + seconds * 1000;
    const checkable = response.headers.etag || response.headers['last-modified'];
    const firm = strict || has('must-revalidate') || has('proxy-revalidate');
    const window = (name: string) => end + Math.min(number(name) ?? 0, max) * 1000;
    let mayKeep = min > 0 || (!secret && (!strict || Boolean(checkable)));
    if (status === 304 || (status === 206 && form === '')) mayKeep = false;
    if ((status === 307 || status === 308) && !response.headers['cache-control']) mayKeep = false;
    return {
      ...base,
      mayKeep,
      mayShare: min > 0 || (!strict && told !== 0),
      end,
      refreshEnd: firm ? end : window('stale-while-revalidate'),
      errorEnd: firm
        ? 0
        : number('stale-if-error') === undefined
          ? Number.POSITIVE_INFINITY
          : window('stale-if-error'),
    };
  }
}

function route({ pop, regional, shield }: KeyedRequest): [Tier, string][] {
  const edge: [Tier, string] = ['pop', `pop:${pop}`];
  if (shield === undefined) return [edge, ['regional', `regional:${regional}`]];
  if (shield === regional) return [edge, ['shield', `shield:${shield}`]];
  return [edge, ['regional', `regional:${regional}`], ['shield', `shield:${shield}`]];
}

function formOf({ request: { method, headers } }: KeyedRequest): string {
  if (method === 'HEAD') return ' as HEAD';
  return method === 'GET' && headers.range ? ` in part ${headers.range}` : '';
}

function asServed(
  { id }: KeyedRequest,
  { version, from, stale, waited, same, why }: News,
  now: number,
): ServedResponse {
  const { status } = version.response;
  const result =
    status >= 400
      ? 'Error'
      : from === 'pop'
        ? 'Hit'
        : same
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
    collapsed: waited,
    stale,
  } as const;
  return why !== undefined && from !== 'pop' ? { ...base, reason: why } : base;
}
