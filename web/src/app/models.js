/** The networks that the site has. */

const LIST = "models/index.json";

/**
 * Names of the networks that lie in `models/` beside the page.
 * @returns {Promise<string[]>}
 */
export async function listModels() {
  const response = await fetch(LIST);
  if (!response.ok) return [];
  const names = await response.json();
  return Array.isArray(names) ? names.map(String) : [];
}

/**
 * Fetches a network of this site.
 * @param {string} address Relative to the page.
 * @returns {Promise<File>}
 * @throws {Error} A sentence.
 */
export async function fetchModel(address) {
  const url = new URL(address, document.baseURI);
  if (url.origin !== location.origin) {
    throw new Error(
      `A network must come from this site, ${location.origin}. Open another ` +
        "one as a file.",
    );
  }
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(
      `There is no network at ${url.pathname}: the server says ` +
        `${response.status}.`,
    );
  }
  const name = decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
  return new File([await response.blob()], name);
}

/**
 * What the page says of a network.
 * @param {import("./remote.js").RemoteNetwork} network One that runs.
 * @returns {string}
 */
export function described({ name, spec, runsOn }) {
  if (spec === null) return name;
  const { skeleton, volume, inputSize } = spec;
  return (
    `${name}: ${skeleton.joints.length} joints (${skeleton.name}), ` +
    `${volume.kind} volume, ${inputSize} px, on the ${runsOn}`
  );
}
