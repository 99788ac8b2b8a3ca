/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */

export type * from '../runtime-settings';
export * from './cache-strategy';
export { type ParameterReader, type ReadSettingsOptions, readSettings } from './settings';
export { parseSettings, strategiesOf } from './settings-document';
