export {
  type Assembly,
  type AssemblyStack,
  readAssembly,
  type Template,
  type TemplateResource,
} from './assembly';
