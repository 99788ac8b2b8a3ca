import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { IsochroneError } from '../../lib/model/errors';
import { readAssembly } from '../../lib/tools/assembly';
import {
  type DistributionModel,
  edgeFunctionRunner,
  edgeLocation,
  emulator,
  emulatorServer,
  originClient,
  readDistribution,
} from '../../lib/tools/simulation';
import { type Command, formatUsage, readOptions } from './command';

export const emulate: Command = {
  name: 'emulate',
  usage: formatUsage({
    synopsis:
      'emulate --origin URL [--origin ID=URL …] [--assembly DIR] [--distribution ID] [--port N] ' +
      '[--host NAME] [--pop CODE] [--switch REGION=VALUE …] [--viewer-protocol https|http]',
    about:
      'Serve a distribution of an assembly on this machine: its behaviors, cache keys, TTLs and ' +
      'edge functions.',
    options: {
      '--origin URL': 'the address of all origins, or of one origin as ID=URL',
      '--assembly DIR':
        'the output folder of `cdk synth`; cdk.out by default. Its edge functions run in this ' +
        'process',
      '--distribution ID': 'the logical id, if the assembly has several distributions',
      '--port N, --host NAME': 'the address to listen at; port 8080 of 127.0.0.1 by default',
      '--pop CODE': 'the edge location to emulate; NRT by default',
      '--switch REGION=VALUE': 'an entry of the key value store that CloudFront Functions read',
      '--viewer-protocol P':
        'the protocol of the viewers; https by default, so that nothing redirects to it',
    },
  }),

  async run(args) {
    const options = readOptions(args, emulate, {
      origin: { type: 'string', multiple: true, default: [] },
      assembly: { type: 'string', default: 'cdk.out' },
      distribution: { type: 'string' },
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      pop: { type: 'string', default: 'NRT' },
      switch: { type: 'string', multiple: true, default: [] },
      'viewer-protocol': { type: 'string', default: 'https' },
    });
    const viewerProtocol = options['viewer-protocol'];
    if (viewerProtocol !== 'http' && viewerProtocol !== 'https')
      throw invalidOption('--viewer-protocol', viewerProtocol, 'https or http');
    const port = Number(options.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw invalidOption('--port', options.port, 'a number from 0 to 65535');
    const place = edgeLocation(options.pop);
    if (!place)
      throw invalidOption('--pop', options.pop, 'the code of an edge location, such as NRT');

    const distribution = readDistribution(readAssembly(options.assembly), options.distribution);
    const urls = originUrls(distribution, options.origin);
    const warn = (sentence: string) => console.error(sentence);
    const functions = edgeFunctionRunner({
      switches: Object.fromEntries(options.switch.map(switchOf)),
      log: (name, line) => console.error(`${name}: ${line}`),
    });
    const server = emulatorServer(
      emulator(distribution, functions, {
        place,
        viewerProtocol,
        fetchOrigin: originClient(urls),
        warn,
      }),
      place.pop,
      warn,
    );
    server.listen(port, options.host);
    await once(server, 'listening').catch((error: Error) => {
      throw new IsochroneError(
        `isochrone: cannot listen at ${options.host}:${port} (${error.message}).\n` +
          'Set another address with `--port` or `--host`.',
      );
    });
    for (const gap of distribution.gaps) console.error(gap);
    console.log(
      `${distribution.id} at http://${options.host}:${(server.address() as AddressInfo).port}, ` +
        `as ${place.pop} behind ${place.regional}.`,
    );

    const ended = once(server, 'close');
    const end = () => {
      server.close();
      setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
    };
    process.once('SIGINT', end).once('SIGTERM', end);
    await ended;
    process.off('SIGINT', end).off('SIGTERM', end);
    return 0;
  },
};

/** Milliseconds that pending responses may take after SIGINT or SIGTERM. */
const GRACE_MS = 5_000;

/** The address of each origin of a distribution, by its id, or `*` for all. */
function originUrls(
  { origins }: DistributionModel,
  given: readonly string[],
): ReadonlyMap<string, URL> {
  const urls = new Map(
    given.map((each): [string, URL] => {
      const [id, url] = /^https?:/.test(each) ? ['*', each] : (pair(each) ?? ['*', each]);
      if (!/^https?:\/\/[^/?#]+\/?$/.test(url) || !URL.canParse(url))
        throw invalidOption('--origin', each, 'a URL without a path, or ID=URL');
      return [id, new URL(url)];
    }),
  );
  const unknown = [...urls.keys()].find((id) => id !== '*' && !(id in origins));
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

function invalidOption(option: string, value: string, allowed: string): IsochroneError {
  return new IsochroneError(
    `isochrone: ${option} must be ${allowed}, got ${JSON.stringify(value)}.\n\n${emulate.usage}`,
  );
}
