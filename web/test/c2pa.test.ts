/** Manifest stores in the library's JSON form, and the words for them; the library itself runs in tests/web. */

import { describe as group, expect, test } from "vitest";
import { type Credentials, describe } from "../src/file/c2pa";
import { S } from "../src/strings";

const action = (name: string, digitalSourceType?: string): object => ({ action: name, digitalSourceType });
const actions = (...all: object[]): object => ({ label: "c2pa.actions.v2", data: { actions: all } });
const base = {
  active_manifest: "b",
  validation_state: "Valid",
  validation_status: [{ code: "signingCredential.untrusted" }],
};
const signed = {
  signature_info: { common_name: "Tester", issuer: "Tester Ltd", time: "2026-01-02" },
  claim_generator_info: [{ name: "made\u202e up", version: "1" }],
};

group("a manifest store", () => {
  test("says who signed, with what, and of what it was made", () => {
    const parent = { assertions: [actions(action("c2pa.created", "x/trainedAlgorithmicMedia"))] };
    const active = {
      ...signed,
      assertions: [{ label: "other" }, actions(action("c2pa.opened"), action("c2pa.edited", "x/composite"))],
      ingredients: [{ relationship: "componentOf", active_manifest: "c" }, { relationship: "parentOf", active_manifest: "a" }],
    };
    const found = describe({ ...base, manifests: { a: parent, b: active } });
    expect(found).toEqual({
      trust: "unchecked", reasons: "", signer: "Tester", issuer: "Tester Ltd", time: "2026-01-02", tool: "made up 1",
      types: [
        { value: "x/composite", action: "c2pa.edited", earlier: false },
        { value: "x/trainedAlgorithmicMedia", action: "c2pa.created", earlier: true },
      ],
    });
    expect(S.c2paSigned(found)).toBe("signed by Tester (Tester Ltd) on 2026-01-02, made with made up 1");
  });

  test("that names itself as its parent ends", () => {
    const active = { ...signed, ingredients: [{ relationship: "parentOf", active_manifest: "b" }] };
    expect(describe({ ...base, manifests: { b: active } }).types).toEqual([]);
  });

  test.each([
    [{ validation_state: "Invalid" }, "Invalid"],
    [{ validation_status: [{ code: "z" }, { code: "assertion.dataHash.mismatch" }] }, "assertion.dataHash.mismatch, z"],
    [{ validation_state: undefined, validation_status: undefined }, ""],
  ])("that does not hold is called invalid", (change, reasons) => {
    const found = describe({ ...base, ...change, manifests: { b: signed } });
    expect([found.trust, found.reasons]).toEqual(["invalid", reasons]);
  });

  test.each([{}, { manifests: [] }, { active_manifest: "x", manifests: { b: signed } }])("without an active manifest", (store) => {
    expect(describe(store).trust).toBe("invalid");
  });

  test("of other shapes does not upset the page", () => {
    const odd = { signature_info: 3, claim_generator_info: "x", assertions: [1, { label: 2 }, actions(action("a"))], ingredients: {} };
    const found = describe({ ...base, manifests: { b: odd } });
    expect(S.c2paSigned(found)).toBe("signed by an unnamed signer, made with unnamed software");
  });
});

test("every state has words", () => {
  const nothing: Credentials = { trust: "unread", reasons: "offline", signer: "", issuer: "", time: "", tool: "", types: [] };
  expect(S.c2pa.unread.trust(nothing.reasons)).toContain("not checked (offline)");
  expect(S.c2pa.refused.trust("odd")).toBe("invalid: the library refused it (odd)");
  expect(S.c2pa.invalid.trust("a, b")).toBe("signature INVALID: a, b; believe nothing in it");
});
