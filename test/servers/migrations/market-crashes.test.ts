/**
 * As market-deaths, but the whole server is killed: at statements of every file, some on their way
 * and some done.
 */
import { MARKET_FILES, type Moment, testEachFile } from './market-interruptions';

/**
 * One change in four, so that beginnings, statements and records have their turn: a restart takes
 * longer than a client that comes again.
 */
const MOMENTS: Readonly<Record<number, Moment>> = { 1: 'sent', 5: 'done' };

testEachFile(
  'a server that is killed during',
  MARKET_FILES,
  async (file, interruptions, server) => {
    const { died, differing } = await interruptions.ofFile(
      file,
      (nth) => MOMENTS[nth % 8],
      () => server.kill(),
      () => server.restart(),
    );
    expect(differing).toEqual([]);
    expect(died.length).toBeGreaterThanOrEqual(2);
  },
);
