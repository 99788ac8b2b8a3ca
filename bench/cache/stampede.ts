/**
 * One process of a stampede: on a message from its parent, a thousand callers request a key that is
 * not cached.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SUBJECTS, type SubjectName } from './subjects';

/** The message with which the parent starts the stampede. */
export interface Stampede {
  readonly key: string;
  /** When to begin, in Unix milliseconds. */
  readonly at: number;
}

const CALLERS = 1000;
/** The duration of a slow query, and longer than four processes take to begin. */
const LOAD_MS = 300;

async function main(): Promise<void> {
  const [name, port] = process.argv.slice(2);
  const subject = await SUBJECTS[name as SubjectName](Number(port), 'memory');
  let loads = 0;
  const load = async () => {
    loads++;
    await sleep(LOAD_MS);
    return { price: 1 };
  };
  await subject.getOrLoad(`warm:${process.pid}`, async () => 1);
  process.send?.('ready');
  const { key, at } = await new Promise<Stampede>((resolve) =>
    process.once('message', (message) => resolve(message as Stampede)),
  );
  await sleep(Math.max(0, at - Date.now()));
  await Promise.all(Array.from({ length: CALLERS }, () => subject.getOrLoad(key, load)));
  process.send?.(loads);
  await subject.close();
  process.disconnect();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
