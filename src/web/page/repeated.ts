/** A task that takes a while, and is done again if that was asked for in the meantime: however often, once. */
export class Repeated {
  private isBusy = false;
  private isStale = false;

  /** A task that is rejected is over: the machine may have been closed. */
  constructor(private readonly task: () => Promise<void>) {}

  async run(): Promise<void> {
    this.isStale = true;
    if (this.isBusy) return;
    this.isBusy = true;
    while (this.isStale) {
      this.isStale = false;
      await this.task().catch(() => {});
    }
    this.isBusy = false;
  }
}
