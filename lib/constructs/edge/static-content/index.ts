export { StaticContent, type StaticContentProps } from './static-content';
