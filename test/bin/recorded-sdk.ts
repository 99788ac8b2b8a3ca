/** A call that a client of the recorded SDK received. */
export interface RecordedCall {
  /** The package of the client. */
  readonly client: string;
  readonly config: object;
  readonly command: string;
  readonly input: object;
}

/**
 * Packages in the shape of the AWS SDK. Their clients answer each command from a table and record
 * the call. No call leaves the process.
 */
export function recordedSdk(answers: Readonly<Record<string, object>>): {
  calls: RecordedCall[];
  load: (name: string) => object;
} {
  const calls: RecordedCall[] = [];
  const load = (client: string) =>
    new Proxy(
      {},
      {
        get: (_target, member: string) =>
          member.endsWith('Client')
            ? class {
                constructor(private readonly config: object) {}
                async send({ command, input }: { command: string; input: object }) {
                  calls.push({ client, config: this.config, command, input });
                  return answers[command] ?? {};
                }
              }
            : class {
                public readonly command = member;
                constructor(public readonly input: object) {}
              },
      },
    );
  return { calls, load };
}
