import {
  detectFormat,
  isLogFormat,
  LOG_FORMATS,
  type LogFormatName,
  lineParser,
} from '../../../../lib/tools/simulation/logs/formats';
import type { LogRecord } from '../../../../lib/tools/simulation/logs/record';

const COMBINED =
  '192.0.2.7 - - [17/Nov/2013:06:31:30 -0500] "GET /a%20b?c=d&e HTTP/1.1" 200 12 ' +
  '"http://r.example/" "curl/8"';

/** The example entry of "Access logs for your Application Load Balancer". */
const ALB =
  'https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 ' +
  '10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b=c ' +
  'HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 ' +
  'arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 ' +
  '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" ' +
  '"arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 ' +
  '2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" ' +
  'TID_123456';

/** The example of "Log file fields", with the size and type of a body. */
const FIELDS =
  '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status ' +
  'cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id ' +
  'x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher ' +
  'x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port ' +
  'time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len';
const CLOUDFRONT = (
  '2019-12-04 21:02:31 NRT57-P1 392 192.0.2.100 GET d111111abcdef8.cloudfront.net ' +
  '/a%2520b.html 200 - Mozilla/5.0%20(X11) q=%2525&r id=7 Hit SOX4xwn4XV6Q4rgb7== ' +
  'www.example.com https 23 0.001 - TLSv1.2 ECDHE Hit HTTP/2.0 - - 11040 0.001 Hit ' +
  'text/html 78'
).replaceAll(' ', '\t');

const CLOUDFRONT_JSON =
  '{"date":"2019-12-04","time":"21:02:31","timestamp(ms)":"1575493351250",' +
  '"x-edge-location":"LHR62-C2","sc-bytes":"392","c-ip":"192.0.2.100","cs-method":"GET",' +
  '"cs-uri-stem":"/a","sc-status":"304","cs-uri-query":"-","x-host-header":"www.example.com"}';

const JSON_LINE =
  '{"remote_addr":"192.0.2.7","time_local":"17/Nov/2013:06:31:30 -0500","request":"GET /p?_=1 ' +
  'HTTP/1.1","status":"200","body_bytes_sent":"12","request_time":"0.004",' +
  '"http_user_agent":"curl/8","http_accept_language":"de","http_referer":"-"}';

function parse(format: LogFormatName, ...lines: readonly string[]) {
  const parser = lineParser(format);
  return lines.map((line) => parser(line)).at(-1);
}

describe('a line is parsed as a request', () => {
  test.each<[string, LogFormatName, readonly string[], Partial<LogRecord>]>([
    [
      'the combined format',
      'combined',
      [COMBINED],
      {
        timeMs: Date.UTC(2013, 10, 17, 11, 31, 30),
        method: 'GET',
        host: undefined,
        path: '/a%20b',
        query: 'c=d&e',
        headers: { 'user-agent': ['curl/8'], referer: ['http://r.example/'] },
        clientAddress: '192.0.2.7',
        status: 200,
        bytes: 12,
      },
    ],
    [
      'the common format',
      'combined',
      ['192.0.2.7 - frank smith [10/Oct/2000:13:55:36 +0000] "HEAD / HTTP/1.0" 304 -'],
      { method: 'HEAD', status: 304, bytes: 0, headers: {} },
    ],
    [
      'the combined format with more fields',
      'combined',
      [`${COMBINED} "more" 0.1`],
      { path: '/a%20b', headers: { 'user-agent': ['curl/8'], referer: ['http://r.example/'] } },
    ],
    [
      'the escapes of Apache and nginx',
      'combined',
      [
        '::1 - - [10/Oct/2000:13:55:36 +0000] "GET /\\"a\\x22b\\\\c HTTP/1.0" 200 5 "-" "a ' +
          '\\"b\\""',
      ],
      { path: '/"a"b\\c', headers: { 'user-agent': ['a "b"'] } },
    ],
    [
      'a space in the URL',
      'combined',
      ['::1 - - [10/Oct/2000:13:55:36 +0000] "GET /a b HTTP/1.0" 200 5'],
      { path: '/a b' },
    ],
    [
      'a whole URL, as in a request to a proxy',
      'combined',
      ['::1 - - [10/Oct/2000:13:55:36 +0000] "GET http://A.example:80?x HTTP/1.0" 200 5'],
      { host: 'a.example', path: '/', query: 'x' },
    ],
    [
      'a load balancer entry, at the time when the request arrived',
      'alb',
      [ALB],
      {
        timeMs: Date.UTC(2018, 6, 2, 22, 22, 48, 364),
        host: 'www.example.com',
        path: '/a',
        query: 'b=c',
        clientAddress: '192.168.131.39',
        status: 200,
        bytes: 57,
        originMs: 48,
      },
    ],
    [
      'a load balancer entry without a response of the target',
      'alb',
      [ALB.replace('0.086 0.048 0.037 200 200', '-1 -1 -1 502 -')],
      { status: 502, originMs: undefined },
    ],
    [
      'CloudFront columns, decoded once',
      'cloudfront',
      ['#Version: 1.0', FIELDS, CLOUDFRONT],
      {
        timeMs: Date.UTC(2019, 11, 4, 21, 2, 31),
        host: 'www.example.com',
        path: '/a%20b.html',
        query: 'q=%25&r',
        headers: { 'user-agent': ['Mozilla/5.0 (X11)'], cookie: ['id=7'] },
        bytes: 78,
        edgeLocation: 'NRT57-P1',
        contentType: 'text/html',
      },
    ],
    [
      'CloudFront columns of the last #Fields line',
      'cloudfront',
      [
        FIELDS,
        '#Fields: time date c-ip cs-method cs-uri-stem sc-status sc-bytes',
        '21:02:31\t2019-12-04\t192.0.2.1\tPUT\t/x\t204\t9',
      ],
      { method: 'PUT', path: '/x', status: 204 },
    ],
    [
      'CloudFront in JSON',
      'cloudfront-json',
      [CLOUDFRONT_JSON],
      {
        timeMs: 1575493351250,
        host: 'www.example.com',
        path: '/a',
        query: '',
        status: 304,
        bytes: 392,
        edgeLocation: 'LHR62-C2',
      },
    ],
    [
      'JSON with nginx variables',
      'json',
      [JSON_LINE],
      {
        timeMs: Date.UTC(2013, 10, 17, 11, 31, 30),
        path: '/p',
        query: '_=1',
        originMs: 4,
        headers: { 'user-agent': ['curl/8'], 'accept-language': ['de'] },
      },
    ],
    [
      'JSON with ISO time, numbers and the request in parts',
      'json',
      [
        '{"time":"2024-05-12T00:00:17+02:00","request_method":"GET","request_uri":"/x?y",' +
          '"status":200,"bytes":5,"http_host":"B.example"}',
      ],
      {
        timeMs: Date.UTC(2024, 4, 11, 22, 0, 17),
        host: 'b.example',
        path: '/x',
        query: 'y',
        bytes: 5,
        headers: {},
      },
    ],
    [
      'JSON with seconds since 1970',
      'json',
      ['{"msec":1384687890.25,"request":"GET / HTTP/2.0","status":200,"bytes":5}'],
      { timeMs: 1384687890250 },
    ],
  ])('%s is parsed', (_, format, lines, expected) => {
    expect(parse(format, ...lines)).toMatchObject(expected);
  });
});

describe('a broken line has a reason', () => {
  test.each<[LogFormatName, string, string]>([
    ['combined', 'not in the common or combined format', ''],
    ['combined', 'no time', COMBINED.replace('17/Nov', '17/Nvo')],
    ['combined', 'no request line', COMBINED.replace('GET /a', '\\x16\\x03\\x01')],
    ['combined', 'no request line', COMBINED.replace('GET /a', 'GET ./a')],
    ['combined', 'no status', COMBINED.replace(' 200 ', ' 000 ')],
    ['combined', 'no size', COMBINED.replace(' 12 ', ' x ')],
    [
      'alb',
      'no request line',
      ALB.replace(
        '"GET https://www.example.com:443/a?b=c HTTP/1.1"',
        '"- http://www.example.com:80- -"',
      ),
    ],
    ['alb', 'not a load balancer entry', COMBINED],
    ['cloudfront', 'no #Fields line before it', CLOUDFRONT],
    ['cloudfront-json', 'not a JSON object', '{"date":'],
    ['cloudfront-json', 'the viewer disconnected', CLOUDFRONT_JSON.replace('"304"', '"000"')],
    ['json', 'not a JSON object', '[]'],
    ['json', 'no time', '{}'],
    ['json', 'no time', '{"time":"99999999999999999999","request":"GET / HTTP/1.1","status":200}'],
    ['combined', 'not in the common', `a b c${' ['.repeat(30_000)}`],
    ['json', 'no request', JSON_LINE.replace('"GET /p', '"p')],
  ])('a %s line is broken: %s', (format, reason, line) => {
    expect(parse(format, line)).toMatch(reason);
  });

  test('a truncated line of CloudFront is broken', () => {
    expect(parse('cloudfront', FIELDS, '2019-12-04\t21:02:31\tNRT')).toBe('3 of 31 columns');
  });
});

describe('the format is detected from the first lines', () => {
  test.each<[LogFormatName, readonly string[]]>([
    ['combined', ['garbage', COMBINED]],
    ['alb', [ALB]],
    ['cloudfront', ['#Version: 1.0', FIELDS, CLOUDFRONT]],
    ['cloudfront', ['#Version: 1.0', FIELDS]],
    ['cloudfront-json', [CLOUDFRONT_JSON]],
    ['json', [JSON_LINE]],
  ])('%s is detected', (format, lines) => {
    expect(detectFormat('a.log', lines)).toBe(format);
  });

  test('an unknown format is rejected with the list of formats', () => {
    expect(() => detectFormat('a.log', ['what?'])).toThrow(
      /a\.log: none of the first 1 lines .*\nThe formats are .*combined/,
    );
    expect(LOG_FORMATS.every(isLogFormat)).toBe(true);
    expect(isLogFormat('toString')).toBe(false);
  });
});
