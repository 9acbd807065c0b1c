/** The page: tabs, backend, what is missing. All computing is in the worker. */
import { Client } from './client.ts';
import { byId } from './dom.ts';
import type { BackendChoice, ModelChoice, Started } from './protocol.ts';
import { DetectView } from './views/detect.ts';
import { InspectView } from './views/inspect.ts';
import { TrainView } from './views/train.ts';

const client = new Client();
const names = { webgpu: 'WebGPU', wasm: 'WASM', cpu: 'plain JavaScript' } as const;

function notify(text: string): void {
  const notice = byId('notice');
  notice.textContent = text;
  notice.hidden = text === '';
}

const failed = (error: unknown): void => notify(error instanceof Error ? error.message : String(error));

function tell({ name, wasm, isolated, hasWebGPU }: Started): void {
  const threads = wasm ? `, ${wasm.threads} ${wasm.threads === 1 ? 'thread' : 'threads'}` : '';
  const missing = [
    ...(hasWebGPU ? [] : ['This browser has no WebGPU']),
    ...(isolated ? [] : ['this page may not use threads (its server sends no COOP and COEP headers)']),
  ];
  const instead = missing.length === 0 ? '' : `. ${missing.join('; ')}: ${names[name]} is used instead`;
  byId('status').textContent = `Runs on ${names[name]}${threads}${instead}.`;
}

async function start(backend: BackendChoice): Promise<void> {
  byId('status').textContent = 'Starting …';
  try {
    tell(await client.call('start', backend));
    notify('');
  } catch (error) {
    // A named backend that is not there: say so, and take the best one.
    failed(error);
    byId<HTMLSelectElement>('backend').value = 'auto';
    tell(await client.call('start', 'auto'));
  }
}

const detect = new DetectView(client, failed);
const inspect = new InspectView(client, () => detect.picture, failed);

const tabs = [...document.querySelectorAll<HTMLButtonElement>('[role=tab]')];
function select(tab: HTMLButtonElement): void {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute('aria-selected', String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    byId(each.getAttribute('aria-controls')!).hidden = !chosen;
  }
  if (tab.id === 'tab-inspect') void inspect.open();
}
for (const [i, tab] of tabs.entries()) {
  tab.addEventListener('click', () => select(tab));
  tab.addEventListener('keydown', ({ key }) => {
    const step = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = tabs[(i + step + tabs.length) % tabs.length]!;
    next.focus();
    select(next);
  });
}

const model = byId<HTMLSelectElement>('model');
async function useModel(kind: ModelChoice): Promise<void> {
  try {
    await client.call('loadModel', kind);
    model.value = kind;
    detect.refresh();
  } catch (error) {
    failed(error);
  }
}
model.addEventListener('change', () => void useModel(model.value as ModelChoice));
byId<HTMLSelectElement>('backend').addEventListener('change', async (event) => {
  await start((event.target as HTMLSelectElement).value as BackendChoice).catch(failed);
  await useModel(model.value as ModelChoice);
});
client.listen((event) => {
  if (event.event !== 'deviceLost') return;
  tell(event.started);
  byId<HTMLSelectElement>('backend').value = event.started.name;
  notify(
    `The GPU was lost (${event.message || 'no reason was given'}). ${names[event.started.name]} is used now.`,
  );
  detect.refresh();
});

await start('auto').catch(failed);
new TrainView(client, failed, () => {
  select(tabs[0]!);
  void useModel('tuned');
});
document.documentElement.dataset['ready'] = '';

if ('serviceWorker' in navigator) await navigator.serviceWorker.register('service-worker.js').catch(failed);
