import * as ec2 from 'aws-cdk-lib/aws-ec2';

/** The major version of Node.js on the instances, a package of Amazon Linux 2023. */
const NODE_MAJOR_VERSION = 22;

/** Variables that the boot script sets itself. */
export const RESERVED_VARIABLES: readonly string[] = [
  'AWS_REGION',
  'INSTANCE_ID',
  'KEEP_ALIVE_SECONDS',
  'PORT',
];

export interface BootScriptOptions {
  /** The `s3://` URL of the application's zip. */
  readonly archive: string;
  /** The file that Node.js starts, relative to the root of the zip. */
  readonly entry: string;
  readonly region: string;
  readonly port: number;
  readonly healthCheckPath: string;
  /** How long the application must keep idle connections open, in seconds. */
  readonly keepAliveSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * The user data of an instance: it installs Node.js, fetches the application and runs it as a
 * systemd service.
 *
 * A failed step ends the script, and with it the creation of the fleet. Later, the load balancer's
 * health check replaces instances that do not start. Packages and the application come from S3, for
 * which a gateway endpoint is enough. A new fleet signals CloudFormation.
 */
export function bootScript(options: BootScriptOptions): ec2.UserData {
  const script = ec2.UserData.forLinux();
  script.addCommands(
    'set -euo pipefail',
    // The console shows a failed boot without a login: `aws ec2 get-console-output`.
    'exec > >(tee /dev/console) 2>&1',
    // A role that was just attached may not have propagated yet.
    'retry() { for pause in 2 4 8 16 32; do "$@" && return; echo "failed, again in ' +
      '$pause s: $*"; sleep "$pause"; done; "$@"; }',
    `retry dnf install --assumeyes nodejs${NODE_MAJOR_VERSION} unzip`,
    'useradd --system --no-create-home --shell /sbin/nologin application',
    `retry aws s3 cp --no-progress --region ${options.region} ${options.archive} ` +
      '/tmp/application.zip',
    'unzip -q /tmp/application.zip -d /opt/application && rm /tmp/application.zip',
    // Root owns the code and all may read it, so the application cannot change it.
    'chmod --recursive u=rwX,go=rX /opt/application',
    ...writeFile('/etc/application.env', environmentFile(options)),
    'token=$(curl --silent --fail --request PUT --header ' +
      '"X-aws-ec2-metadata-token-ttl-seconds: 60" http://169.254.169.254/latest/api/token)',
    'instance=$(curl --silent --fail --header "X-aws-ec2-metadata-token: $token" ' +
      'http://169.254.169.254/latest/meta-data/instance-id)',
    'echo "INSTANCE_ID=$instance" >> /etc/application.env',
    ...writeFile('/etc/systemd/system/application.service', unitFile(options.entry)),
    'systemctl daemon-reload && systemctl enable --now application',
    'curl --silent --show-error --fail --output /dev/null --max-time 5 --retry 30 ' +
      '--retry-delay 2 --retry-all-errors ' +
      `http://127.0.0.1:${options.port}${options.healthCheckPath}`,
  );
  return script;
}

/** Commands that write a file. The quoted marker prevents shell expansion of its lines. */
function writeFile(path: string, lines: readonly string[]): string[] {
  return [`cat > ${path} <<'END_OF_FILE'`, ...lines, 'END_OF_FILE'];
}

function environmentFile(options: BootScriptOptions): string[] {
  const variables = {
    ...options.environment,
    NODE_ENV: options.environment.NODE_ENV ?? 'production',
    AWS_REGION: options.region,
    PORT: String(options.port),
    KEEP_ALIVE_SECONDS: String(options.keepAliveSeconds),
  };
  return Object.entries(variables).map(
    ([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`,
  );
}

/**
 * The systemd unit, without every privilege that a web service does not need ("systemd.exec"). V8
 * needs memory that is both writable and executable, so that stays allowed.
 */
function unitFile(entry: string): string[] {
  return [
    '[Unit]',
    'Description=The application of this fleet',
    'Wants=network-online.target',
    'After=network-online.target',
    // Restarts without limit: the load balancer decides when to replace the instance.
    'StartLimitIntervalSec=0',
    '[Service]',
    'User=application',
    'WorkingDirectory=/opt/application',
    'EnvironmentFile=/etc/application.env',
    `ExecStart=/usr/bin/node-${NODE_MAJOR_VERSION} ${entry}`,
    'Restart=always',
    'RestartSec=1',
    'LimitNOFILE=65536',
    // Leaves the SSM agent enough memory for a login when the application leaks.
    'MemoryMax=85%',
    'CapabilityBoundingSet=',
    'NoNewPrivileges=yes',
    'LockPersonality=yes',
    'PrivateDevices=yes',
    'PrivateTmp=yes',
    'ProtectClock=yes',
    'ProtectControlGroups=yes',
    'ProtectHome=yes',
    'ProtectHostname=yes',
    'ProtectKernelLogs=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelTunables=yes',
    'ProtectSystem=strict',
    'RemoveIPC=yes',
    'RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'SystemCallArchitectures=native',
    'UMask=0077',
    '[Install]',
    'WantedBy=multi-user.target',
  ];
}
