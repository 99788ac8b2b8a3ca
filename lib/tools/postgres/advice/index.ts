export { type Advice, advise, formatAdvice } from './advice';
export { connectByIam } from './login';
