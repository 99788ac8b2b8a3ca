/** The boot script of an instance of a ConnectionPooler, and the scripts that its timers run. */
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { sessionAgent } from './session-agent';

/** The account under which Debian's package runs PgBouncer. */
const ACCOUNT = 'postgres';
const DIRECTORY = '/etc/pgbouncer';

/** The paths on an instance that pgbouncer.ini names. */
export const POOLER_PATHS = {
  users: `${DIRECTORY}/userlist.txt`,
  certificate: `${DIRECTORY}/server.crt`,
  key: `${DIRECTORY}/server.key`,
  authorities: `${DIRECTORY}/rds.pem`,
  socketDirectory: '/run/pgbouncer',
};

/** The namespace of the poolers' metrics. */
export const POOLER_NAMESPACE = 'Isochrone/ConnectionPooler';

/** The poolers' metrics, with CloudWatch's units. */
export const POOLER_METRICS = {
  Users: 'Count',
  ClientsActive: 'Count',
  ClientsWaiting: 'Count',
  LongestWait: 'Seconds',
  ServersActive: 'Count',
  ServerConnections: 'Count',
  TransactionsPerSecond: 'Count/Second',
} as const;

export interface PoolerBootOptions {
  readonly region: string;
  readonly architecture: 'arm64' | 'amd64';
  /** The text of pgbouncer.ini. */
  readonly ini: string;
  readonly openFiles: number;
  readonly port: number;
  /** The ARN of the secret with the verifiers. */
  readonly usersSecret: string;
  /**
   * The ARN of the secret with `certificate` and `privateKey`. Without it, the instance creates a
   * certificate of its own.
   */
  readonly certificateSecret: string | undefined;
  readonly logGroupName: string;
  /** The dimension of the metrics. */
  readonly poolerName: string;
  readonly stackName: string;
  /** The logical id of the Auto Scaling group that waits for the instances' signals. */
  readonly groupLogicalId: string;
}

export function poolerBootScript(options: PoolerBootOptions): ec2.UserData {
  const { region, architecture } = options;
  const script = ec2.UserData.forLinux();
  const signal =
    `aws cloudformation signal-resource --region ${region} --stack-name ${options.stackName} ` +
    `--logical-resource-id ${options.groupLogicalId} --unique-id "$instance"`;
  script.addCommands(
    'set -euo pipefail',
    // The console shows a failed boot without a login: `aws ec2 get-console-output`.
    'exec > >(tee /dev/console) 2>&1',
    // A role that was just attached is not known everywhere yet.
    'retry() { for pause in 2 4 8 16 32; do "$@" && return; ' +
      'echo "failed, again in $pause s: $*"; sleep "$pause"; done; "$@"; }',
    'instance=$(cloud-init query instance_id)',
    // Only the creation of the fleet waits for the signals. CloudFormation refuses later ones,
    // which is harmless.
    `trap 'if [ $? = 0 ]; then status=SUCCESS; else status=FAILURE; fi; ` +
      `${signal} --status $status || true' EXIT`,
    'export DEBIAN_FRONTEND=noninteractive',
    // The security group allows only HTTPS out, which Debian's mirrors support.
    "find /etc/apt -name '*.list' -o -name '*.sources' | " +
      "xargs --no-run-if-empty sed --in-place 's,http://,https://,g'",
    'retry apt-get update --quiet',
    // Debian 13 verifies its own packages with sqv, so gpgv is not there already.
    'retry apt-get install --quiet --yes --no-install-recommends ' +
      'awscli ca-certificates curl gpgv jq openssl pgbouncer postgresql-client',
    ...sessionAgent(region, architecture),
    `retry curl --silent --show-error --fail --output ${POOLER_PATHS.authorities} ` +
      `https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem`,
    ...certificate(options),
    ...writeFile(`${DIRECTORY}/pgbouncer.ini`, options.ini.trimEnd().split('\n')),
    ...writeFile('/usr/local/bin/pooler-users', usersScript(region, options.usersSecret), '0755'),
    ...writeFile('/usr/local/bin/pooler-report', reportScript(options), '0755'),
    // Without users the pooler refuses all clients until the timer reads the secret again: a secret
    // that is still empty must not fail the deployment.
    `retry pooler-users || touch ${POOLER_PATHS.users}`,
    `chown ${ACCOUNT} ${DIRECTORY}/*`,
    ...writeFile(
      '/etc/systemd/system/pgbouncer.service.d/isochrone.conf',
      serviceSettings(options.openFiles),
    ),
    ...timer('pooler-users', 'The users, as Secrets Manager has them', 'OnCalendar=*:0/5', [
      'RandomizedDelaySec=30',
    ]),
    ...timer(
      'pooler-report',
      'Metrics and log, to CloudWatch Logs',
      'OnCalendar=minutely',
      ['AccuracySec=1s'],
      [
        `User=${ACCOUNT}`,
        'SupplementaryGroups=systemd-journal',
        'StateDirectory=pooler-report',
        'EnvironmentFile=/etc/default/pooler-report',
      ],
    ),
    'echo "STREAM=$instance" > /etc/default/pooler-report',
    `retry aws logs create-log-stream --region ${region} ` +
      `--log-group-name ${options.logGroupName} --log-stream-name "$instance"`,
    'systemctl daemon-reload && systemctl restart pgbouncer && ' +
      'systemctl enable --now pgbouncer pooler-users.timer pooler-report.timer',
    `retry pg_isready --quiet --host ${POOLER_PATHS.socketDirectory} --port ${options.port}`,
  );
  return script;
}

function certificate({ region, certificateSecret }: PoolerBootOptions): string[] {
  if (certificateSecret === undefined) {
    return [
      '(umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes ' +
        '-days 400 -subj "/CN=$HOSTNAME" ' +
        `-keyout ${POOLER_PATHS.key} -out ${POOLER_PATHS.certificate})`,
    ];
  }
  return [
    `pair=$(retry aws secretsmanager get-secret-value --region ${region} ` +
      `--secret-id ${certificateSecret} --query SecretString --output text)`,
    `(umask 077; jq --exit-status --raw-output .certificate <<< "$pair" > ` +
      `${POOLER_PATHS.certificate}; ` +
      `jq --exit-status --raw-output .privateKey <<< "$pair" > ${POOLER_PATHS.key})`,
    'unset pair',
  ];
}

/**
 * Reads the verifiers from Secrets Manager, and reloads PgBouncer if they have changed. If a value
 * is not a verifier, the script fails and the old file stays.
 */
export function usersScript(region: string, secret: string, directory = DIRECTORY): string[] {
  return [
    '#!/bin/bash',
    'set -euo pipefail',
    'umask 077',
    `new=$(mktemp ${directory}/userlist.XXXXXX)`,
    `trap 'rm --force "$new"' EXIT`,
    `aws secretsmanager get-secret-value --region ${region} --secret-id ${secret} ` +
      `--query SecretString --output text | jq --raw-output '`,
    '  to_entries[] |',
    '  if (.value | type) == "string" and (.value | ' +
      'test("^SCRAM-SHA-256\\\\$[0-9]+:[A-Za-z0-9+/=]+\\\\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+\\\\z"))',
    '  then "\\"\\(.key | gsub("\\""; "\\"\\""))\\" \\"\\(.value)\\""',
    '  else error("the secret must hold a SCRAM verifier for \\(.key)") end',
    `' > "$new"`,
    `if cmp --silent "$new" ${directory}/userlist.txt; then exit; fi`,
    `chown ${ACCOUNT} "$new"`,
    // Moved into place, so that PgBouncer never reads half a file.
    `mv "$new" ${directory}/userlist.txt`,
    'if systemctl is-active --quiet pgbouncer; then systemctl reload pgbouncer; fi',
  ];
}

/**
 * Sends the log and the metrics with one call a minute, as lines in CloudWatch's embedded metric
 * format. It needs no further daemon that would have to be patched, and only the permission to
 * write to this log group; `PutMetricData` would be a permission for the whole account.
 *
 * It queries the console at its socket, where the account of the process is `pgbouncer` without a
 * password.
 */
export function reportScript({
  region,
  port,
  logGroupName,
  poolerName,
  socketDirectory = POOLER_PATHS.socketDirectory,
}: Pick<PoolerBootOptions, 'region' | 'port' | 'logGroupName' | 'poolerName'> & {
  readonly socketDirectory?: string;
}): string[] {
  const [users, ...ofDatabases] = Object.entries(POOLER_METRICS).map(([Name, Unit]) => ({
    Name,
    Unit,
  }));
  const embedded = (Dimensions: readonly string[][], Metrics: readonly unknown[]) => {
    const directive = JSON.stringify({ Namespace: POOLER_NAMESPACE, Dimensions, Metrics });
    return `_aws: {Timestamp: $now, CloudWatchMetrics: [${directive}]}, Pooler: "${poolerName}"`;
  };
  return [
    '#!/bin/bash',
    'set -euo pipefail',
    'cd "$STATE_DIRECTORY"',
    `show() { psql --csv --no-psqlrc --host ${socketDirectory} --port ${port} ` +
      `--username pgbouncer --command "SHOW $1" pgbouncer; }`,
    'show POOLS > pools; show STATS > stats; show USERS > users',
    'if [ -f cursor ]; then cp cursor cursor.new; fi',
    // CloudWatch Logs accepts a megabyte per call. More than a thousand lines in a minute repeat
    // themselves.
    'journalctl --quiet --unit pgbouncer --cursor-file cursor.new --lines 1000 ' +
      '--output json --output-fields MESSAGE > journal',
    `jq --null-input --slurpfile journal journal ` +
      `--rawfile pools pools --rawfile stats stats --rawfile users users '`,
    '  def rows: split("\\n") | map(select(. != "") | split(",")) | .[0] as $names | .[1:]',
    '    | map([$names, .] | transpose | map({key: .[0], value: .[1]}) | from_entries);',
    '  def numbers($pattern): ' +
      'map(to_entries[] | select(.key | test($pattern)) | .value | tonumber);',
    '  (now * 1000 | floor) as $now | ($stats | rows) as $stats | ' +
      '($users | rows | map(select(.name != "pgbouncer")) | length) as $users',
    `  | [{${embedded([['Pooler']], [users])}, Users: $users}]`,
    '  + [$pools | rows | group_by(.database)[] | ' +
      'select(.[0].database != "pgbouncer") | .[0].database as $database | {',
    `      ${embedded([['Pooler'], ['Pooler', 'Database']], ofDatabases)}, Database: $database,`,
    '      ClientsActive: (numbers("^cl_active$") | add), ' +
      'ClientsWaiting: (numbers("^cl_waiting$") | add),',
    '      LongestWait: (map((.maxwait | tonumber) + (.maxwait_us | tonumber) / 1000000) | max),',
    '      ServersActive: (numbers("^sv_active$") | add), ' +
      'ServerConnections: (numbers("^sv_") | add),',
    '      TransactionsPerSecond: ' +
      '($stats | map(select(.database == $database)) | numbers("^avg_xact_count$") | add // 0)',
    '    }]',
    '  | map({timestamp: $now, message: tojson})',
    '  + [$journal[] | select((.MESSAGE | type) == "string" and .MESSAGE != "")',
    '    | {timestamp: (.__REALTIME_TIMESTAMP | tonumber / 1000 | floor), ' +
      'message: .MESSAGE[:800]}]',
    // A call spans at most a day. After an outage, older lines stay in the journal of the instance.
    '  | map(select(.timestamp > $now - 43200000)) | sort_by(.timestamp)',
    `' > events`,
    `aws logs put-log-events --region ${region} --log-group-name ${logGroupName} ` +
      `--log-stream-name "$STREAM" --log-events file://events > /dev/null`,
    // Only after the call, so that lines that could not be sent are sent the next time.
    'if [ -f cursor.new ]; then mv cursor.new cursor; fi',
  ];
}

/**
 * Settings over those of Debian's unit. systemd restarts PgBouncer without a limit: the health
 * checks of the load balancer decide when the instance is replaced.
 */
function serviceSettings(openFiles: number): string[] {
  return [
    '[Unit]',
    'StartLimitIntervalSec=0',
    '[Service]',
    'Restart=always',
    'RestartSec=1',
    `LimitNOFILE=${openFiles}`,
    'RuntimeDirectory=pgbouncer',
    'CapabilityBoundingSet=',
    'NoNewPrivileges=yes',
    'LockPersonality=yes',
    'MemoryDenyWriteExecute=yes',
    'PrivateDevices=yes',
    'PrivateTmp=yes',
    'ProtectControlGroups=yes',
    'ProtectHome=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelTunables=yes',
    'ProtectSystem=strict',
    'RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX',
    'RestrictNamespaces=yes',
    'RestrictSUIDSGID=yes',
    'SystemCallArchitectures=native',
  ];
}

function timer(
  name: string,
  description: string,
  when: string,
  how: readonly string[],
  service: readonly string[] = [],
): string[] {
  return [
    ...writeFile(`/etc/systemd/system/${name}.service`, [
      '[Unit]',
      `Description=${description}`,
      '[Service]',
      'Type=oneshot',
      `ExecStart=/usr/local/bin/${name}`,
      ...service,
    ]),
    ...writeFile(`/etc/systemd/system/${name}.timer`, [
      '[Timer]',
      when,
      ...how,
      '[Install]',
      'WantedBy=timers.target',
    ]),
  ];
}

/** A command that writes a file. The quoted marker keeps the shell from expanding the lines. */
function writeFile(path: string, lines: readonly string[], mode = '0644'): string[] {
  return [`install -D --mode ${mode} /dev/stdin ${path} <<'END_OF_FILE'`, ...lines, 'END_OF_FILE'];
}
