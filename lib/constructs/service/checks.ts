/** Rules of fleets and their load balancers that only the constructs of this room check. */
import { Token } from 'aws-cdk-lib';
import { AUTO_SCALING } from '../../model/aws';
import type { HasPath } from '../../model/errors';
import { fleetRules, isWholeNumber, type Rule } from '../../model/rules';
import { checkRule } from '../house-rules';
import { RESERVED_VARIABLES } from './boot-script';

/** "Connection idle timeout", Elastic Load Balancing user guide for Application Load Balancers. */
export const IDLE_TIMEOUT_SECONDS = { min: 1, max: 4000 };

/** How long a connection may be idle, in seconds. */
export const idleTimeoutSeconds: Rule<number> = {
  allows: (seconds) => isWholeNumber(seconds, IDLE_TIMEOUT_SECONDS),
  allowed: `${IDLE_TIMEOUT_SECONDS.min} to ${IDLE_TIMEOUT_SECONDS.max} whole seconds`,
  rule: 'Application Load Balancers accept no other idle timeout.',
  fix: 'Keep it above the response timeout of the CloudFront origin.',
};

/** The name of the header that proves a request comes from our distribution. */
export const secretHeader: Rule<string> = {
  allows: (name) => /^[A-Za-z0-9-]{1,40}$/.test(name) && !/^x-(amz|edge)-/i.test(name),
  allowed: 'up to 40 letters, digits and hyphens, without the prefix X-Amz- or X-Edge-',
  rule:
    'The load balancer drops headers with other characters in their name, ' +
    'and CloudFront adds no custom header with its own prefixes.',
  fix: 'Use a name such as X-Origin-Verify.',
};

/** The id of a managed prefix list. */
export const prefixListId: Rule<string> = {
  allows: (id) => /^pl-[0-9a-f]{8,17}$/.test(id),
  allowed: 'the id of a prefix list, such as pl-3b927c52',
  rule: 'EC2 addresses a prefix list by its id.',
  fix: 'Give the id, not the name, of com.amazonaws.global.cloudfront.origin-facing.',
};

/** The port of the application. */
export const unprivilegedPort: Rule<number> = {
  allows: (port) => isWholeNumber(port, { min: 1024, max: 65_535 }),
  allowed: '1024 to 65535',
  rule: 'The application runs without privileges and cannot listen on lower ports.',
  fix: 'The load balancer itself listens on 443; use a port such as 8080.',
};

/** The path of the health check. */
export const plainPath: Rule<string> = {
  allows: (path) => /^\/[\w.~/-]*$/.test(path),
  allowed: 'a path with a leading slash, of letters, digits and . ~ / _ -',
  rule: 'The load balancer and the boot script request it without encoding.',
  fix: "Write it like '/health'.",
};

/** The average CPU that target tracking keeps. */
export const targetCpu: Rule<number> = {
  allows: (percent) => percent > 0 && percent <= 100,
  allowed: 'above 0 and up to 100',
  rule: 'It is the average CPU of the fleet, and a target that is never reached never scales.',
  fix: 'Use 40 to 80; a lower target reacts earlier and costs more.',
};

/** The requests per second and instance that target tracking keeps. */
export const targetRequests: Rule<number> = {
  allows: (requestsPerSecond) => requestsPerSecond > 0,
  allowed: 'above 0',
  rule: 'Target tracking divides the load by it.',
  fix: 'Measure what one instance serves within the latency objective, and stay below.',
};

const { min: SHORTEST_GRACE, max: LONGEST_GRACE } = AUTO_SCALING.healthCheckGraceSeconds;

/** The grace period of the health check, in seconds. */
export const healthCheckGraceSeconds: Rule<number> = {
  allows: (seconds) => seconds <= LONGEST_GRACE,
  allowed: `${SHORTEST_GRACE} to ${LONGEST_GRACE} s`,
  rule: 'Auto Scaling allows no longer grace period.',
  fix: 'Make the application start faster, or bake it into an image.',
};

/**
 * "Replace Auto Scaling instances based on maximum instance lifetime", Amazon EC2 Auto Scaling user
 * guide.
 */
const LIFETIME_DAYS = { min: 1, max: 365 };

/** The age at which an instance is replaced, in days. */
export const instanceLifetimeDays: Rule<number> = {
  allows: (days) => days >= LIFETIME_DAYS.min && days <= LIFETIME_DAYS.max,
  allowed: `${LIFETIME_DAYS.min} to ${LIFETIME_DAYS.max} days`,
  rule: 'This is the range of AWS for the age of an instance.',
  fix: 'Use 7 to 30 days, so that instances follow the patches of their image.',
};

/**
 * "User data", Amazon EC2 user guide: 16 KB before it is encoded. The rest is for the fleet's own
 * script.
 */
const ENVIRONMENT_BYTES = 10_000;

const environmentBytes: Rule<number> = {
  allows: (bytes) => bytes <= ENVIRONMENT_BYTES,
  allowed: `at most ${ENVIRONMENT_BYTES} bytes`,
  rule:
    'It is part of the user data of the instances, which EC2 limits to 16 KB ' +
    'together with the boot script.',
  fix: 'Put large settings into a parameter or a file of the application, and name it here.',
};

const variableName: Rule<string> = {
  allows: (name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !RESERVED_VARIABLES.includes(name),
  allowed: `named with letters, digits and underscores, and not ${RESERVED_VARIABLES.join(', ')}`,
  rule: 'systemd ignores other names, and the fleet sets these four itself.',
  fix: 'Rename the variable; PORT follows `port`.',
};

const variableValue: Rule<string> = {
  allows: (value) => !/[\r\n\0]/.test(value),
  allowed: 'one line',
  rule: 'systemd reads one variable per line.',
  fix: 'Encode it, for example as JSON.',
};

/** Checks the names, values and total size of environment variables. */
export function checkEnvironment(at: HasPath, environment: Readonly<Record<string, string>>): void {
  const variables = Object.entries(environment);
  const bytes = variables.reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(`${name}="${value}"\n`),
    0,
  );
  checkRule(at, 'environment', environmentBytes, bytes);
  for (const [name, value] of variables) {
    checkRule(at, 'environment', variableName, name);
    checkRule(at, `environment.${name}`, variableValue, value);
  }
}

/** Checks the bounds of the fleet's size, also if only one of them is known at synthesis. */
export function checkCapacity(at: HasPath, minCapacity: number, maxCapacity: number): void {
  checkRule(at, 'minCapacity', fleetRules.MINIMUM_INSTANCES, minCapacity, {
    max: Token.isUnresolved(maxCapacity) ? Number.POSITIVE_INFINITY : maxCapacity,
  });
  checkRule(at, 'maxCapacity', fleetRules.MAXIMUM_INSTANCES, maxCapacity, {
    min: Token.isUnresolved(minCapacity) ? 0 : minCapacity,
  });
}
