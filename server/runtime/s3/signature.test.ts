import { createHash } from "node:crypto";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { newId } from "#server/std/id.ts";
import { authenticate } from "./authenticate.ts";
import { ChunkedBody } from "./aws-chunked.ts";
import { readRequest } from "./s3-request.ts";

/** Amazon's own examples: "Signature Calculations for the Authorization Header" and its neighbours, in the S3 API reference. */
const accessKeyId = "AKIAIOSFODNN7EXAMPLE";
const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const publishedMs = Date.UTC(2013, 4, 24);
const EMPTY = createHash("sha256").digest("hex");

function requestOf(method: string, url: string, headers: Record<string, string>) {
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { method, url });
  for (const [name, value] of Object.entries({ host: "examplebucket.s3.amazonaws.com", ...headers })) {
    req.rawHeaders.push(name, value);
    req.headers[name.toLowerCase()] = value;
  }
  return readRequest(req, { id: "req_1", domain: "s3.amazonaws.com" });
}

const grant = { organizationId: newId("organization"), accessKeyId, access: "read", bucketId: null } as const;

function check(method: string, url: string, headers: Record<string, string>, nowMs = publishedMs) {
  const parts = {
    nowMs: () => nowMs,
    findKey: async (id: string) => (id === accessKeyId ? { ...grant, secret } : null),
  };
  return authenticate(parts, requestOf(method, url, headers)).then(
    () => "ok",
    (error: { code?: string }) => error.code,
  );
}

function authorization(signedHeaders: string, signature: string): string {
  const credential = `${accessKeyId}/20130524/us-east-1/s3/aws4_request`;
  return `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

const dated = { "x-amz-date": "20130524T000000Z", "x-amz-content-sha256": EMPTY };

const published = [
  {
    name: "GET object with a range",
    method: "GET",
    url: "/test.txt",
    headers: {
      ...dated,
      range: "bytes=0-9",
      authorization: authorization(
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
      ),
    },
  },
  {
    name: "PUT object with a character that has to be encoded",
    method: "PUT",
    url: "/test%24file.text",
    headers: {
      date: "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-date": "20130524T000000Z",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      authorization: authorization(
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
      ),
    },
  },
  {
    name: "GET a subresource without a value",
    method: "GET",
    url: "/?lifecycle",
    headers: {
      ...dated,
      authorization: authorization(
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
      ),
    },
  },
  {
    name: "GET a list",
    method: "GET",
    url: "/?max-keys=2&prefix=J",
    headers: {
      ...dated,
      authorization: authorization(
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
      ),
    },
  },
];

test.each(published)(
  "Amazon's published signature holds, and none with one digit changed: $name",
  async ({ method, url, headers }) => {
    expect(await check(method, url, headers)).toBe("ok");
    const changed = headers.authorization.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    expect(await check(method, url, { ...headers, authorization: changed })).toBe("SignatureDoesNotMatch");
    expect(await check(method === "GET" ? "HEAD" : "POST", url, headers)).toBe("SignatureDoesNotMatch");
    expect(await check(method, `${url}x`, headers)).toBe("SignatureDoesNotMatch");
  },
);

const presigned =
  "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
  "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
  "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

test("Amazon's published presigned address holds until it expires, and for nothing else", async () => {
  const DAY_MS = 86_400_000;
  expect(await check("GET", presigned, {})).toBe("ok");
  expect(await check("GET", presigned, {}, publishedMs + DAY_MS)).toBe("ok");
  expect(await check("GET", presigned, {}, publishedMs + DAY_MS + 1)).toBe("AccessDenied");
  expect(await check("GET", presigned, {}, publishedMs - DAY_MS)).toBe("RequestTimeTooSkewed");
  expect(await check("GET", presigned.replace("86400", "86401"), {})).toBe("SignatureDoesNotMatch");
  expect(await check("GET", presigned.replace("86400", "999999"), {})).toBe("AuthorizationQueryParametersError");
  expect(await check("GET", `${presigned}&versionId=1`, {})).toBe("SignatureDoesNotMatch");
  expect(await check("GET", presigned, { "x-amz-meta-a": "not signed" })).toBe("AccessDenied");
});

test("a clock more than 15 minutes off is refused, in both directions, and no sooner", async () => {
  const [example] = published;
  const at = (minutes: number) => check("GET", "/test.txt", example?.headers ?? {}, publishedMs + minutes * 60_000);
  expect(await Promise.all([14, 15, -15].map(at))).toEqual(["ok", "ok", "ok"]);
  expect(await Promise.all([15.1, -15.1].map(at))).toEqual(["RequestTimeTooSkewed", "RequestTimeTooSkewed"]);
});

test("what is no Signature Version 4, or signs less than it has to, is refused in S3's words", async () => {
  const headers = published[0]?.headers ?? { authorization: "" };
  const having = (more: Record<string, string>) => check("GET", "/test.txt", { ...headers, ...more });
  const without = (name: string) =>
    check("GET", "/test.txt", Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name)));
  expect(await without("authorization")).toBe("AccessDenied");
  expect(await without("x-amz-date")).toBe("AuthorizationHeaderMalformed");
  expect(await without("x-amz-content-sha256")).toBe("InvalidRequest");
  expect(await check("GET", "/test.txt?AWSAccessKeyId=a&Signature=b&Expires=1", {})).toBe("AccessDenied");
  expect(await having({ authorization: "AWS key:signature" })).toBe("AuthorizationHeaderMalformed");
  expect(await having({ authorization: headers.authorization.replace("host;", "") })).toBe(
    "AuthorizationHeaderMalformed",
  );
  expect(await having({ authorization: headers.authorization.replace("20130524", "20130525") })).toBe(
    "AuthorizationHeaderMalformed",
  );
  expect(await having({ authorization: headers.authorization.replace("/s3/", "/ec2/") })).toBe(
    "AuthorizationHeaderMalformed",
  );
  expect(await having({ authorization: headers.authorization.replace(accessKeyId, "AKIAOTHER") })).toBe(
    "InvalidAccessKeyId",
  );
  expect(await having({ "x-amz-acl": "public-read" })).toBe("AccessDenied");
  expect(await having({ "x-amz-content-sha256": "0".repeat(64) })).toBe("SignatureDoesNotMatch");
});

/** Amazon's example of a body in signed chunks: 66,560 times "a" in chunks of 64 KB. */
const chunkSignatures = [
  "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
  "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
  "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];

async function chunkSigning() {
  const headers = {
    "content-encoding": "aws-chunked",
    "content-length": "66824",
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "x-amz-date": "20130524T000000Z",
    "x-amz-decoded-content-length": "66560",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    host: "s3.amazonaws.com",
    authorization: authorization(
      "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
      "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    ),
  };
  const parts = { nowMs: () => publishedMs, findKey: async () => ({ ...grant, secret }) };
  const { payload } = await authenticate(parts, requestOf("PUT", "/examplebucket/chunkObject.txt", headers));
  if (payload.kind !== "chunks") throw new Error("the example's body is in chunks");
  return payload;
}

function framed(signatures: readonly (string | undefined)[], fill = "a"): Buffer {
  const sizes = [65_536, 1_024, 0];
  return Buffer.concat(
    sizes.map((size, at) =>
      Buffer.concat([
        Buffer.from(`${size.toString(16)};chunk-signature=${signatures[at]}\r\n`),
        Buffer.alloc(size, fill),
        Buffer.from("\r\n"),
      ]),
    ),
  );
}

async function* inPieces(bytes: Buffer, pieceBytes: number) {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

test.each([1, 7, 1000, 100_000])(
  "Amazon's published chunk signatures hold, whatever the pieces they come in (%i bytes)",
  async (piece) => {
    const body = new ChunkedBody(inPieces(framed(chunkSignatures), piece), await chunkSigning());
    let bytes = 0;
    for await (const chunk of body.chunks()) bytes += chunk.length;
    expect(bytes).toBe(66_560);
  },
);

test("chunks that were changed, swapped, cut short, longer than said, or followed by more are refused", async () => {
  const signing = await chunkSigning();
  const read = async (bytes: Buffer) => {
    try {
      for await (const chunk of new ChunkedBody(inPieces(bytes, 1000), signing).chunks()) void chunk;
      return "ok";
    } catch (error) {
      return error instanceof Error && "code" in error ? error.code : error;
    }
  };
  const whole = framed(chunkSignatures);
  expect(await read(whole)).toBe("ok");
  expect(await read(framed(chunkSignatures, "b"))).toBe("SignatureDoesNotMatch");
  expect(await read(framed([chunkSignatures[1], chunkSignatures[0], chunkSignatures[2]]))).toBe(
    "SignatureDoesNotMatch",
  );
  expect(await read(framed([chunkSignatures[0], chunkSignatures[1], "0".repeat(64)]))).toBe("SignatureDoesNotMatch");
  expect(await read(Buffer.from("5\r\nhello\r\n0\r\n\r\n"))).toBe("SignatureDoesNotMatch");
  expect(await read(whole.subarray(0, 40_000))).toBe("IncompleteBody");
  expect(await read(whole.subarray(0, 66_700))).toBe("IncompleteBody");
  expect(await read(Buffer.concat([whole, Buffer.from("more")]))).toBe("IncompleteBody");
  expect(await read(Buffer.from(`${"x".repeat(10_000)}\r\n`))).toBe("IncompleteBody");
});
