import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the server does with one request. `reset` closes the connection without an answer. */
export type SystemsManagerAnswer =
  | 'ok'
  | 'reset'
  | 'truncated'
  | { readonly status: number; readonly error: string }
  | { readonly status: number; readonly page: string }
  | { readonly status: number; readonly json: object };

/** The answers of each operation, in order. Then it answers as Systems Manager does. */
export type SystemsManagerScript = Readonly<Record<string, readonly SystemsManagerAnswer[]>>;

/** A Systems Manager that runs one automation, and fails as its script says. */
export interface SystemsManager {
  readonly url: string;
  /** The token of each request to start an automation. */
  readonly tokens: readonly string[];
  /** Resolves when the operation is called for the nth time. */
  called(operation: string, times: number): Promise<void>;
  close(): Promise<void>;
}

/** The steps that a promotion reports. */
const STEPS = ['inspect', 'assess', 'fence', 'promote', 'verify', 'repoint', 'report'];

/**
 * Starts the server on a free port of the loopback interface.
 *
 * @param polls how often the automation is seen running
 */
export async function systemsManager(
  script: SystemsManagerScript = {},
  polls = 1,
): Promise<SystemsManager> {
  const left = new Map(Object.entries(script).map(([name, answers]) => [name, [...answers]]));
  const counts = new Map<string, number>();
  const waiting: { operation: string; times: number; resolve: () => void }[] = [];
  const tokens: string[] = [];
  let running = polls;

  const answer = (operation: string, input: Record<string, string>): object => {
    if (operation === 'GetDocument') {
      const mainSteps = STEPS.map((name) => ({ name, description: `${name}. If it fails: Look.` }));
      return { Content: JSON.stringify({ mainSteps }) };
    }
    if (operation === 'StartAutomationExecution') return { AutomationExecutionId: 'execution-1' };
    if (input.AutomationExecutionId !== 'execution-1') throw new Error('another execution');
    const done = running-- <= 0;
    return {
      AutomationExecution: {
        AutomationExecutionStatus: done ? 'Success' : 'InProgress',
        StepExecutions: STEPS.map((StepName) => ({
          StepName,
          StepStatus: done ? 'Success' : 'Pending',
          ...(done && StepName === 'fence' ? { Outputs: { OldPrimary: ['fenced'] } } : {}),
        })),
      },
    };
  };

  const serve = (request: IncomingMessage, response: ServerResponse, body: string) => {
    const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    const input = JSON.parse(body) as Record<string, string>;
    if (operation === 'StartAutomationExecution') tokens.push(String(input.ClientToken));
    const count = (counts.get(operation) ?? 0) + 1;
    counts.set(operation, count);
    for (const each of waiting)
      if (each.operation === operation && each.times <= count) each.resolve();
    const next = left.get(operation)?.shift() ?? 'ok';
    if (next === 'reset') {
      request.socket.destroy();
      return;
    }
    if (next === 'truncated') {
      response.writeHead(200, { 'content-length': '1000' }).write('{');
      setImmediate(() => request.socket.destroy());
      return;
    }
    const [status, type, text] =
      next === 'ok'
        ? [200, 'application/x-amz-json-1.1', JSON.stringify(answer(operation, input))]
        : 'page' in next
          ? [next.status, 'text/html', next.page]
          : [
              next.status,
              'application/x-amz-json-1.1',
              JSON.stringify('json' in next ? next.json : { __type: next.error, message: 'no' }),
            ];
    response.writeHead(status, { 'content-type': type }).end(text);
  };

  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part) => {
      body += part;
    });
    request.on('end', () => serve(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokens,
    called: (operation, times) =>
      new Promise((resolve) => {
        if ((counts.get(operation) ?? 0) >= times) resolve();
        else waiting.push({ operation, times, resolve });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
