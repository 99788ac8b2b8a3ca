import { isIP, type Socket } from 'node:net';
import type { Client, ClientConfig, Connection } from 'pg';

/** The parts of a `pg` client that its types leave out. */
interface Cancelable {
  readonly processID: number | null;
  readonly secretKey: unknown;
  readonly host: string;
  readonly port: number;
  readonly ssl: boolean | Record<string, unknown>;
  readonly sslNegotiation?: string;
}
/** The same of a `pg` connection. */
interface CancelConnection extends Connection {
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processID: number, secretKey: unknown): void;
}

/**
 * Asks the server to cancel the running statement of a client, over a connection of its own
 * ("Canceling Requests in Progress", PostgreSQL documentation). PgBouncer passes the request on.
 * The request goes to the address that the client is connected to, because a host name may have
 * several, and is encrypted if the client's connection is. Never rejects.
 *
 * @param limitMs how long the request may take, in milliseconds; then it is given up
 */
export function requestCancel(
  client: Client,
  ConnectionClass: typeof Connection,
  { stream }: Pick<ClientConfig, 'stream'>,
  limitMs: number,
): Promise<void> {
  const { processID, secretKey, host, port, ssl, sslNegotiation } = client as unknown as Cancelable;
  if (processID === null) return Promise.resolve();
  const address = (client.connection.stream as Socket).remoteAddress ?? host;
  return new Promise((resolve) => {
    const connection = new ConnectionClass({
      stream,
      ssl: ssl && tlsOptions(ssl, host),
      sslNegotiation,
    } as ClientConfig) as CancelConnection;
    const timer = setTimeout(() => connection.stream.destroy(), limitMs);
    connection.on('connect', () => {
      if (!ssl) connection.cancel(processID, secretKey);
      else if (sslNegotiation !== 'direct') connection.requestSsl();
    });
    connection.on('sslconnect', () => connection.cancel(processID, secretKey));
    connection.on('error', () => connection.stream.destroy());
    // The server answers by closing the connection.
    connection.on('end', () => {
      clearTimeout(timer);
      resolve();
    });
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, address);
  });
}

/** The client's options of TLS. The certificate is compared with the name, not the address. */
function tlsOptions(ssl: true | Record<string, unknown>, host: string): Record<string, unknown> {
  const name = isIP(host) === 0 ? { host, servername: host } : {};
  // `pg` hides the key from enumeration.
  return ssl === true ? name : { ...name, ...ssl, ...(ssl.key ? { key: ssl.key } : {}) };
}
