/** Every word that a reader of the page meets. A translation replaces this file. */

import type { Verdict } from "./core/calibration";
import type { MapTest } from "./core/card";
import type { Credentials, Trust } from "./file/c2pa";
import type { Inference, Refusal, Treatment } from "./protocol";

const number = (value: number, digits = 0): string =>
  value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const percent = (value: number): string => {
  if (value > 0.995 && value < 1) return "over 99\u00a0%";
  if (value < 0.005 && value > 0) return "under 1\u00a0%";
  return `${number(value * 100)}\u00a0%`;
};

const oneIn = (fpr: string): string => `1 in ${number(Math.round(1 / Number(fpr)))}`;
const signed = (value: number): string => `${value < 0 ? "−" : "+"}${number(Math.abs(value), 2)}`;

/** Why the graphics processor does not run the network. */
function refusals(refusal: Refusal): string {
  switch (refusal.why) {
    case "pending":
      return "its test was not finished when this picture was looked at";
    case "off":
      return "the address asks for WebAssembly";
    case "no api":
      return "this browser does not offer it";
    case "no adapter":
      return "the browser found no graphics adapter for it";
    case "software":
      return `the only adapter, ${refusal.device}, is software`;
    case "no stack switching":
      return `${refusal.device} is there, but this browser's WebAssembly cannot wait for it (JSPI)`;
    case "failed":
      return `${refusal.device || "the adapter"} failed (${refusal.words})`;
    case "differs": {
      const what = { logit: "a score", map: "a map", verdict: "a verdict" }[refusal.what];
      const size = Number.isFinite(refusal.difference) ? `by ${refusal.difference.toExponential(1)}` : "wholly";
      return `in the self-test ${what} on ${refusal.device} differed ${size} of a tile's largest value`;
    }
    case "slower":
      return (
        `on ${refusal.device} a tile takes ${number(refusal.milliseconds)} ms, in WebAssembly ` +
        `${number(refusal.wasm)} ms`
      );
  }
}

export interface Reading {
  title: string;
  lead: string;
  means: string[];
  not: string[];
}

export const S = {
  percent,
  signed,

  title: "upprint",
  tagline: "looks for the print that generators leave in pictures",
  skip: "Skip to the result",

  hero: "Does this picture carry the print of a generator?",
  heroText:
    "Image generators enlarge a small draft into a picture, and that step leaves a faint pattern between " +
    "neighbouring pixels. This page looks for it, shows where, and says how far to trust it.",
  dropTitle: "Drop a picture here",
  dropText: "or paste it, or",
  choose: "Choose pictures",
  another: "Choose other pictures",
  formats: "JPEG, PNG, WebP, and whatever else your browser opens. Best: the original file, not a screenshot.",
  stays: "The picture stays on this computer. This page has no place to send it to.",
  dropNow: "Let go to look at it",

  theme: "Colours",
  themes: { auto: "as the system", light: "light", dark: "dark" },

  preparing: "Preparing the detector …",
  waiting: (name: string) => `Waiting to look at ${name} …`,
  reading: (name: string) => `Reading ${name} …`,
  looking: (done: number, total: number) => `Looking: part ${done + 1} of ${total}`,
  stop: "Stop",

  broken: "The detector could not be started",
  brokenHelp: "Reload the page. If that does not help, the installation is incomplete: serve the page with “upprint serve”.",
  noWorker: "This browser lacks what the page needs (WebAssembly and module workers). Use a current one.",

  verdict: "Verdict",
  readings: {
    generated: (fpr: string, photos: number): Reading => ({
      title: "Generated",
      lead: "This picture carries the print that a generator's enlarging step leaves.",
      means: [
        `Its fine structure is like that of the generated pictures that the detector learned from. Of the ${number(photos)} ` +
          `camera-made pictures that the threshold was set on, about ${oneIn(fpr)} scores this high.`,
      ],
      not: [
        "It is no proof. A photo that was enlarged or strongly edited can carry a similar print.",
        "It does not say who made the picture or with what, nor whether what it shows took place.",
      ],
    }),
    inconclusive: (fpr: string): Reading => ({
      title: "Inconclusive",
      lead: "There are traces, but too weak to call.",
      means: [
        `The score is higher than most camera-made pictures get, and lower than the ${oneIn(fpr)} threshold ` +
          "for calling a picture generated.",
      ],
      not: [
        "It is neither a suspicion nor an acquittal.",
        "A better copy of the same picture, larger or less compressed, may give a clear answer.",
      ],
    }),
    "no trace found": (): Reading => ({
      title: "No trace found",
      lead: "The print of a generator was not found in what was looked at.",
      means: ["The picture scores as camera-made pictures usually do."],
      not: [
        "It does not show that the picture is real. Re-saving, shrinking, screenshots and messengers remove the print.",
        "Generators that this detector was not trained on may leave another print, or none.",
      ],
    }),
  } satisfies Record<Verdict, (fpr: string, photos: number) => Reading>,
  uncalibrated: {
    title: "No verdict",
    lead: "This detector is not calibrated, so its score has no stated meaning.",
    means: ["Only the raw score (logit) is given, among the details for experts."],
    not: ["A high or low raw score alone is not evidence."],
  } satisfies Reading,
  means: "What this means",
  meansNot: "What it does not mean",
  probability: "Calibrated probability of being generated",
  probabilityAlt: (p: string, verdict: string) => `${p}, which lies in the band “${verdict}”`,
  bands: { "no trace found": "no trace", inconclusive: "inconclusive", generated: "generated" } satisfies Record<Verdict, string>,
  probabilityNote: "If half of all pictures were generated. Where generated pictures are rarer, it is lower.",

  failed: "This file could not be looked at",
  failures: {
    UnreadableFile: "It cannot be read",
    EmptyFile: "It is empty",
    NotAnImage: "It is not a picture",
    UnsupportedImage: "It is of a kind that is not supported",
    CorruptImage: "It is damaged",
    ImageTooLarge: "It is too large",
  } as Record<string, string>,
  found: "Found",
  expected: "Expected",
  remedy: "What to do",

  drawing: "Drawing the picture …",
  viewer: "The picture, and where the evidence lies",
  show: "Show",
  views: { picture: "Picture", where: "Where", npr: "Pixel relations" },
  opacity: "Strength of the map",
  zoom: "Zoom",
  zoomIn: "Enlarge",
  zoomOut: "Reduce",
  zoomFit: "Fit",
  channel: "Colour channel",
  channels: ["Red", "Green", "Blue"],
  stage: "Picture; scroll to move it when enlarged",
  pictureAlt: (name: string, width: number, height: number) => `${name}, ${width} by ${height} pixels`,
  pictureCaption: (width: number, height: number) => `${number(width)} × ${number(height)} pixels, as stored, upright.`,
  whereAlt: (share: string, place: string) =>
    `Map of the evidence over the picture: ${share} of the area looked at speaks for generated; strongest ${place}`,
  whereCaption: (share: string, place: string) =>
    `${share} of the area looked at speaks for “generated”, strongest ${place}. Each spot shows which way its own place leans.`,
  mapTest: (test: MapTest | null) => {
    if (test === null) return "This map was not tested: whether it shows which part is generated is unknown.";
    const [auroc, low, high] = [test.auroc, test.low, test.high].map((value) => number(value, 2));
    const figures = `pixel AUROC ${auroc} [${low}, ${high}], 0.5 is chance`;
    return test.beats_chance
      ? `In our test such maps found generated regions better than chance (${figures}).`
      : `In our test such maps did not beat chance (${figures}): do not read from it which part is generated.`;
  },
  places: [
    ["at the top left", "at the top", "at the top right"],
    ["at the left", "in the middle", "at the right"],
    ["at the bottom left", "at the bottom", "at the bottom right"],
  ],
  camera: "speaks for camera-made",
  generated: "speaks for generated",
  partly: (tiles: number, all: number, share: string) =>
    `The verdict rests on ${tiles} samples, ${share} of the area; the whole would take ${number(all)}. The veiled part was not looked at.`,
  wholly: "The whole picture was looked at.",
  whole: (all: number) => `Look at the whole picture (${number(all)} parts)`,
  wholeLogit: (logit: string) => `Looking at the whole picture, the score (logit) is ${logit}; the verdict stays that of the samples, as in a scan.`,
  nprAlt: (channel: string) => `Differences between neighbouring pixels, ${channel} channel`,
  /** `own`: the detector itself looks at these differences and nothing else. */
  nprCaption: (factor: number, block: number, anchor: number | "mean" | "max", own: boolean) => {
    const reference =
      anchor === "mean" ? "the mean" : anchor === "max" ? "the brightest" : anchor === 1 ? "the first" : `pixel ${anchor}`;
    const reduced = factor > 1 ? ` One dot is the strongest of ${factor} × ${factor} pixels.` : "";
    return (
      `Each pixel minus ${reference} of its ${block} × ${block} block, in grey levels` +
      `${own ? ": what the detector sees." : ", computed from the picture alone: not what this detector sees."}${reduced} ` +
      "The pattern itself is too fine for the eye to judge."
    );
  },
  darker: "darker than its neighbour",
  brighter: "brighter",

  stability: "Does it hold?",
  stabilityText: "The same picture after what happens to pictures on their way through the web.",
  treatments: {
    "jpeg(85)": "Re-saved, JPEG quality 85",
    "jpeg(70)": "Re-saved, JPEG quality 70",
    "resize(0.75)": "Reduced to three quarters",
  } satisfies Record<Treatment, string>,
  pending: "waiting …",
  holds: "holds",
  changes: "changes",
  treatment: "Treatment",
  outcome: "Verdict then",
  stands: "Holds?",
  allHold: "The verdict holds under all three.",
  someChange: (count: number) =>
    `The verdict changes under ${["none", "one", "two", "all"][count]} of the three: be careful with copies of this picture that were re-saved or shrunk.`,

  says: "What the file says about itself",
  saysText: "Easily removed and easily faked. Shown beside the verdict, never part of it.",
  saysNothing: "Nothing: no camera, program, text or content credentials are recorded. That is normal for pictures from the web.",
  sources: { exif: "Camera data (EXIF)", xmp: "Description (XMP)", text: "Text in the file", c2pa: "Content Credentials (C2PA)" },
  c2paParts: { signer: "Signature", trust: "Trust" },
  c2paSigned: ({ signer, issuer, time, tool }: Credentials) => {
    const by = `${signer || "an unnamed signer"}${issuer && issuer !== signer ? ` (${issuer})` : ""}`;
    return `signed by ${by}${time ? ` on ${time}` : ""}, made with ${tool || "unnamed software"}`;
  },
  c2pa: {
    unchecked: {
      text: null,
      trust: () => "signature valid, signer not checked: no trust list was given, anyone can sign so",
    },
    invalid: { text: null, trust: (reasons) => `signature INVALID: ${reasons}; believe nothing in it` },
    refused: {
      text: "a C2PA manifest that cannot be read",
      trust: (reasons) => `invalid: the library refused it (${reasons})`,
    },
    unread: {
      text: "a C2PA manifest is present",
      trust: (reasons) => `not read: its signature was not checked (${reasons}). “upprint explain” checks it.`,
    },
  } satisfies Record<Trust, { text: string | null; trust: (reasons: string) => string }>,
  c2paAction: (action: string, earlier: boolean) => `${action || "an action"}${earlier ? " of an earlier version" : ""}`,
  /** The meanings that `upprint.provenance.source_type` gives. */
  sourceTypes: {
    trainedAlgorithmicMedia: "made by generative AI",
    algorithmicMedia: "made by an algorithm without training data",
    compositeWithTrainedAlgorithmicMedia: "edited with generative AI",
    compositeSynthetic: "a composite with synthetic parts",
    composite: "a composite",
    compositeCapture: "a composite of captures",
    algorithmicallyEnhanced: "altered by an algorithm",
    humanEdits: "edited by a person",
    minorHumanEdits: "with minor edits by a person",
    digitalCapture: "captured by a digital camera",
    computationalCapture: "captured by a digital camera in several frames",
    negativeFilm: "digitised from a negative",
    positiveFilm: "digitised from a transparency",
    print: "digitised from a print",
    digitalCreation: "created by a person with digital tools",
    digitalArt: "created by a person with digital tools",
    softwareImage: "created by software",
    dataDrivenMedia: "a rendering of data",
    screenCapture: "a capture of a screen",
    virtualRecording: "a recording of a virtual event",
    trainedAlgorithmicData: "data made by generative AI",
  } as Record<string, string>,
  more: "more",

  experts: "Details for experts",
  facts: {
    format: "Format",
    size: "Size",
    logit: "Logit",
    probability: "Probability",
    thresholds: "Thresholds (logit at false-positive rate)",
    chosen: "Threshold of the verdict",
    inconclusive: "Inconclusive from (logit)",
    tiles: "Tiles (top, left: logit)",
    notes: "Notes of the decoder",
    fileHash: "SHA-256 of the file",
    pixelHash: "SHA-256 of the decoded pixels (RGB)",
    system: "System",
    paper: "Paper",
    trained: "Trained on",
    calibrated: "Calibrated on",
    modelHash: "SHA-256 of the model",
    engine: "Inference",
    time: "Time from file to score",
  },
  none: "none",
  size: (width: number, height: number, tile: number) => `${width} × ${height} pixels, looked at in tiles of ${tile} × ${tile}`,
  photos: (photos: number, data: string) => `${number(photos)} camera-made pictures: ${data}`,
  engine: ({ provider, threads, trial }: Inference) => {
    if (provider === "wasm" || !trial) return `in this browser, WebAssembly, ${threads} ${threads === 1 ? "thread" : "threads"}`;
    const { device, difference, milliseconds, wasm } = trial;
    return (
      `in this browser, WebGPU (${device}); against WebAssembly the same to ${difference.toExponential(1)} of a tile's ` +
      `largest value, and ${number(milliseconds)} ms instead of ${number(wasm)} ms a tile`
    );
  },
  refused: (refusal: Refusal) => `WebGPU is not used: ${refusals(refusal)}.`,
  threshold: (logit: number, fpr: string) => `${logit}: about ${oneIn(fpr)} camera-made pictures scores as high`,
  working: "working it out …",
  seconds: (value: number) => `${number(value, 2)} s`,
  pasted: "Pasted from the clipboard, which may have redrawn it. The original file is better evidence.",

  tableTitle: (count: number) => `${number(count)} pictures`,
  tableProgress: (done: number, total: number) => `${done} of ${total} looked at`,
  tableDone: (generated: number, inconclusive: number, none: number, failed: number) =>
    [
      `${generated} generated`,
      `${inconclusive} inconclusive`,
      `${none} without a trace`,
      ...(failed ? [`${failed} could not be looked at`] : []),
    ].join(", "),
  columns: { path: "Picture", verdict: "Verdict", probability: "Probability", size: "Pixels", format: "Format", notes: "Notes" },
  csv: "Download as CSV",
  csvName: "upprint.csv",
  error: "error",

  limits: "Limits of this method",
  about: "About",
  aboutText:
    "upprint is open-source software (Apache-2.0). The page works without a network once it is loaded; it keeps no " +
    "picture, sets no cookie and counts no visitor.",
  licences: "Licences of what it is built from",
};
