import { z } from "zod";

/** One JavaScript heap of a process: its main thread's, or a worker thread's. */
export type Isolate = {
  /** "main thread", or the file that the worker runs. */
  name: string;
  send: (method: string, params?: object) => Promise<unknown>;
};

const WORKERS_MS = 300;
const ANSWER_MS_MAX = 30_000;

const message = z.object({
  id: z.number().optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
});
const attached = z.object({ sessionId: z.string(), workerInfo: z.object({ title: z.string(), url: z.string() }) });
const received = z.object({ sessionId: z.string(), message: z.string() });

type Waiting = { resolve: (result: unknown) => void; reject: (error: Error) => void };

/** A debugger's connection to one Node process and its worker threads. */
export class Inspector implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, Waiting>();
  readonly #workers: Isolate[] = [];
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      try {
        this.#received("", z.string().parse(data));
      } catch (error) {
        this.#failAll(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.addEventListener("close", () => this.#failAll(new Error("the process closed its inspector")));
  }

  static async connect(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`no inspector answers at ${url}`)));
    });
    return new Inspector(socket);
  }

  /** The main thread and the workers that run now. */
  async isolates(): Promise<Isolate[]> {
    await this.#send("", "NodeWorker.enable", { waitForDebuggerOnStart: false });
    await new Promise((resolve) => setTimeout(resolve, WORKERS_MS)); // each worker is told of by an event of its own
    return [{ name: "main thread", send: (method, params) => this.#send("", method, params) }, ...this.#workers];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.addEventListener("close", resolve));
    this.#socket.close();
    await closed;
  }

  #send(sessionId: string, method: string, params: object = {}): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const text = JSON.stringify({ id, method, params });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} was not answered in time`)), ANSWER_MS_MAX);
      this.#waiting.set(`${sessionId}/${id}`, {
        resolve(result) {
          clearTimeout(timer);
          resolve(result);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      });
      if (sessionId === "") this.#socket.send(text);
      else
        this.#send("", "NodeWorker.sendMessageToWorker", { sessionId, message: text }).catch((error: unknown) =>
          reject(error instanceof Error ? error : new Error(String(error))),
        );
    });
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #received(sessionId: string, text: string): void {
    const { id, method, params, result, error } = message.parse(JSON.parse(text));
    if (id !== undefined) {
      const waiting = this.#waiting.get(`${sessionId}/${id}`);
      this.#waiting.delete(`${sessionId}/${id}`);
      if (error) waiting?.reject(new Error(error.message));
      else waiting?.resolve(result);
    }
    if (method === "NodeWorker.attachedToWorker") {
      const worker = attached.parse(params);
      this.#workers.push({
        name: worker.workerInfo.url.split("/").at(-1) ?? worker.workerInfo.title,
        send: (name, parameters) => this.#send(worker.sessionId, name, parameters),
      });
    }
    if (method === "NodeWorker.receivedMessageFromWorker") {
      const inner = received.parse(params);
      this.#received(inner.sessionId, inner.message);
    }
  }
}

/** Connects to every process of a runtime, and does something with all of their heaps. */
export async function withIsolates<Result>(
  urls: readonly string[],
  work: (isolates: readonly Isolate[]) => Promise<Result>,
): Promise<Result> {
  if (urls.length === 0) throw new Error("the runtime was not started to be inspected");
  await using connections = new AsyncDisposableStack();
  const isolates: Isolate[] = [];
  for (const url of urls) isolates.push(...(await connections.use(await Inspector.connect(url)).isolates()));
  return await work(isolates); // they are closed on the way out
}

const heapUsage = z.object({ usedSize: z.number(), backingStorageSize: z.number().default(0) });

/** Bytes that all heaps still hold after their garbage was collected, with the buffers that hang on them. */
export async function heapAfterCollection(urls: readonly string[]): Promise<number> {
  return withIsolates(urls, async (isolates) => {
    let bytes = 0;
    for (const { send } of isolates) {
      await send("HeapProfiler.enable");
      // What is freed by finalizers goes with the second.
      await send("HeapProfiler.collectGarbage");
      await send("HeapProfiler.collectGarbage");
      const { usedSize, backingStorageSize } = heapUsage.parse(await send("Runtime.getHeapUsage"));
      bytes += usedSize + backingStorageSize;
    }
    return bytes;
  });
}
