/** Whether a path leads to a page of the console: "//host" and "/\host" would lead a browser to another site. */
export function isOwnPath(path: string): boolean {
  return /^\/[a-z0-9][a-z0-9/_-]*$/i.test(path) && !path.startsWith("/api/");
}
