import { spawnSync } from 'node:child_process';

/**
 * Keeps a process on one core, where the system has `taskset` (Linux, util-linux). Left to the
 * scheduler, a client shares a core with the server in one run and not in the next, which changes
 * its time on the CPU by more than the difference between two caches.
 *
 * @returns whether it could
 */
export function keepOnCore(pid: number, core: number): boolean {
  return (
    spawnSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' }).status === 0
  );
}
