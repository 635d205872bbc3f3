/** Sources that come with the page, or were dropped onto it, by their paths. */
export class SourceTexts {
  private readonly texts = new Map<string, Promise<readonly string[] | undefined>>();
  private readonly given = new Map<string, readonly string[]>();

  /** `known`: the paths of the sources that come with the page. */
  constructor(private readonly known: readonly string[]) {}

  /** Adds a source from a file of the user: it stands for every path that ends with its name. */
  add(name: string, text: string): void {
    this.given.set(name, text.split('\n'));
    this.texts.clear();
  }

  /** The lines of the source that debug information calls by a path; undefined if it is not here. */
  lines(path: string): Promise<readonly string[] | undefined> {
    const loading = this.texts.get(path) ?? this.load(path);
    this.texts.set(path, loading);
    return loading;
  }

  private async load(path: string): Promise<readonly string[] | undefined> {
    const given = this.given.get(path.split('/').at(-1)!);
    if (given) return given;
    const found = this.known.find((each) => path.endsWith(`/guest/${each}`));
    if (found === undefined) return undefined;
    const response = await fetch(`sources/${found}`);
    return response.ok ? (await response.text()).split('\n') : undefined;
  }
}
