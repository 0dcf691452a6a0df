/**
 * Whether a message from a thread is Node's own: under --watch (`npm run dev`) it tells over the same channel which files the
 * thread has loaded, as `{"watch:import": […]}`.
 */
export function isWatchReport(message: unknown): boolean {
  return (
    typeof message === "object" &&
    message !== null &&
    Object.keys(message).some((key) => key === "watch:import" || key === "watch:require")
  );
}
