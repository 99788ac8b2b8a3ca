/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */
export * from './cache-strategy';
