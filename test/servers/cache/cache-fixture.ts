/** The fixture of the tests of caches on real servers: resources, waits and limits. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerRead } from '../../../lib/runtime/tiered-cache/server';
import type { ValkeyServerOptions } from '../../../lib/runtime/valkey/options';
import { ValkeyServer } from '../../../lib/runtime/valkey/server';
import { RedisServer, type RedisServerOptions, TcpProxy } from '../redis-server';
import { serversHere } from '../server-process';

/** The target for the longest wait of a call with default options, in milliseconds. */
const TARGET_MS = 60;
/**
 * The limit that the tests enforce, in milliseconds. A machine that runs other tests pauses
 * processes for longer than the target.
 */
export const MAX_WAIT_MS = 400;
/** The longest time until a cache uses its server again, in milliseconds. */
export const RECOVERY_MS = 2_000;

export const describeServers = serversHere('redis-server', 'redis-cli') ? describe : describe.skip;

const ends: (() => Promise<void>)[] = [];

/** Stops or closes a resource after the test, in reverse order. */
export function stopAfterTest<T extends { stop(): Promise<void> } | { close(): Promise<void> }>(
  resource: T,
): T {
  ends.push(() => ('stop' in resource ? resource.stop() : resource.close()));
  return resource;
}

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Waits for a condition, and returns the time it took in milliseconds. */
export async function until(
  condition: string,
  isMet: () => Promise<boolean> | boolean,
  withinMs = 5_000,
): Promise<number> {
  const begin = performance.now();
  while (!(await isMet())) {
    if (performance.now() - begin > withinMs)
      throw new Error(`Not within ${withinMs} ms: ${condition}`);
    await sleep(10);
  }
  return Math.round(performance.now() - begin);
}

export function valkey(
  at: { readonly port: number },
  options: Partial<ValkeyServerOptions> = {},
): ValkeyServer {
  return stopAfterTest(
    new ValkeyServer({ host: '127.0.0.1', port: at.port, namespace: 'test', ...options }),
  );
}

/** Creates a client of a server, and waits until it is connected. */
export async function connected(
  at: { readonly port: number },
  options: Partial<ValkeyServerOptions> = {},
): Promise<ValkeyServer> {
  const server = valkey(at, options);
  await until('connected', () => answers(server), 2_000);
  return server;
}

/** Starts Redis, and a client that is connected to it. */
export async function startConnected(
  options: RedisServerOptions = {},
): Promise<{ redis: RedisServer; server: ValkeyServer }> {
  const redis = stopAfterTest(await RedisServer.start(options));
  return { redis, server: await connected(redis) };
}

/** Starts Redis and a proxy in front of it. */
export async function startProxied(): Promise<{ redis: RedisServer; proxy: TcpProxy }> {
  const redis = stopAfterTest(await RedisServer.start());
  return { redis, proxy: stopAfterTest(await TcpProxy.start(redis.port)) };
}

/** Starts a primary and its replica, and a proxy in front of the primary. */
export async function startReplicated(): Promise<{
  primary: RedisServer;
  replica: RedisServer;
  proxy: TcpProxy;
}> {
  const { redis: primary, proxy } = await startProxied();
  return {
    primary,
    replica: stopAfterTest(await RedisServer.start({ replicaOf: primary })),
    proxy,
  };
}

export async function answers(server: ValkeyServer, key = 'k'): Promise<boolean> {
  return (await server.read(key, [])).status === 'answered';
}

/** A read as a caller sees it: the bytes, or undefined for a miss of any kind. */
export function bytesOf(read: ServerRead): string | undefined {
  return read.status === 'answered' ? read.bytes?.toString() : undefined;
}

/** Prints the waits of some calls, and returns two of their quantiles, in milliseconds. */
export function reportWaits(
  name: string,
  waits: readonly number[],
  details: string,
): { p50: number; p99: number } {
  const [p50, p99] = [quantile(waits, 0.5), quantile(waits, 0.99)];
  const figures = `p50 ${p50} ms, p99 ${p99} ms (target ${TARGET_MS})`;
  console.info(`${name}: ${waits.length} calls waited ${figures}, ${details}`);
  return { p50, p99 };
}

/** Waits until a cache uses its server again, and prints the time it took. */
export async function reportRecovery(
  event: string,
  isBack: () => Promise<boolean> | boolean,
): Promise<void> {
  console.info(`${event}: back after ${await until('back', isBack, RECOVERY_MS)} ms`);
}

/** A quantile of some values, rounded to a tenth. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round((sorted[Math.floor(share * sorted.length)] ?? 0) * 10) / 10;
}
