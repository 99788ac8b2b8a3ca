import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { loadOptional } from '../../bin/commands/optional-package';
import { IsochroneError } from '../../lib/model/errors';

const ROOT = join(__dirname, '..', '..');

const missing = () => {
  throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
};

test('a missing package is reported with its user and how to install it', () => {
  expect(() => loadOptional('replay --html', ['echarts'], missing)).toThrow(
    new IsochroneError(
      'replay --html needs echarts, which is not installed here.\n' +
        'Install it with `npm install --save-dev echarts`.',
    ),
  );
});

test('a package that fails to load is not reported as missing', () => {
  const broken = () => {
    throw new Error('broken');
  };
  expect(() => loadOptional('migrate', ['pg'], broken)).toThrow('broken');
});

test.each([['bin/isochrone.ts'], ['lib/index.ts'], ['lib/runtime/index.ts']])(
  '%s does not load an optional package at start',
  (file) => {
    // The runtime's dependencies are loaded on first use, too.
    const manifests = [require('../../package.json'), require('../../lib/runtime/package.json')];
    const names = manifests.flatMap(({ peerDependenciesMeta }) =>
      Object.keys(peerDependenciesMeta),
    );
    const late = [...names, ...Object.keys(manifests[1].dependencies)];
    const script = `
    process.argv[2] = '--help';
    require(${JSON.stringify(join(ROOT, file))});
    const optional = new Set(${JSON.stringify(late)});
    const pattern = /node_modules\\/((?:@[^/]+\\/)?[^/]+)\\/(?!.*node_modules)/;
    const packages = new Set(Object.keys(require.cache).map((path) => path.match(pattern)?.[1]));
    console.error(JSON.stringify([...packages].filter((name) => optional.has(name))));`;
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
