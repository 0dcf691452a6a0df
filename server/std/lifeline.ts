/**
 * A child of the supervisor has a pipe from it as standard input: when the supervisor is gone, however it went, the pipe
 * ends, and the child ends itself. So no orphan goes on serving.
 */
export function endWithParent(env: { SLUICE_LIFELINE: boolean }, stop: () => void): void {
  if (!env.SLUICE_LIFELINE) return;
  process.stdin.resume();
  process.stdin.on("end", stop);
  process.stdin.on("error", stop);
}
