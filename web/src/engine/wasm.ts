/** The network on the processor: ONNX Runtime Web's WebAssembly, which every browser can run. */

import * as ort from "onnxruntime-web/wasm";
import { at, unpacked } from "../parts";
import { type Runner, runner } from "./runner";

declare const ORT_VERSION: string;

const MOST_THREADS = 8;

/** Fetched while card and graph are. */
export const fetchWasm = (): Promise<ArrayBuffer> => unpacked(`ort/${ORT_VERSION}/ort-wasm.gz`);

/** Threads need an isolated page; `wanted` 0 leaves their number to the machine. */
export function threadsFor(wanted: number): number {
  const cores = navigator.hardwareConcurrency || 1;
  const usual = Math.max(Math.min(cores, 2), Math.ceil(cores / 2)); // waiting threads spin: leave room for others
  return self.crossOriginIsolated ? Math.min(MOST_THREADS, wanted || usual) : 1;
}

export async function openWasm(
  graph: Uint8Array<ArrayBuffer>, binary: ArrayBuffer, threads: number, size: number,
): Promise<Runner> {
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.wasmPaths = { mjs: at(`ort/${ORT_VERSION}/ort-wasm.mjs`).href };
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"], interOpNumThreads: 1 });
  return runner(ort, session, size);
}
