/** The page's outline; the status line is for those who do not see it. */
export default function Loading() {
  return (
    <div role="status" className="grid gap-4">
      <span className="sr-only">Loading</span>
      <div aria-hidden className="h-7 w-44 animate-pulse rounded-md bg-sunken" />
      <div aria-hidden className="h-20 animate-pulse rounded-lg bg-sunken" />
      <div aria-hidden className="h-56 animate-pulse rounded-lg bg-sunken" />
    </div>
  );
}
