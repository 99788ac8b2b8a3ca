export { replayedTraffic } from './replayed-traffic';
export {
  spanText,
  type TrafficChange,
  type TrafficFigure,
  type TrafficSlice,
} from './traffic-change';
