export { unpackArchive } from './archive';
export {
  type Assembly,
  type AssemblyStack,
  readAssembly,
  type Template,
  type TemplateResource,
} from './assembly';
export { entriesBelow, leavesByLink, pathInside } from './inside';
export { isObject, listOf, objectOf, ownEntry, textOf } from './values';
