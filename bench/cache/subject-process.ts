/** The process of one subject: on each message from its parent, it reads for one round. */
import { setTimeout as sleep } from 'node:timers/promises';
import { countMiss, KEYS, type Misses, page, type Round, readRound } from './rounds';
import { SUBJECTS, type SubjectName, type Tiers } from './subjects';

/** What the parent gets for a message, which is the number of callers at the same time. */
export interface Reading extends Round {
  readonly misses: number;
}

async function main(): Promise<void> {
  const [name = '', port, tiers] = process.argv.slice(2);
  const subject = await SUBJECTS[name as SubjectName](Number(port), tiers as Tiers);
  for (let key = 0; key < KEYS; key++) await subject.getOrLoad(`key:${key}`, async () => page(key));
  // A write that has not reached the server yet would be a miss.
  await sleep(200);
  process.send?.('ready');
  process.on('message', async (callers) => {
    const misses: Misses = {};
    const read = (key: number) => subject.getOrLoad(`key:${key}`, countMiss(misses, name, key));
    const reading: Reading = {
      ...(await readRound(read, Number(callers))),
      misses: misses[name] ?? 0,
    };
    process.send?.(reading);
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
