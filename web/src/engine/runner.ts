/** A network that scores one tile; the counterpart of `upprint.runtime.session.Session`. */

import type { InferenceSession, TypedTensor } from "onnxruntime-common";
import { WeightsError } from "../core/errors";

/** `cells`: the map of local scores, side x side, row by row. */
export interface Scored {
  logit: number;
  cells: Float32Array;
  side: number;
}

export interface Runner {
  run(tile: Uint8Array): Promise<Scored>;
  release(): Promise<void>;
}

/** What a session needs of its library; the two libraries of ONNX Runtime share no classes. */
interface Library {
  Tensor: new (type: "uint8", data: Uint8Array, dims: readonly number[]) => TypedTensor<"uint8">;
}

/** The graph of a card in a session: input "images", outputs "logit" and "cam". */
export function runner(library: Library, session: InferenceSession, size: number): Runner {
  for (const name of ["logit", "cam"]) {
    if (!session.outputNames.includes(name)) throw new WeightsError(`the graph has no output '${name}'`);
  }
  return {
    async run(tile) {
      const images = new library.Tensor("uint8", tile, [1, size, size, 3]);
      const { logit, cam } = await session.run({ images });
      const [value] = logit.data as Float32Array;
      const [, rows, columns] = cam.dims;
      if (!Number.isFinite(value)) throw new WeightsError("the graph returned a logit that is not finite");
      if (cam.dims.length !== 3 || rows !== columns || size % rows) {
        throw new WeightsError(`the graph maps a tile of ${size} pixels to a 'cam' of ${cam.dims.join(" x ")}`);
      }
      const cells = Float32Array.from(cam.data as Float32Array);
      logit.dispose();
      cam.dispose();
      images.dispose();
      return { logit: value, cells, side: rows };
    },
    release: () => session.release(),
  };
}
