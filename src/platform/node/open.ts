import { messageOf, UserError } from '../../errors.js';
import { CodeGenerator } from './code-generator.js';
import {
  adapterNames,
  bundledSource,
  type Instance,
  requestByName,
  type Source,
  systemSource,
} from './dawn.js';

/** What is known of an adapter. */
export interface AdapterFacts {
  kind: 'gpu' | 'system' | 'bundled';
  /** The name that the driver gives it. */
  description: string;
  vendor: string;
  architecture: string;
  driver: string;
  backend: string;
  software: boolean;
  /** The one subgroup size of all its kernels, or 0 where it may vary. */
  subgroupSize: number;
  features: string[];
  limits: Record<string, number>;
}

/** A device with its adapter's own limits, held until close(). */
export interface OpenDevice {
  device: GPUDevice;
  adapter: AdapterFacts;
  /** Resolves with the reason when the device is lost, also by close(). */
  lost: Promise<string>;
  /** Has the driver make a kernel's machine code ahead, where it would otherwise do so when the kernel first runs. */
  generate?: (label: string, code: string) => Promise<void>;
  /** Throws the first error that the device reported outside any call; call it wherever the run waits for the GPU anyway. */
  check(): void;
  /** Waits for the queue, destroys the device with all its buffers and lets go of Dawn, so the process can end by itself. */
  close(): Promise<void>;
}

/** An adapter that could be opened. */
export interface Candidate extends Instance {
  facts: AdapterFacts;
}

const FEATURES = ['subgroups', 'shader-f16', 'timestamp-query'] as const;

const numbers = (limits: GPUSupportedLimits): Record<string, number> => {
  const found: Record<string, number> = {};
  // Limits are getters of the prototype: Object.keys does not see them.
  for (const key in limits) {
    const value = limits[key as keyof GPUSupportedLimits];
    if (typeof value === 'number') found[key] = value;
  }
  return found;
};

function factsOf({ adapter }: Instance, source: Source, backend: string, name: string): AdapterFacts {
  const { info, limits, features } = adapter;
  const software = info.isFallbackAdapter || /llvmpipe|swiftshader|basic render/i.test(name);
  return {
    kind: source.kind === 'bundled' ? 'bundled' : software ? 'system' : 'gpu',
    description: name,
    vendor: info.vendor,
    architecture: info.architecture,
    driver: info.description,
    backend,
    software,
    subgroupSize: info.subgroupMinSize === info.subgroupMaxSize ? info.subgroupMinSize : 0,
    features: [...features].sort(),
    limits: numbers(limits),
  };
}

/** All adapters of a source that Dawn accepts, GPUs before software, else in Dawn's order; and why drivers were refused. */
export async function candidates(source: Source): Promise<{ found: Candidate[]; refused: string[] }> {
  const { names, refused } = await adapterNames(source);
  const found: Candidate[] = [];
  for (const { backend, name } of names) {
    const opened = await requestByName(source, { backend, name });
    if (opened) found.push({ ...opened, facts: factsOf(opened, source, backend, name) });
  }
  found.sort((a, b) => Number(a.facts.software) - Number(b.facts.software));
  return { found, refused };
}

const has = (text: string) => {
  const wanted = text.toLowerCase();
  return ({ facts }: Candidate) => `${facts.description}\n${facts.driver}`.toLowerCase().includes(wanted);
};

const notFound = (choice: string, seen: Candidate[], reasons: string[]): UserError => {
  const names = seen.map(({ facts }) => `${facts.description} (${facts.kind})`).join(', ');
  const asked = choice === '' ? '' : `--adapter ${choice}: `;
  const why = names
    ? `no such adapter; found ${names}`
    : ['no adapter found', ...new Set(reasons)].join('; ');
  return new UserError(`${asked}${why}; \`clew doctor\` says more`);
};

const system = async () => systemSource;

/** The sources to look in, in this order, and what to take there. The bundled driver is unpacked only if it comes to that. */
function search(choice: string): {
  sources: (() => Promise<Source>)[];
  wanted: (candidate: Candidate) => boolean;
} {
  const kind = choice.toLowerCase();
  const isKind = ({ facts }: Candidate) => facts.kind === kind;
  if (kind === 'gpu' || kind === 'system') return { sources: [system], wanted: isKind };
  if (kind === 'bundled') return { sources: [bundledSource], wanted: isKind };
  return { sources: [system, bundledSource], wanted: has(choice) };
}

async function choose(choice: string): Promise<Candidate> {
  const { sources, wanted } = search(choice);
  const seen: Candidate[] = [];
  const reasons: string[] = [];
  for (const source of sources) {
    try {
      const { found, refused } = await candidates(await source());
      const match = found.find(wanted);
      if (match) return match;
      seen.push(...found);
      reasons.push(...refused);
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  throw notFound(choice, seen, reasons);
}

// Dawn's objects of all open devices: nothing else need hold them while promises are under way.
const held = new Set<unknown>();

const request = (adapter: GPUAdapter, { limits }: AdapterFacts): Promise<GPUDevice> =>
  adapter.requestDevice({
    label: 'clew',
    requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: limits,
  });

async function deviceOf({ gpu, adapter, facts }: Candidate): Promise<OpenDevice> {
  const device = await request(adapter, facts);
  const generator = new CodeGenerator(async () => {
    const another = await gpu.requestAdapter();
    if (!another) throw new Error('the adapter is gone');
    return request(another, facts);
  });
  const references = { gpu, adapter, device, generator };
  held.add(references);

  let failure: Error | undefined;
  let closing = false;
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault(); // else the binding prints it, too
    failure ??= new Error(`the GPU reported: ${event.error.message.trim()}`);
  });
  const lost = device.lost.then(({ reason, message }) => {
    if (!closing) failure ??= new UserError(`the GPU device was lost (${reason}): ${message.trim()}`);
    return message;
  });

  return {
    device,
    adapter: facts,
    lost,
    ...(/llvmpipe/i.test(facts.description)
      ? { generate: (label: string, code: string) => generator.generate(label, code) }
      : {}),
    check() {
      if (failure) throw failure;
    },
    async close() {
      if (closing) return;
      closing = true;
      await device.queue.onSubmittedWorkDone().catch(() => {}); // a lost device has nothing left to wait for
      await generator.close();
      device.destroy();
      await lost;
      held.delete(references);
    },
  };
}

/**
 * Opens the adapter to compute on: `gpu`, `system`, `bundled`, or a part of its name or driver, in any case; by default
 * $CLEW_ADAPTER, else a GPU, else a software adapter of the system's, else the bundled one.
 * @throws UserError naming what was found when nothing fits, or why nothing was found
 */
export async function openDevice(choice = process.env.CLEW_ADAPTER ?? ''): Promise<OpenDevice> {
  return deviceOf(await choose(choice.trim()));
}
