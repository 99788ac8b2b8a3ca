import { byText, type Format, numberIn, withoutZeros } from './format';

const NAME = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;

/** `0001-name.sql`, numbered without gaps. */
export const isochrone: Format = {
  id: (file) => numberIn(NAME, file),
  compare: byText,
  isSign: (file) => NAME.test(file),
  runsLate: false,
  idOfVersion: withoutZeros,
};
