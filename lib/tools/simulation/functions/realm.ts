/**
 * The contexts (realms) of edge functions. Each has its own `Object`, `Promise` and `Error`, by which
 * an object that turns up later, such as an unhandled rejection, is traced to its function.
 */
import { type Context, createContext, Script } from 'node:vm';

const OBJECT_PROTOTYPE = new Script('Object.prototype');

const owners = new WeakMap<object, string>();

/** The longest chain of prototypes that is followed: a proxy could invent an endless one. */
const MAX_PROTOTYPES = 20;

/** Creates the context of a function. */
export function createRealm(functionName: string, globals: object): Context {
  const realm = createContext(globals);
  owners.set(OBJECT_PROTOTYPE.runInContext(realm), functionName);
  return realm;
}

/**
 * The name of the function whose code made a value.
 *
 * @returns undefined for a scalar, and for an object of this project or of Node.js
 */
export function ownerOf(value: unknown): string | undefined {
  let object: unknown = value;
  for (let i = 0; i < MAX_PROTOTYPES; i++) {
    if (object === null || (typeof object !== 'object' && typeof object !== 'function'))
      return undefined;
    const owner = owners.get(object);
    if (owner !== undefined) return owner;
    object = Object.getPrototypeOf(object);
  }
  return undefined;
}
