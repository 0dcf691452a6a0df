export type RefusalType =
  | "invalid_request_error"
  | "card_error"
  | "idempotency_error"
  | "api_error"
  | "rate_limit_error";

/** An answer of Stripe's that says no. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: { error: { type: string; message: string; code?: string; param?: string; decline_code?: string } };

  constructor(
    status: number,
    message: string,
    of: { type?: RefusalType; code?: string; param?: string; decline?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.body = {
      error: {
        type: of.type ?? (status >= 500 ? "api_error" : "invalid_request_error"),
        message,
        ...(of.code === undefined ? {} : { code: of.code }),
        ...(of.param === undefined ? {} : { param: of.param }),
        ...(of.decline === undefined ? {} : { decline_code: of.decline }),
      },
    };
  }
}

/** 404, as for anything that another account has. */
export function missing(noun: string, id: string, param = "id"): Refusal {
  const code = "resource_missing";
  return new Refusal(param === "id" ? 404 : 400, `No such ${noun}: '${id}'`, { code, param });
}

/** Something that Stripe does and the double doesn't: a test that needs it says so loudly instead of passing by luck. */
export class NotModelled extends Error {}
