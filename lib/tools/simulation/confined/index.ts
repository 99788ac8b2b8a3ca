export {
  DEFAULT_MEMORY_BYTES,
  EdgeCodeStopped,
  type Limits,
  MIN_MEMORY_BYTES,
} from './confinement';
export { startEmulator } from './emulator';
export { type ConfinedReplayOptions, DEFAULT_REPLAY_MINUTES, replay } from './replay';
