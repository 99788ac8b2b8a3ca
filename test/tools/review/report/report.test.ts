import {
  COMMENT_LIMIT,
  COMMENT_MARK,
  formatChangeMarkdown,
} from '../../../../lib/tools/review/report/markdown';
import { type ChangeReview, reviewChange } from '../../../../lib/tools/review/report/review';
import { formatChangeText } from '../../../../lib/tools/review/report/text';
import { assemblyOf, type Resources, resource, reviewOf, stackOf } from '../fixture';

const app = (name: string, cidr: string, size: number): Resources => ({
  Db: resource(
    'AWS::RDS::DBInstance',
    { DBInstanceIdentifier: name },
    { Metadata: { 'aws:cdk:path': 'app/Data/Db/Resource' }, UpdateReplacePolicy: 'Retain' },
  ),
  G: resource('AWS::EC2::SecurityGroup', {
    SecurityGroupIngress: [{ IpProtocol: 'tcp', CidrIp: cidr, FromPort: 22, ToPort: 22 }],
  }),
  Fleet: resource('AWS::AutoScaling::AutoScalingGroup', { MaxSize: size }),
});
const review = reviewOf(app('a', '10.0.0.0/8', 4), app('b', '0.0.0.0/0', 8));
const SUMMARY =
  '1 stack with changes: 2 changed, 1 REPLACED; 1 stateful loss, 1 not acknowledged; ' +
  '1 finding on safety.';
const LOSS =
  'Because of DBInstanceIdentifier, CloudFormation creates a new one without the data; ' +
  'the old one is retained with its data and its costs, outside of any stack.';

describe('a review as text', () => {
  const text = formatChangeText(review);

  test('lists the summary, each loss with what to do, the findings and the changes', () => {
    expect(text).toBe(`base → head
${SUMMARY}

Stateful losses
  ● app/Data/Db: AWS::RDS::DBInstance is REPLACED
    ${LOSS}
    If this is intended: --acknowledge "app/Data/Db=REASON"

Safety
  ! app/Data/G: opened from everywhere (0.0.0.0/0) on tcp 22

app/Data (eu-west-1): 3 resources
  ± RDS::DBInstance Db REPLACED, because of DBInstanceIdentifier
      DBInstanceIdentifier: a → b
  ~ EC2::SecurityGroup G changed
      SecurityGroupIngress.0.CidrIp: 10.0.0.0/8 → 0.0.0.0/0
  ~ AutoScaling::AutoScalingGroup Fleet changed
      MaxSize: 4 → 8`);
  });

  test('paints only losses and findings of high severity red', () => {
    const painted = formatChangeText(review, (style, part) => `<${style}>${part}</${style}>`);
    expect(painted.match(/<red>.*?<\/red>/g)).toEqual([
      '<red>  ● app/Data/Db: AWS::RDS::DBInstance is REPLACED</red>',
      '<red>  ! app/Data/G: opened from everywhere (0.0.0.0/0) on tcp 22</red>',
      '<red>  ± RDS::DBInstance Db REPLACED, because of DBInstanceIdentifier</red>',
    ]);
  });

  test('has no sections if nothing changes', () => {
    expect(formatChangeText(reviewOf(app('a', 'x', 1), app('a', 'x', 1)))).toBe(
      'base → head\nNo changes.',
    );
  });

  test('groups equal losses of a stack', () => {
    const other = stackOf({}, { stackName: 'other', path: 'app/Other' });
    const gone = stackOf({
      A: resource('AWS::S3::Bucket', { BucketName: 'a' }),
      B: resource('AWS::S3::Bucket', { BucketName: 'b' }),
    });
    const text = formatChangeText(
      reviewChange(assemblyOf('base', other, gone), assemblyOf('head', other)),
    );
    expect(text.match(/no longer in the app: `cdk deploy`/g)).toHaveLength(1);
    expect(text).toContain('app/Data/A, app/Data/B: AWS::S3::Bucket is removed');
  });
});

test('grants of a new stack are only counted, unless they are open to everyone', () => {
  const rest = stackOf({}, { stackName: 'rest', path: 'app/Rest' });
  const rule = (CidrIp: string) => ({ IpProtocol: 'tcp', CidrIp, FromPort: 443, ToPort: 443 });
  const groups = {
    G: resource('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: [rule('10.0.0.0/8'), rule('0.0.0.0/0')],
      SecurityGroupEgress: [rule('10.0.0.0/8')],
    }),
  };
  const added = reviewChange(assemblyOf('base', rest), assemblyOf('head', rest, stackOf(groups)));
  const text = formatChangeText(added);
  expect(text).toContain('; 1 finding on safety; 2 grants of new stacks.');
  expect(text.match(/^ {2}! .*$/gm)).toEqual([
    '  ! app/Data/G: opened from everywhere (0.0.0.0/0) on tcp 443',
  ]);
  expect(formatChangeMarkdown(added)).toContain(
    '<details><summary>2 grants of new stacks</summary>\n\n' +
      '- 🟡 `app/Data/G`: opened from `10.0.0.0/8`',
  );
});

describe('a review as Markdown', () => {
  test('starts with the summary, marks losses red and folds each stack', () => {
    const markdown = formatChangeMarkdown(review);
    expect(markdown.split('\n').slice(0, 2)).toEqual([COMMENT_MARK, `### 🔴 ${SUMMARY}`]);
    expect(markdown).toContain('- 🔴 **`app/Data/Db`: `AWS::RDS::DBInstance` is REPLACED.**');
    expect(markdown).toContain('`--acknowledge app/Data/Db=REASON`');
    expect(markdown).toContain(
      '<details><summary><code>app/Data (eu-west-1): 3 resources</code></summary>\n\n' +
        '```diff\n! RDS::DBInstance Db REPLACED',
    );
    expect(markdown).toContain('\n-   MaxSize: 4\n+   MaxSize: 8\n```\n\n</details>');
  });

  test('shows the reason of an acknowledged loss, without red', () => {
    const accepted = reviewOf(app('a', 'x', 1), app('b', 'x', 1), [
      { path: 'app/Data/Db', reason: 'moved by @dba <b>' },
    ]);
    const markdown = formatChangeMarkdown(accepted);
    expect(markdown).not.toContain('🔴');
    expect(markdown).toContain('Acknowledged: moved by `@dba` `<b>`');
  });

  describe('of a large change', () => {
    const many = (name: string) =>
      reviewChange(
        assemblyOf('base', ...stacks('a'.repeat(90))),
        assemblyOf('head', ...stacks(name.repeat(90))),
      );
    const stacks = (value: string) =>
      Array.from({ length: 20 }, (_, i) =>
        stackOf(
          {
            B: resource('AWS::S3::Bucket', { BucketName: value }),
            ...Object.fromEntries(
              Array.from({ length: 60 }, (_each, j) => [
                `T${j}`,
                resource('AWS::SNS::Topic', { DisplayName: value }),
              ]),
            ),
          },
          { path: `app/S${i}`, stackName: `s${i}` },
        ),
      );

    test('fits into a comment of GitHub, keeps every loss, and counts what was left out', () => {
      const markdown = formatChangeMarkdown(many('b'));
      expect(markdown.length).toBeLessThanOrEqual(COMMENT_LIMIT);
      expect(markdown.length).toBeGreaterThan(COMMENT_LIMIT * 0.7);
      expect(markdown.match(/^- 🔴/gm)).toHaveLength(20);
      expect(markdown).toMatch(
        /\n> \d+ sections of 41 did not fit into a comment of 65536 characters\./,
      );
      expect(markdown).toMatch(/\nand \d+ more lines\n```/);
    });

    test('of a small change is complete', () => {
      expect(formatChangeMarkdown(review)).not.toMatch(/did not fit|more line/);
    });
  });
});

test('a review as JSON has every difference and no templates', () => {
  const back = JSON.parse(JSON.stringify(review)) as ChangeReview;
  expect(back).toEqual(review);
  expect(JSON.stringify(review)).not.toMatch(/oldResource|newResource|"pair"/);
});
