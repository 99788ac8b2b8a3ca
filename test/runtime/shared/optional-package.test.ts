import { IsochroneError } from '../../../lib/model/errors';
import { optionalPackage } from '../../../lib/runtime/shared';

const notFound = (name: string) => () => {
  throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
};

test('an installed package is returned', () => {
  expect(optionalPackage('fake', 'Thing', () => 'the package')).toBe('the package');
});

test('a missing package is reported with its user and how to install it', () => {
  expect(() => optionalPackage('fake', 'Thing', notFound('fake'))).toThrow(
    new IsochroneError(
      'Thing needs fake, which is not installed here.\nInstall it with `npm install fake`.',
    ),
  );
});

test('an installed package that lacks a dependency of its own fails with the error of Node', () => {
  expect(() => optionalPackage('fake', 'Thing', notFound('other'))).toThrow(
    "Cannot find module 'other'",
  );
});
