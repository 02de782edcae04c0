// One run over everything handed in: hash, send, count. It can be stopped and goes on with what is left.
import { doneIn, forgetOld, remember } from "./picture_memory.js";
import { Pool } from "./picture_pool.js";
import { CODES_AT_ONCE, COPIES_AT_ONCE, sendCodes, sendCopies } from "./pictures_in_send.js";

export class Run {
  // `changed` is called after every step.
  constructor({ draft, token, worker, limits, want, items, faults, changed }) {
    Object.assign(this, { draft, token, worker, limits, want, changed });
    this.faults = [...faults];
    this.all = items;
    this.left = new Set(items);
    this.others = this.flat = this.accepted = this.repeated = 0;
    this.codes = [];
    this.copies = [];
    this.sending = Promise.resolve();
  }

  get total() {
    return this.all.length - this.repeated;
  }

  get looked() {
    return this.all.length - this.repeated - this.left.size;
  }

  async skipDone() {
    await forgetOld();
    const done = await doneIn(this.draft);
    for (const item of this.all) if (done.has(item.key) && this.left.delete(item)) this.repeated += 1;
  }

  // Until nothing is left, or until the signal stops it; what was computed by then is sent.
  async go(signal) {
    const pool = new Pool(this.worker, this.limits, this.want);
    this.before = this.looked;
    this.startedAt = performance.now();
    try {
      await pool.run([...this.left], (item, answer) => this.take(item, answer), signal);
    } finally {
      await pool.close();
    }
    await this.send(true);
  }

  secondsLeft() {
    const done = this.looked - this.before;
    return done ? ((performance.now() - this.startedAt) / 1000 / done) * this.left.size : Infinity;
  }

  async take(item, answer) {
    if (answer.fault) this.faults.push({ name: item.name, reason: answer.fault });
    else if (answer.other) this.others += 1;
    else {
      if (answer.flat) this.flat += 1;
      this.codes.push([item, answer]);
      if (answer.copy) this.copies.push({ name: item.label || item.name, copy: answer.copy });
    }
    this.left.delete(item);
    this.changed(this);
    await this.send(false);
  }

  // One request at a time: whoever computes faster than the network takes waits here.
  send(isLast) {
    this.sending = this.sending.then(async () => {
      while (this.codes.length >= (isLast ? 1 : CODES_AT_ONCE)) await this.sendSomeCodes();
      while (this.copies.length >= (isLast ? 1 : COPIES_AT_ONCE)) await this.sendSomeCopies();
    });
    return this.sending;
  }

  async sendSomeCodes() {
    const some = this.codes.splice(0, CODES_AT_ONCE);
    try {
      const { accepted, rejected } = await sendCodes(this.draft, this.token, some);
      this.accepted += accepted;
      this.faults.push(...rejected);
    } catch (error) {
      for (const [item] of some) this.left.add(item);
      throw error;
    }
    await remember(this.draft, some.map(([item]) => item.key));
    this.changed(this);
  }

  async sendSomeCopies() {
    const { rejected } = await sendCopies(this.draft, this.token, this.copies.splice(0, COPIES_AT_ONCE), true);
    this.faults.push(...rejected);
  }
}
