export { unpackArchive } from './archive';
export {
  type Assembly,
  type AssemblyStack,
  readAssembly,
  type Template,
  type TemplateResource,
} from './assembly';
export { isObject, listOf, objectOf, textOf } from './values';
