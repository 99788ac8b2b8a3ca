/** One construct of Isochrone in a stack of another project, which imports from 'isochrone-cdk'. */
import { App, Stack } from 'aws-cdk-lib';
import { IpAddresses, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { RegionalCache } from '../../lib';

const app = new App();
const stack = new Stack(app, 'Shop', { env: { region: 'eu-west-1' } });
const vpc = new Vpc(stack, 'Vpc', {
  availabilityZones: ['eu-west-1a', 'eu-west-1b'],
  ipAddresses: IpAddresses.cidr('10.0.0.0/16'),
  natGateways: 0,
  subnetConfiguration: [{ name: 'Isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
});

new RegionalCache(stack, 'Cache', { vpc });
