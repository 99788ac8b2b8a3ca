/**
 * Like market-deaths, but the whole server is killed, for every file, both while a statement runs
 * and after it has run.
 */
import { MARKET_FILES, type Moment, testEachFile } from './market-interruptions';

/**
 * One change in four: starts, statements and records each have their turn. A restart takes longer
 * than a reconnecting client.
 */
const MOMENTS: Readonly<Record<number, Moment>> = { 1: 'sent', 5: 'done' };

testEachFile(
  'a migration resumes after its server is killed during',
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
