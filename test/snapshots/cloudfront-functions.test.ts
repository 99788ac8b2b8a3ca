import { functionsDeployment } from '../market-stage';
import { describeStacksOf } from './stack-snapshots';

describeStacksOf('us-east-1', functionsDeployment(), ['Edge', 'Service']);
