export { exposureFindings } from './exposure';
export { type Finding, SEVERITIES } from './finding';
export { networkFindings } from './network';
export { permissionFindings } from './permissions';
export { protectionFindings } from './protection';
export {
  type Acknowledgement,
  concerns,
  findLosses,
  parseAcknowledgement,
  type StatefulLoss,
} from './stateful-losses';
