import type { GraphNode, VmoPicture } from '../../../debug/inspect/vmo-picture.js';
import type { ListedVmo } from '../../machine/vmo-methods.js';
import { button, element, setText, sizeText } from '../dom.js';
import type { View, ViewHost } from './view.js';
import { nodeText, vmoGraph } from './vmo-graph.js';

/** VMOs whose id is computed step by step have at most so many subtrees. */
const STEPS_MAX = 40;
const NONE = '';
/** Text that is smaller than this can hardly be read. */
const SHRINKS_MOST = 1.3;

/** VMOs: how each was built, its canonical tree, and what two of them share. */
export class VmoView implements View {
  readonly element: HTMLElement;
  private readonly chosen: HTMLSelectElement;
  private readonly other: HTMLSelectElement;
  private readonly canvas = element('div', { class: 'graph', tabindex: '0', 'aria-label': 'Graph' });
  private readonly details = element('div', { class: 'details', 'aria-live': 'polite' });
  private readonly steps = element('ol', { class: 'steps', 'aria-label': 'How the id is computed' });
  private readonly summary = element('p', { class: 'place' });
  private listed = '';

  constructor(private readonly host: ViewHost) {
    const selection = (label: string): HTMLSelectElement => {
      const made = element('select', { 'aria-label': label });
      made.addEventListener('change', () => void this.draw());
      return made;
    };
    [this.chosen, this.other] = [selection('VMO'), selection('Compare with')];
    const picker = element('input', { type: 'file', hidden: true });
    picker.addEventListener('change', () => {
      const file = picker.files?.[0];
      if (file) void this.addFile(file);
    });
    this.element = element(
      'div',
      { class: 'vmos' },
      element(
        'div',
        { class: 'toolbar' },
        ...[this.chosen, element('span', {}, 'compared with'), this.other, picker],
        button('File…', { title: 'Make a VMO of a file' }, () => picker.click()),
        this.summary,
      ),
      this.canvas,
      this.details,
      this.steps,
    );
  }

  async update(): Promise<void> {
    const list = await this.host.machine.call('vmos', undefined);
    const text = JSON.stringify(list);
    if (text === this.listed) return;
    this.listed = text;
    this.fill(list);
    await this.draw();
  }

  /** Draws the VMO of a file. */
  async addFile(file: File): Promise<void> {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const key = await this.host.machine.call('addVmo', { name: file.name, bytes });
    await this.update();
    this.chosen.value = key;
    await this.draw();
  }

  private fill(list: readonly ListedVmo[]): void {
    const [chosen, other] = [this.chosen.value, this.other.value];
    const options = (): HTMLOptionElement[] =>
      list.map(({ key, title, length }) => new Option(`${title}, ${sizeText(length)}`, key));
    this.chosen.replaceChildren(...options());
    this.other.replaceChildren(new Option('nothing', NONE), ...options());
    // Two files are there to be compared.
    if (chosen === NONE && list[1]?.key.startsWith('file ')) this.other.value = list[1].key;
    if (list.some(({ key }) => key === chosen)) this.chosen.value = chosen;
    if (list.some(({ key }) => key === other)) this.other.value = other;
  }

  private async draw(): Promise<void> {
    const keys = [this.chosen.value, this.other.value].filter((key) => key !== NONE);
    if (keys.length === 0) return this.canvas.replaceChildren(element('p', { class: 'quiet' }, 'There is no VMO'));
    try {
      this.showPicture(await this.host.machine.call('vmoPicture', keys));
    } catch (error) {
      this.canvas.replaceChildren(element('p', { class: 'quiet' }, (error as Error).message));
    }
  }

  private showPicture(picture: VmoPicture): void {
    const { vmos, differences } = picture;
    const roots = vmos.flatMap(({ built, canonical }) => [built, canonical]).filter((id) => id !== undefined);
    this.canvas.replaceChildren(
      roots.length === 0
        ? element('p', { class: 'quiet' }, 'It is empty')
        : vmoGraph(picture, [...new Set(roots)], (node) => this.describe(node)),
    );
    this.fit();
    // The first root is in view, however wide the graph is.
    const root = this.canvas.querySelector('.node');
    root?.scrollIntoView({ block: 'nearest', inline: 'center' });
    const pages = differences.reduce((total, { count }) => total + count, 0);
    const difference =
      vmos.length < 2
        ? ''
        : pages === 0
          ? '; they are equal'
          : `; ${pages} ${pages === 1 ? 'page differs' : 'pages differ'}`;
    setText(this.summary, `${picture.nodes.length} parts, equal ones drawn once${difference}`);
    this.details.replaceChildren(
      element(
        'dl',
        {},
        ...vmos.flatMap(({ id, length }) => [element('dt', {}, sizeText(length)), element('dd', {}, id)]),
        ...differences
          .slice(0, 8)
          .flatMap(({ first, count }) => [
            element('dt', {}, 'differ'),
            element('dd', {}, count === 1 ? `page ${first}` : `pages ${first} to ${first + count - 1}`),
          ]),
      ),
    );
    this.steps.replaceChildren(...(vmos.length === 1 ? stepsOf(picture) : []));
  }

  /** A graph that is not much wider than its place is drawn smaller. */
  private fit(): void {
    const graph = this.canvas.querySelector('svg');
    if (graph && Number(graph.getAttribute('width')) <= SHRINKS_MOST * this.canvas.clientWidth)
      graph.setAttribute('style', 'max-width: 100%; height: auto');
  }

  private describe(node: GraphNode): void {
    const [title, detail] = nodeText(node);
    const lines = [
      [title, node.hash ?? detail],
      ['size', sizeText(node.bytes)],
    ] as const;
    this.details.replaceChildren(
      element('dl', {}, ...lines.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)])),
    );
  }
}

/** How the id of a small VMO is computed, from the pages up. */
function stepsOf({ nodes, vmos }: VmoPicture): HTMLElement[] {
  const [{ canonical, id, length }] = vmos as [VmoPicture['vmos'][number]];
  if (canonical === undefined) return [];
  const order: GraphNode[] = [];
  const visit = (number: number): void => {
    const node = nodes[number]!;
    if (order.includes(node)) return;
    node.children.forEach(visit);
    order.push(node);
  };
  visit(canonical);
  if (order.length > STEPS_MAX) return [];
  const short = (number: number): string => nodes[number]!.hash!.slice(0, 10);
  const steps = order.map(({ kind, level, hash, children }) => {
    const [left, right = left] = children;
    const text =
      left === undefined
        ? kind === 'zeros'
          ? `zeros of level ${level}`
          : 'SHA-256(00, the 4096 bytes of the page)'
        : `SHA-256(01, level ${level}, ${short(left)}, ${short(right!)})`;
    return `${text} = ${hash}`;
  });
  steps.push(`id = SHA-256(02, "BD0VMO", length ${length}, ${short(canonical)}) = ${id}`);
  return steps.map((step) => element('li', {}, step));
}
