export { emulator } from './emulator';
export { emulatorServer, originClient } from './http';
