import type { Redis } from 'iovalkey';
import type { BusTransport } from './bus';
import { type CacheConnection, nodeName } from './connection';
import type { CacheLanes } from './lanes';
import type { CompleteServerOptions } from './server-options';

/** Pub/sub of a server: a connection of its own to hear, and the commands' connection to tell. */
export function valkeyBusTransport(
  connection: CacheConnection,
  lanes: CacheLanes,
  options: CompleteServerOptions,
): BusTransport {
  // Any server carries a message to all of a cluster. Always the same, as long as it is there,
  // keeps their order.
  const choice = Math.random();
  const publisher = (): Redis | undefined => {
    const servers = connection.servers();
    if (!options.cluster) return servers[0];
    const there = servers.filter((server) => lanes.lane(nodeName(server)).guard.available);
    return there[Math.floor(choice * there.length)];
  };
  return {
    subscribe: (channels, on) => {
      const subscriber = connection.subscriber();
      subscriber.on('message', on.hear);
      subscriber.on('end', on.ended);
      let ended = false;
      void connection.prepared.then(() => {
        if (!ended)
          subscriber.subscribe(...channels).then(on.subscribed, () => subscriber.disconnect());
      });
      return {
        end: () => {
          ended = true;
          const { stream } = subscriber;
          subscriber.disconnect();
          // A server that hangs would not answer the end, and hold the process for two seconds
          // more.
          stream?.destroy();
        },
      };
    },
    publish: async (channel, text) => {
      const server = publisher();
      if (server === undefined) return false;
      const lane = lanes.lane(options.cluster ? nodeName(server) : '');
      return (await lanes.send(lane, () => server.publish(channel, text), options.writeTimeoutMs))
        .ok;
    },
  };
}
