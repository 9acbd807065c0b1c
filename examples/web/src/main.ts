/** The page: tabs, backend, what is missing. All computing is in the worker. */
import { Client } from './client.ts';
import { arrowKeys, byId } from './dom.ts';
import { emptyProject, isEmpty } from './project/project.ts';
import { Workspace } from './project/workspace.ts';
import type { BackendChoice, Started } from './protocol.ts';
import { forgiving, memoryStorage, openStorage } from './storage/storage.ts';
import { lockProject } from './tab-lock.ts';
import { DetectView } from './views/detect.ts';
import { InspectView } from './views/inspect.ts';
import { ModelMenu } from './views/models.ts';
import { TeachView } from './views/teach.ts';
import { TrainingView } from './views/training.ts';

const client = new Client();
const backend = byId<HTMLSelectElement>('backend');
const names = { webgpu: 'WebGPU', wasm: 'WASM', cpu: 'plain JavaScript' } as const;

function notify(text: string): void {
  byId('notice-text').textContent = text;
  byId('notice').hidden = text === '';
}
byId('notice-close').addEventListener('click', () => {
  notify('');
  document.querySelector<HTMLElement>('[role=tab][aria-selected=true]')?.focus();
});
const failed = (error: unknown): void => notify(error instanceof Error ? error.message : String(error));

function tell({ name, wasm, isolated, hasWebGPU }: Started): void {
  const threads = wasm ? `, ${wasm.threads} ${wasm.threads === 1 ? 'thread' : 'threads'}` : '';
  const missing = [
    ...(hasWebGPU ? [] : ['This browser has no WebGPU']),
    ...(isolated
      ? []
      : ['this page may not use threads (it needs https, and a server that sends COOP and COEP)']),
  ];
  const instead = missing.length === 0 ? '' : `. ${missing.join('; ')}: ${names[name]} is used instead`;
  byId('status').textContent = `Runs on ${names[name]}${threads}${instead}.`;
}

// ---- what is kept --------------------------------------------------------------------------------------------------

const storage = await openStorage();
const notKept = (why: string) =>
  notify(
    `This browser keeps nothing more: ${why} Everything works, but save the project as a file before you leave.`,
  );
let isKept = storage.why === '';
if (!isKept) notKept(storage.why);
const ownsProject = await lockProject(false, () => giveUp());
const area = (ownsProject ? storage : memoryStorage('another tab has it')).area('project');
const workspace = new Workspace(
  forgiving(area, (why) => {
    isKept = false;
    notKept(why);
  }),
);
addEventListener('beforeunload', (event) => {
  if (!isKept && !isEmpty(workspace.project)) event.preventDefault();
});
addEventListener('pagehide', () => void workspace.flush());

// ---- views ---------------------------------------------------------------------------------------------------------

const models = new ModelMenu(client, failed, () => detect.refresh());
const detect: DetectView = new DetectView(
  client,
  failed,
  (file) => void models.open(file),
  (seconds) => training.looked(seconds),
);
const inspect = new InspectView(client, detect, failed);

const tabs = [...document.querySelectorAll<HTMLButtonElement>('[role=tab]')];
function select(tab: HTMLButtonElement): void {
  if (tab.getAttribute('aria-selected') === 'true') return;
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute('aria-selected', String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    byId(each.getAttribute('aria-controls')!).hidden = !chosen;
  }
  if (tab.id === 'tab-inspect') void inspect.open();
  if (tab.id === 'tab-train') teach.refresh();
}
for (const tab of tabs) {
  tab.addEventListener('click', () => select(tab));
  tab.addEventListener('focus', () => select(tab));
}
arrowKeys(document.querySelector('[role=tablist]')!);

const teach = new TeachView(client, workspace, {
  failed,
  model: () => models.facts,
  async deleteAll() {
    await client.call('abandon', null);
    for (const { id } of await client.call('models', null)) await client.call('removeModel', id);
    await storage.clear();
    localStorage.clear();
    byId('unfinished').hidden = true;
    await models.restore();
  },
});
const training: TrainingView = new TrainingView(client, workspace, {
  failed,
  trained: (model) => void models.noticed(model),
  detect: () => select(tabs[0]!),
  running(isRunning) {
    backend.disabled = isRunning;
    backend.title = isRunning ? 'Stop the training first.' : '';
  },
});

// ---- one tab at a time ---------------------------------------------------------------------------------------------

function showElsewhere(isElsewhere: boolean): void {
  byId('elsewhere').hidden = !isElsewhere;
  byId('teach').hidden = byId('teach-panel').hidden = isElsewhere;
}
/** Another tab has taken the project. */
function giveUp(): void {
  void workspace.flush();
  void training.leave();
  showElsewhere(true);
}
byId('take-over').addEventListener('click', async () => {
  // The other tab writes what it has, then lets go; a fresh start reads it.
  await lockProject(true, giveUp);
  location.reload();
});

// ---- the backend ---------------------------------------------------------------------------------------------------

async function start(choice: BackendChoice): Promise<void> {
  byId('status').textContent = 'Starting …';
  try {
    tell(await client.call('start', { backend: choice, storage: storage.why }));
  } catch (error) {
    // A named backend that is not there: say so, and take the best one.
    failed(error);
    backend.value = 'auto';
    tell(await client.call('start', { backend: 'auto', storage: storage.why }));
  }
}
backend.addEventListener('change', async () => {
  try {
    await start(backend.value as BackendChoice);
    await models.restore();
    detect.refresh();
  } catch (error) {
    failed(error);
  }
});
client.listen((event) => {
  if (event.event === 'weights') {
    const { loaded, total } = event;
    byId('loading').hidden = loaded >= total;
    byId<HTMLProgressElement>('loading-bar').value = loaded / total;
    byId('loading-text').textContent =
      `Fetching the detector, once: ${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`;
  } else if (event.event === 'notKept') {
    isKept = false;
    notKept(event.why);
  } else if (event.event === 'deviceLost') {
    tell(event.started);
    backend.value = event.started.name;
    notify(
      `The GPU was lost (${event.message || 'no reason was given'}). ${names[event.started.name]} is used now.`,
    );
    void models.restore().then(() => detect.refresh());
  }
});

showElsewhere(!ownsProject);
if (ownsProject) await workspace.restore().catch(failed);
if (workspace.project !== emptyProject && !isEmpty(workspace.project)) select(tabs[1]!);
await start('auto').catch(failed);
await models.restore().catch(failed);
if (ownsProject) await training.offerToGoOn().catch(failed);
document.documentElement.dataset['ready'] = '';

if ('serviceWorker' in navigator) await navigator.serviceWorker.register('service-worker.js').catch(failed);
