/**
 * Calls back after a time, but not before data that has already arrived is read: after a pause of
 * the process, Node runs timers first, and everything would seem late.
 *
 * @returns a function that stops the timer
 */
export function after(ms: number, callback: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(callback);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
