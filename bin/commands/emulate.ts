import { describeKind, describeValue, IsochroneError } from '../../lib/model/errors';
import { visible } from '../../lib/model/visible';
import { readAssembly } from '../../lib/tools/assembly';
import {
  type DistributionModel,
  edgeLocation,
  readDistribution,
  startEmulator,
} from '../../lib/tools/simulation';
import { print, printError } from '../output';
import { type Command, formatUsage, readOptions } from './command';
import { EDGE_CODE, limitsOf, withEdgeCode } from './edge-code';

export const emulate: Command = {
  name: 'emulate',
  usage: formatUsage({
    synopsis:
      'emulate --origin URL [--origin ID=URL …] [--assembly DIR] [--distribution ID] [--port N] ' +
      '[--host NAME] [--pop CODE] [--switch REGION=VALUE …] [--viewer-protocol https|http] ' +
      '[--max-memory SIZE]',
    about:
      'Serve a distribution of an assembly on this machine: its behaviors, cache keys, TTLs and ' +
      `edge functions. ${EDGE_CODE.about}`,
    options: {
      '--origin URL': 'the address of all origins, or of one origin as ID=URL',
      '--assembly DIR': 'the output folder of `cdk synth`; cdk.out by default',
      '--distribution ID': 'the logical id, if the assembly has several distributions',
      '--port N, --host NAME': 'the address to listen at; port 8080 of 127.0.0.1 by default',
      '--pop CODE': 'the edge location to emulate; NRT by default',
      '--switch REGION=VALUE': 'an entry of the key value store that CloudFront Functions read',
      '--viewer-protocol P':
        'the protocol of the viewers; https by default, so that nothing redirects to it',
      ...EDGE_CODE.memory,
    },
    exitCodes: `0, ${EDGE_CODE.exitCode}, 1 for an error.`,
  }),

  run: (args) => withEdgeCode(() => runEmulator(args)),
};

async function runEmulator(args: readonly string[]): Promise<number> {
  const options = readOptions(args, emulate, {
    origin: { type: 'string', multiple: true, default: [] },
    assembly: { type: 'string', default: 'cdk.out' },
    distribution: { type: 'string' },
    port: { type: 'string', default: '8080' },
    host: { type: 'string', default: '127.0.0.1' },
    pop: { type: 'string', default: 'NRT' },
    switch: { type: 'string', multiple: true, default: [] },
    'viewer-protocol': { type: 'string', default: 'https' },
    'max-memory': { type: 'string' },
  });
  const viewerProtocol = options['viewer-protocol'];
  if (viewerProtocol !== 'http' && viewerProtocol !== 'https')
    throw invalidOption('--viewer-protocol', viewerProtocol, 'https or http');
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw invalidOption('--port', options.port, 'a number from 0 to 65535');
  if (/[/@?#\s]/.test(options.host))
    throw invalidOption('--host', options.host, 'a host name or an address');
  const place = edgeLocation(options.pop);
  if (!place)
    throw invalidOption('--pop', options.pop, 'the code of an edge location, such as NRT');

  const limits = limitsOf(options);
  const distribution = readDistribution(readAssembly(options.assembly), options.distribution);
  const running = await startEmulator({
    assembly: options.assembly,
    distribution,
    place,
    viewerProtocol,
    origins: originUrls(distribution, options.origin),
    switches: Object.fromEntries(options.switch.map(switchOf)),
    host: options.host,
    port,
    limits,
    // A line of edge code cannot pass for one of another function, or of this command.
    onLine: (text) => printError(text.replaceAll('\n', '\n  ')),
  });
  for (const gap of distribution.gaps) printError(visible(gap));
  print(
    `${visible(distribution.id)} at http://${options.host}:${running.port}, ` +
      `as ${place.pop} behind ${place.regional}.`,
  );

  process.once('SIGINT', running.end).once('SIGTERM', running.end);
  try {
    await running.ended;
  } finally {
    process.off('SIGINT', running.end).off('SIGTERM', running.end);
  }
  return 0;
}

/** The address of each origin of a distribution, by its id, or `*` for all. */
function originUrls(
  { origins }: DistributionModel,
  given: readonly string[],
): ReadonlyMap<string, string> {
  const urls = new Map(
    given.map((each): [string, string] => {
      const [id, url] = /^https?:/.test(each) ? ['*', each] : (pair(each) ?? ['*', each]);
      if (!/^https?:\/\/[^/?#]+\/?$/.test(url) || !URL.canParse(url))
        throw invalidOption('--origin', each, 'a URL without a path, or ID=URL');
      return [id, url];
    }),
  );
  const unknown = [...urls.keys()].find((id) => id !== '*' && !Object.hasOwn(origins, id));
  if (unknown !== undefined)
    throw invalidOption(
      '--origin',
      unknown,
      `one of the distribution's: ${Object.keys(origins).join(', ')}`,
    );
  const missing = urls.has('*') ? [] : Object.keys(origins).filter((id) => !urls.has(id));
  if (missing.length > 0)
    throw invalidOption(
      '--origin',
      given.join(' ') || 'nothing',
      `given for ${missing.join(', ')}, or as one URL for all origins`,
    );
  return urls;
}

function switchOf(entry: string): [region: string, value: string] {
  const found = pair(entry);
  if (!found) throw invalidOption('--switch', entry, 'REGION=VALUE');
  return found;
}

function pair(entry: string): [name: string, value: string] | undefined {
  const end = entry.indexOf('=');
  return end <= 0 ? undefined : [entry.slice(0, end), entry.slice(end + 1)];
}

/** A value as it was given. A URL may hold a password, so that is not shown. */
function received(value: string): string {
  return /[/@?#\s]/.test(value) ? describeKind(value) : describeValue(value);
}

function invalidOption(option: string, value: string, allowed: string): IsochroneError {
  return new IsochroneError(
    `isochrone: ${option} must be ${allowed}, got ${received(value)}.\n\n${emulate.usage}`,
  );
}
