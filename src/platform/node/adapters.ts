import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { messageOf } from '../../errors.js';
import { bundledSource, onlyDriver, type Source, systemSource } from './dawn.js';
import { type AdapterFacts, candidates } from './open.js';

/** One driver: the adapters that Dawn takes from it, or why there is none. */
export interface AdapterReport {
  /** Its manifest (`lvp_icd.json`), `bundled`, or `system` where drivers have no manifests. */
  driver: string;
  adapters: AdapterFacts[];
  /** Empty when there are adapters. */
  refused: string;
}

/** The manifests that the Vulkan loader would read: those of the environment, else of the standard folders. */
function manifests(): string[] {
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  if (named !== undefined) return named.split(':').filter((file) => file !== '');
  const data = process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share');
  const folders = ['/etc', '/usr/local/share', '/usr/share', data].map((parent) =>
    join(parent, 'vulkan', 'icd.d'),
  );
  return folders.flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
}

const NO_DEVICE = /VK_ERROR_INCOMPATIBLE_DRIVER|Found no drivers|any valid GPUs|vkEnumeratePhysicalDevices/;

/** Dawn and the Vulkan loader say in several ways that a driver found no device; other reasons stay in their words. */
const explain = (refused: string[]): string =>
  refused.filter((line) => !NO_DEVICE.test(line)).join('; ') || 'no device of this kind here';

async function report(driver: string, find: () => Promise<Source>): Promise<AdapterReport> {
  try {
    const { found, refused } = await candidates(await find());
    const adapters = found.map(({ facts }) => facts);
    return { driver, adapters, refused: adapters.length > 0 ? '' : explain(refused) };
  } catch (error) {
    return { driver, adapters: [], refused: messageOf(error) };
  }
}

/** Every driver found, each asked alone, so that a refusal has a name; the bundled one last. */
export async function listAdapters(): Promise<AdapterReport[]> {
  const linux = process.platform === 'linux';
  const files = linux ? manifests() : [];
  const reports: AdapterReport[] = [];
  for (const file of files)
    reports.push(await report(basename(file), async () => ({ kind: 'system', env: onlyDriver(file) })));
  if (files.length === 0) reports.push(await report('system', async () => systemSource));
  reports.push(await report('bundled', bundledSource));
  return reports;
}

interface OsRelease {
  id: string;
  version: string;
}

function osRelease(): OsRelease {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(text)?.[1] ?? '';
    return { id: field('ID'), version: field('VERSION_ID') };
  } catch {
    return { id: '', version: '' };
  }
}

/** Where a faster driver than the best of these can be had; one sentence a line, none where a GPU answers. */
export function driverAdvice(best: AdapterFacts['kind'] | undefined, os: OsRelease = osRelease()): string[] {
  if (best === 'gpu') return [];
  if (process.platform !== 'linux')
    return ['update the graphics driver: every current one for this system is supported'];
  const gpu = [
    'a GPU is many times faster: NVIDIA needs its own driver with Vulkan (nvidia-driver, in a container ' +
      'NVIDIA_DRIVER_CAPABILITIES=graphics,compute), AMD and Intel need mesa-vulkan-drivers and access to /dev/dri',
  ];
  if (best === 'system') return gpu;
  const lavapipe =
    os.id === 'debian' && os.version === '12'
      ? "lavapipe is 3 to 4 times faster than the bundled driver, but Debian 12's own is refused; as root: " +
        "echo 'deb http://deb.debian.org/debian bookworm-backports main' > /etc/apt/sources.list.d/backports.list " +
        '&& apt-get update && apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1'
      : ['debian', 'ubuntu'].includes(os.id)
        ? 'lavapipe is 3 to 4 times faster than the bundled driver; as root: apt-get install mesa-vulkan-drivers libvulkan1'
        : "lavapipe (Mesa 23 or newer) is 3 to 4 times faster than the bundled driver: install the distribution's Vulkan drivers of Mesa";
  return [lavapipe, ...gpu];
}
