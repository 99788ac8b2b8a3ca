/**
 * What the tests of caches on real servers share: figures, things that end with their test, and
 * waits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerRead } from '../../../lib/runtime/tiered-cache/server';
import type { ValkeyServerOptions } from '../../../lib/runtime/valkey/options';
import { ValkeyServer } from '../../../lib/runtime/valkey/server';
import { serversHere } from '../server-process';

/** What a call may wait for the cache at defaults, in milliseconds: the bar. */
export const BAR_MS = 60;
/**
 * What the tests insist on: a machine that runs other tests pauses processes for longer than the
 * bar.
 */
export const GENEROUS_MS = 400;
export const RECOVERY_MS = 2_000;

export const describeServers = serversHere('redis-server', 'redis-cli') ? describe : describe.skip;

const ends: (() => Promise<void>)[] = [];

/** Ends something after the test, the last first. */
export function ending<T extends { stop(): Promise<void> } | { close(): Promise<void> }>(
  what: T,
): T {
  ends.push(() => ('stop' in what ? what.stop() : what.close()));
  return what;
}

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Waits until something is so, and gives the milliseconds it took. */
export async function until(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  withinMs = 5_000,
): Promise<number> {
  const begin = performance.now();
  while (!(await isSo())) {
    if (performance.now() - begin > withinMs) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await sleep(10);
  }
  return Math.round(performance.now() - begin);
}

export function valkey(
  at: { readonly port: number },
  options: Partial<ValkeyServerOptions> = {},
): ValkeyServer {
  return ending(
    new ValkeyServer({ host: '127.0.0.1', port: at.port, namespace: 'test', ...options }),
  );
}

export async function answers(server: ValkeyServer, key = 'k'): Promise<boolean> {
  return (await server.read(key, [])).status === 'answered';
}

/** A read as a caller sees it: the bytes, or undefined for a miss of whatever kind. */
export function bytesOf(read: ServerRead): string | undefined {
  return read.status === 'answered' ? read.bytes?.toString() : undefined;
}

/** The value at a share of the way through sorted figures, to a tenth. */
export function quantile(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return Math.round((sorted[Math.floor(share * sorted.length)] ?? 0) * 10) / 10;
}
