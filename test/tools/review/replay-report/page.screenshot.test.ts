/**
 * The page of a replay in a real browser, without network: Chromium lays it out headless, on a
 * phone and on a desktop.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as echarts from 'echarts';
import { renderReplayHtml } from '../../../../lib/tools/review/replay-report/page';
import { plotRenderer } from '../../../../lib/tools/review/replay-report/svg';
import { noteNotRun } from '../../../not-run';
import { isPromised } from '../../../promised';
import { hostileReport, marketReport } from './fixture';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const PROMISED = isPromised('chromium');

/**
 * A script that reports the elements beyond the right edge. Only the measured copy contains it; the
 * policy of the page would not run it.
 */
const MEASURE = `<script>
  const width = document.documentElement.clientWidth;
  const seen = (element) => {
    const head = element.closest('thead');
    return !head || getComputedStyle(head).position !== 'absolute';
  };
  const wide = [...document.body.querySelectorAll('*')].filter(
    (each) => seen(each) && each.getBoundingClientRect().right > width + 1,
  );
  parent.document.documentElement.dataset.measured = [
    innerWidth,
    document.documentElement.scrollWidth,
    ...wide.slice(0, 5).map((each) => each.tagName + '.' + each.className),
  ].join(' ');
</script>`;

if (CHROMIUM === undefined && !PROMISED) {
  noteNotRun(['chromium']);
  test.skip('needs Chromium', () => {});
} else {
  describe.each([
    ['a market site', marketReport],
    ['a hostile log', hostileReport],
  ])('the page of %s', (_, report) => {
    let directory: string;
    let file: string;
    let page: string;
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'replay-html-'));
      file = join(directory, 'replay.html');
      page = await renderReplayHtml(report(), plotRenderer(echarts));
      writeFileSync(file, page);
    });

    test.each([375, 1280])(
      'renders at %i pixels without a console message',
      (width) => {
        const screenshot = join(directory, `${width}.png`);
        expect(
          consoleOf(chromium(directory, width, `--screenshot=${screenshot}`, file).stderr),
        ).toEqual([]);
        const png = readFileSync(screenshot);
        expect(png.subarray(1, 4).toString()).toBe('PNG');
        // The width in the header: "IHDR Image header", Portable Network Graphics specification.
        expect(png.readUInt32BE(16)).toBe(width);
      },
      120_000,
    );

    test.each([375, 1280])(
      'fits a width of %i pixels with everything unfolded',
      (width) => {
        const measured = join(directory, 'measured.html');
        const unfolded = page
          .replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '')
          .replaceAll('<details>', '<details open>');
        // Measured in a frame, because a window of headless Chromium is at least 500 pixels wide.
        const framed = unfolded
          .replace('</body>', `${MEASURE}</body>`)
          .replaceAll('&', '&amp;')
          .replaceAll('"', '&quot;');
        writeFileSync(
          measured,
          `<!doctype html><iframe width="${width}" height="900" frameborder="0" ` +
            `srcdoc="${framed}"></iframe>`,
        );
        const { stdout } = chromium(directory, 1600, '--dump-dom', measured);
        expect(/data-measured="([^"]*)"/.exec(stdout)?.[1]).toBe(`${width} ${width}`);
      },
      120_000,
    );
  });

  test('a violation of the policy appears in the console', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'replay-html-'));
    const file = join(directory, 'replay.html');
    writeFileSync(
      file,
      (await renderReplayHtml(marketReport(), plotRenderer(echarts))).replace(
        '</body>',
        '<script>1</script></body>',
      ),
    );
    expect(consoleOf(chromium(directory, 375, '--dump-dom', file).stderr).join()).toContain(
      'Content Security Policy',
    );
  }, 120_000);
}

function chromium(
  directory: string,
  width: number,
  action: string,
  file: string,
): { stdout: string; stderr: string } {
  if (CHROMIUM === undefined)
    throw new Error(
      'Chromium is promised here (ISOCHRONE_PROMISED), and there is none. Install it.',
    );
  const { status, stdout, stderr } = spawnSync(
    CHROMIUM,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--hide-scrollbars',
      '--enable-logging=stderr',
      `--user-data-dir=${join(directory, 'profile')}`,
      `--window-size=${width},1000`,
      action,
      pathToFileURL(file).href,
    ],
    {
      encoding: 'utf8',
      env: { ...process.env, HOME: directory },
      timeout: 100_000,
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (status !== 0) throw new Error(`Chromium ended with ${status}:\n${stderr.slice(-2000)}`);
  return { stdout, stderr };
}

/** The messages of the page itself. On a busy machine, Chromium's own pages log as well. */
function consoleOf(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => line.includes(':CONSOLE') && !line.includes('source: chrome://'));
}
