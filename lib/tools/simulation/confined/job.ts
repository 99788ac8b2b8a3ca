/**
 * What the two processes of a confined simulation say to each other. The parent sends one job; the
 * child sends messages, one JSON object a line. Foreign code runs in the child, so the parent
 * believes no message before it has checked it.
 */
import { deserialize, serialize } from 'node:v8';
import type { DistributionModel } from '../distribution';
import type { LogFormatName } from '../logs';
import type { ViewerPlace } from '../path';
import type { ReplayOptions } from '../replay';
import type { SeededTraceOptions } from '../trace';

/** The descriptors of the child beside its standard ones. */
export const FD = { job: 0, messages: 1, lastCall: 3, log: 4 } as const;

export interface ReplayJob
  extends Pick<
    ReplayOptions,
    | 'assembly'
    | 'distribution'
    | 'file'
    | 'capacities'
    | 'cacheControl'
    | 'originRegion'
    | 'objectives'
  > {
  readonly kind: 'replay';
  /** @default - detected from the first lines */
  readonly format?: LogFormatName;
  /**
   * Lines to generate.
   *
   * @default - the log is open as `FD.log`
   */
  readonly trace?: SeededTraceOptions;
}

export interface EmulatorJob {
  readonly kind: 'emulate';
  readonly distribution: DistributionModel;
  readonly place: ViewerPlace;
  readonly viewerProtocol: 'http' | 'https';
  /** The URL of each origin, by ID; `*` stands for all other origins. */
  readonly origins: ReadonlyMap<string, string>;
  /** The key value store that CloudFront Functions read. */
  readonly switches: Readonly<Record<string, string>>;
  readonly host: string;
  readonly port: number;
}

export type Job = ReplayJob | EmulatorJob;

export type Message =
  /** A sign of life, with the bytes of the log that were read and of the whole log. */
  | { readonly kind: 'alive'; readonly readBytes: number; readonly allBytes: number }
  | { readonly kind: 'report'; readonly report: unknown }
  | { readonly kind: 'listening'; readonly port: number }
  /** A line for the user. */
  | { readonly kind: 'line'; readonly text: string }
  /** An error that the user can fix, as an IsochroneError says it. */
  | { readonly kind: 'refused'; readonly text: string }
  /** An error outside the calls of edge functions, with the function if it is known. */
  | { readonly kind: 'stray'; readonly text: string; readonly functionName?: string };

const LENGTH_BYTES = 4;

/** A job as bytes, after their number. */
export function encodeJob(job: Job): Buffer {
  const bytes = serialize(job);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** @param read returns the next bytes, of the number that is asked for */
export function decodeJob(read: (bytes: number) => Buffer): Job {
  return deserialize(read(read(LENGTH_BYTES).readUInt32LE()));
}

/** @returns undefined if the line is not a message */
export function parseMessage(line: string): Message | undefined {
  const fields = jsonOf(line);
  switch (fields?.kind) {
    case 'alive':
      return isCount(fields.readBytes) && isCount(fields.allBytes)
        ? { kind: 'alive', readBytes: fields.readBytes, allBytes: fields.allBytes }
        : undefined;
    case 'report':
      return { kind: 'report', report: fields.report };
    case 'listening':
      return isCount(fields.port) ? { kind: 'listening', port: fields.port } : undefined;
    case 'line':
    case 'refused':
      return typeof fields.text === 'string' ? { kind: fields.kind, text: fields.text } : undefined;
    case 'stray': {
      const { text, functionName } = fields;
      if (typeof text !== 'string') return undefined;
      return typeof functionName === 'string'
        ? { kind: 'stray', text, functionName }
        : { kind: 'stray', text };
    }
    default:
      return undefined;
  }
}

function jsonOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === 'object'
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
