/**
 * What the machine of a test run is promised to have, named in ISOCHRONE_PROMISED, as by `.ci/run`:
 * there, a test that finds it missing fails. Elsewhere the test is skipped, and says so.
 */
export function isPromised(what: 'chromium' | 'servers'): boolean {
  return (process.env.ISOCHRONE_PROMISED ?? '').split(/\s+/).includes(what);
}
