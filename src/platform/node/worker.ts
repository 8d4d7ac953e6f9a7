/**
 * The URL of a worker script beside the module that starts it. Compiled modules find `./name.js` beside themselves; a module run from
 * its TypeScript source (as the tests do) finds the compiled worker under dist/, since a Node worker cannot run TypeScript.
 */
export function workerUrl(moduleUrl: string, relative: string): URL {
  const url = new URL(relative, moduleUrl);
  if (moduleUrl.endsWith('.ts')) url.pathname = url.pathname.replace(/\/(src\/(?!.*\/src\/).*)$/, '/dist/$1');
  return url;
}
