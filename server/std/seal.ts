import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = "v1";

/**
 * Seals secrets that we have to read again, by AES-256-GCM. A sealed text opens only with the same installation's key and under the
 * same purpose ("s3-key:sak_…"), so that one that is moved to another row opens nothing.
 */
export class Seal {
  readonly #key: Buffer;

  /** `secretsKey`: the installation's, 32 characters or more (SECRETS_KEY). */
  constructor(secretsKey: string) {
    this.#key = Buffer.from(hkdfSync("sha256", secretsKey, "", "sluice secrets v1", 32));
  }

  seal(text: string, purpose: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${sealed.toString("base64url")}`;
  }

  /** Throws when it was sealed with another key or for another purpose, or changed since. */
  open(sealed: string, purpose: string): string {
    const [version, text = ""] = sealed.split(".");
    const bytes = Buffer.from(text, "base64url");
    if (version !== VERSION || bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error("not a sealed text");
    const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(purpose))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    const opened = [decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()];
    return Buffer.concat(opened).toString("utf8");
  }
}
