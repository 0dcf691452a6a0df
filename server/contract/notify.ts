/** Postgres NOTIFY channels between the processes. The payload is always the id of what changed. */
export const channels = {
  /** A function's deployment changed, or the function is gone. Payload: function id. */
  function: "sluice_function",
  /** An organization's slug, plan or allowance changed. Payload: organization id. */
  organization: "sluice_organization",
} as const;
