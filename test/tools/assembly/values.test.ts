import { isObject, listOf, objectOf, textOf } from '../../../lib/tools/assembly';

test.each<[unknown, boolean]>([
  [{}, true],
  [{ Ref: 'Key' }, true],
  [[], false],
  [null, false],
  [undefined, false],
  ['text', false],
])('isObject(%j) is %s, and objectOf replaces anything else with an empty object', (value, is) => {
  expect(isObject(value)).toBe(is);
  expect(objectOf(value)).toEqual(is ? value : {});
});

test.each<[unknown, readonly unknown[]]>([
  [
    ['a', 'b'],
    ['a', 'b'],
  ],
  [{ Quantity: 1, Items: ['a'] }, ['a']],
  [{ Ref: 'Names' }, []],
  ['a', []],
  [undefined, []],
])('the list of %j is %j', (value, items) => {
  expect(listOf(value)).toEqual(items);
});

test('a value that is not a list becomes the given list', () => {
  expect(listOf('s3:GetObject', ['s3:GetObject'])).toEqual(['s3:GetObject']);
  expect(listOf(['s3:GetObject'], [])).toEqual(['s3:GetObject']);
});

test.each<[unknown, string]>([
  [undefined, ''],
  [null, ''],
  [80, '80'],
  [true, 'true'],
  ['plain', 'plain'],
  [[undefined, '', 'first', 'second'], 'first'],
  [{ Ref: 'Bucket' }, 'Bucket'],
  [{ 'Fn::GetAtt': ['Bucket', 'DomainName'] }, 'Bucket'],
  [{ 'Fn::GetAtt': 'Bucket.DomainName' }, 'Bucket'],
  [{ 'Fn::Join': ['.', ['origin', { Ref: 'Zone' }]] }, 'origin.Zone'],
  [{ 'Fn::Sub': `https://\${Host}/` }, 'https://Host/'],
  [{ 'Fn::Sub': [`\${Host}.com`, { Host: 'example' }] }, 'Host.com'],
  [{ 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'Url' }] }] }, 'Url'],
  [{ 'Fn::Select': [0, ['first', 'second']] }, 'first'],
  [{ 'Fn::ImportValue': 'market:Zone' }, 'market:Zone'],
  [{}, ''],
])('the text of %j is %j', (value, text) => {
  expect(textOf(value)).toBe(text);
});
