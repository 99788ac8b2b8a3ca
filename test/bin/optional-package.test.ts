import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { loadOptional } from '../../bin/commands/optional-package';
import { IsochroneError } from '../../lib/model/errors';

const ROOT = join(__dirname, '..', '..');

const missing = () => {
  throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
};

test('a package that is missing is named, with who needs it and how to install it', () => {
  expect(() => loadOptional('replay --html', ['echarts'], missing)).toThrow(
    new IsochroneError(
      'replay --html needs echarts, which is not installed here.\nInstall it with `npm install --save-dev echarts`.',
    ),
  );
});

test('a package that fails on its own is not called missing', () => {
  const broken = () => {
    throw new Error('broken');
  };
  expect(() => loadOptional('migrate', ['pg'], broken)).toThrow('broken');
});

test.each([['bin/isochrone.ts'], ['lib/index.ts'], ['lib/runtime/index.ts']])(
  '%s loads none of them by itself',
  (file) => {
    const { peerDependenciesMeta } = require('../../package.json') as {
      peerDependenciesMeta: object;
    };
    const script = `
    process.argv[2] = '--help';
    require(${JSON.stringify(join(ROOT, file))});
    const optional = new Set(${JSON.stringify(Object.keys(peerDependenciesMeta))});
    const packageOf = (path) => path.match(/node_modules\\/((?:@[^/]+\\/)?[^/]+)\\/(?!.*node_modules)/)?.[1];
    console.error(JSON.stringify([...new Set(Object.keys(require.cache).map(packageOf))].filter((name) => optional.has(name))));`;
    const { stderr, status } = spawnSync(
      process.execPath,
      ['--require', 'tsx/cjs', '-e', script, '--', 'x'],
      {
        cwd: ROOT,
        encoding: 'utf8',
      },
    );
    expect([stderr, status]).toEqual(['[]\n', 0]);
  },
);
