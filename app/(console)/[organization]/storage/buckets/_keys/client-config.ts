export type ClientKey = { endpoint: string; accessKeyId: string; secret: string };

/** What each client wants to be told, ready to be pasted. Keys are letters, digits, - and _: nothing in them has to be escaped. */
export const clientConfigs = {
  aws: {
    label: "aws",
    hint: "In a shell; then aws s3 cp FILE s3://BUCKET/",
    text: ({ endpoint, accessKeyId, secret }: ClientKey) =>
      [
        `export AWS_ENDPOINT_URL_S3=${endpoint}`,
        `export AWS_ACCESS_KEY_ID=${accessKeyId}`,
        `export AWS_SECRET_ACCESS_KEY=${secret}`,
        "export AWS_DEFAULT_REGION=us-east-1",
        "aws s3 ls",
      ].join("\n"),
  },
  rclone: {
    label: "rclone",
    hint: "In rclone.conf; then rclone ls sluice:BUCKET",
    text: ({ endpoint, accessKeyId, secret }: ClientKey) =>
      [
        "[sluice]",
        "type = s3",
        "provider = Other",
        `endpoint = ${endpoint}`,
        `access_key_id = ${accessKeyId}`,
        `secret_access_key = ${secret}`,
        "region = us-east-1",
        "force_path_style = true",
      ].join("\n"),
  },
  sdk: {
    label: "JavaScript",
    hint: "With @aws-sdk/client-s3; other SDKs want the same four",
    text: ({ endpoint, accessKeyId, secret }: ClientKey) =>
      [
        'import { S3Client } from "@aws-sdk/client-s3";',
        "",
        "const s3 = new S3Client({",
        `  endpoint: "${endpoint}",`,
        '  region: "us-east-1",',
        "  forcePathStyle: true,",
        `  credentials: { accessKeyId: "${accessKeyId}", secretAccessKey: "${secret}" },`,
        "});",
      ].join("\n"),
  },
} as const;

export type ClientName = keyof typeof clientConfigs;
export const clientNames = ["aws", "rclone", "sdk"] as const satisfies readonly ClientName[];
