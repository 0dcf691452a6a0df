import { readFile } from "node:fs/promises";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, test, type Page } from "@playwright/test";
import { signUp } from "./person.ts";
import { showPages } from "./shown-pages.ts";

const consoleUrl = process.env["SLUICE_CONSOLE"] ?? "";
const person = { name: "Olga Object", email: "olga@example.com", organization: "Albums" };
const buckets = "/albums/storage/buckets";

test.use({ baseURL: consoleUrl, acceptDownloads: true });

/** What the dialog shows in a block of its own: the page behind it has blocks of the same names. */
async function shown(page: Page, name: string): Promise<string> {
  const block = page.getByRole("dialog").getByRole("group", { name, exact: true });
  return ((await block.textContent()) ?? "").trim();
}

test.setTimeout(120_000);

test("a bucket and a key are made in the console, and page and S3 client see the same objects", async ({ page }) => {
  await signUp(page, person);
  await page.goto("/albums/storage");
  await page.getByRole("link", { name: /^Buckets/ }).click();
  await expect(page.getByText("No buckets yet")).toBeVisible();
  await page.getByRole("button", { name: "New bucket" }).click();
  await page.getByLabel("Name", { exact: true }).fill("photos");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page).toHaveURL(/\/storage\/buckets\/photos$/);

  await page.getByLabel("Files to upload").setInputFiles([
    { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("hello") },
    { name: "page ü.html", mimeType: "text/html", buffer: Buffer.from("<script>document.title='owned'</script>") },
  ]);
  await expect(page.getByText("2 files are uploaded")).toBeVisible();
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download page ü.html" }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe("page ü.html");
  expect(await readFile(await download.path(), "utf8")).toContain("owned");

  await page.goto(buckets);
  await page.getByRole("button", { name: "New access key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("laptop");
  await page.getByRole("button", { name: "Make key" }).click();
  const endpoint = /AWS_ENDPOINT_URL_S3=(\S+)/.exec(await shown(page, "Configuration for aws"));
  const credentials = { accessKeyId: await shown(page, "Access key id"), secretAccessKey: await shown(page, "Secret") };
  const client = new S3Client({
    endpoint: endpoint?.[1] ?? "",
    region: "us-east-1",
    forcePathStyle: true,
    credentials,
  });
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("button", { name: "Revoke laptop" })).toBeVisible();
  await expect(page.getByText(credentials.secretAccessKey)).toHaveCount(0);

  const Bucket = "photos";
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket }));
  expect(Contents?.map(({ Key }) => Key)).toEqual(["a.txt", "page ü.html"]);
  const got = await client.send(new GetObjectCommand({ Bucket, Key: "a.txt" }));
  expect(await got.Body?.transformToString()).toBe("hello");
  await client.send(new PutObjectCommand({ Bucket, Key: "trips/rome.txt", Body: "ciao" }));

  await page.goto(`${buckets}/photos`);
  await page.getByRole("link", { name: "trips/" }).click();
  await expect(page.getByRole("rowheader", { name: "rome.txt" })).toBeVisible();
  await page.getByRole("button", { name: "Delete rome.txt" }).click();
  await page.getByRole("button", { name: "Delete object" }).click();
  await expect(page.getByText("Nothing here")).toBeVisible();

  await showPages(page, consoleUrl, [
    { name: "buckets", path: buckets },
    { name: "bucket", path: `${buckets}/photos` },
  ]);
  await page.goto(buckets);
  await page.getByRole("button", { name: "Revoke laptop" }).click();
  await page.getByRole("button", { name: "Revoke key" }).click();
  await expect(page.getByText("No keys yet.")).toBeVisible();
  await expect(client.send(new ListObjectsV2Command({ Bucket }))).rejects.toThrow(/no such access key/i);
  client.destroy();
});
