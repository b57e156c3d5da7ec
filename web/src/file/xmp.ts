/** The properties of an XMP packet that say how a picture came about (IPTC Photo Metadata, XMP part 1). */

const WANTED = ["DigitalSourceType", "CreatorTool", "Credit", "AISystemUsed", "AIPromptInformation"];

/** Names and values, whether written as an attribute, an element or a resource. */
export function readXmp(packet: string): [string, string][] {
  const found: [string, string][] = [];
  for (const name of WANTED) {
    const attribute = new RegExp(`\\s[\\w-]+:${name}\\s*=\\s*(?:"([^"<]*)"|'([^'<]*)')`).exec(packet);
    const element = new RegExp(`<[\\w-]+:${name}(\\s[^>]*)?>([^<]*)<`).exec(packet);
    const resource = new RegExp(`<[\\w-]+:${name}\\s[^>]*resource\\s*=\\s*["']([^"'<]*)["']`).exec(packet);
    const value = attribute?.[1] ?? attribute?.[2] ?? resource?.[1] ?? element?.[2];
    if (value?.trim()) found.push([name, unescape(value.trim())]);
  }
  return found;
}

function unescape(text: string): string {
  const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => entities[name]);
}
