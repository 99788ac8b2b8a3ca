export { parseSettings, strategiesOf } from './document';
export { type OpenRuntimeOptions, openRuntime, type Runtime } from './open';
export { type ParameterReader, type ReadSettingsOptions, readSettings } from './read';
