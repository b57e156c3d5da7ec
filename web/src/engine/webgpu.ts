/** The network on the graphics processor. Its own chunk, and its own 4 MB: fetched only where there is an adapter. */

import * as ort from "onnxruntime-web/jspi";
import { at, unpacked } from "../parts";
import { type Runner, runner } from "./runner";

declare const ORT_VERSION: string;

export async function openWebGpu(graph: Uint8Array<ArrayBuffer>, adapter: unknown, size: number): Promise<Runner> {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await unpacked(`ort/${ORT_VERSION}/ort-webgpu.gz`);
  ort.env.wasm.wasmPaths = { mjs: at(`ort/${ORT_VERSION}/ort-webgpu.mjs`).href };
  ort.env.webgpu.adapter = adapter as typeof ort.env.webgpu.adapter;
  ort.env.logLevel = "error";
  return runner(ort, await ort.InferenceSession.create(graph, { executionProviders: ["webgpu"] }), size);
}
