/** The page's end of the worker. */

import { Cancelled } from "./core/errors";
import type { Answer, Calls } from "./protocol";

type Progress = (done: number, total: number) => void;

interface Waiting {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
  progress?: Progress | undefined;
}

/** An answer to come, which can be done without. */
export interface Job<T> {
  result: Promise<T>;
  cancel: () => void;
}

export class Client {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  constructor() {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => this.take(data));
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      const error = new Error(event.message || "the worker could not be started");
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    });
  }

  call<K extends keyof Calls>(call: K, args: Calls[K]["args"], progress?: Progress): Job<Calls[K]["result"]> {
    const id = this.count++;
    const result = new Promise<Calls[K]["result"]>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, progress });
      this.worker.postMessage({ id, call, args });
    });
    return { result, cancel: () => this.worker.postMessage({ cancel: id }) };
  }

  private take(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    if (!waiting) return;
    if ("progress" in answer) {
      waiting.progress?.(...answer.progress);
      return;
    }
    this.waiting.delete(answer.id);
    if ("result" in answer) waiting.resolve(answer.result as never);
    else waiting.reject(answer.error.name === "Cancelled" ? new Cancelled("stopped") : named(answer.error));
  }
}

function named({ name, message }: { name: string; message: string }): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
