// What the part for handing in pictures shows and says.

const MOST_FAULTS_SHOWN = 200;

export const numbered = (count) => count.toLocaleString("en");

export function timeLeft(seconds) {
  if (!Number.isFinite(seconds)) return "just begun";
  if (seconds < 10) return "a few seconds left";
  if (seconds < 90) return `about ${10 * Math.ceil(seconds / 10)} seconds left`;
  return `about ${Math.ceil(seconds / 60)} minutes left`;
}

const plural = (count, one, many) => `${numbered(count)} ${count === 1 ? one : many}`;

export class View {
  constructor(part) {
    const find = (name) => part.querySelector(`[data-part="${name}"]`);
    Object.assign(this, {
      part, stop: find("stop"), goOn: find("go-on"), box: find("progress"), bar: find("bar"), count: find("count"),
      outcome: find("outcome"), faults: find("faults"), faultsTitle: find("faults-title"), faultsList: find("faults-list"),
      next: find("next"), lookalikes: find("lookalikes"), spoken: find("spoken"),
    });
  }

  want() {
    return this.part.querySelector('input[name="way"]:checked').value === "copy" ? "copy" : "code";
  }

  say(words) {
    this.spoken.textContent = words;
  }

  reading(count) {
    this.outcome.replaceChildren();
    this.next.hidden = this.lookalikes.hidden = true;
    this.faults.hidden = true;
    this.box.hidden = false;
    this.bar.removeAttribute("value");
    this.count.textContent = `Reading the list of ${plural(count, "file", "files")} …`;
    this.stop.hidden = this.goOn.hidden = true;
  }

  nothing() {
    this.box.hidden = true;
    this.tell("There is nothing in it to look at.");
  }

  started(run) {
    this.outcome.replaceChildren();
    this.box.hidden = this.stop.hidden = false;
    this.goOn.hidden = true;
    this.busy(true);
    this.progress(run);
    this.say(`Looking at ${plural(run.left.size, "file", "files")}.`);
  }

  progress(run) {
    this.bar.max = Math.max(1, run.total);
    this.bar.value = run.looked;
    this.count.textContent = `${numbered(run.looked)} of ${numbered(run.total)} · ${timeLeft(run.secondsLeft())}`;
  }

  stopped(run) {
    this.stop.hidden = true;
    this.goOn.hidden = false;
    this.busy(false);
    this.count.textContent = `Stopped: ${numbered(run.looked)} of ${numbered(run.total)} looked at.`;
    this.listFaults(run);
    this.say("Stopped. You can go on later.");
  }

  finished(run, draft) {
    this.box.hidden = true;
    this.busy(false);
    const said = [`${plural(run.accepted, "picture is", "pictures are")} in.`];
    if (run.repeated) said.push(`${plural(run.repeated, "file was", "files were")} looked at before.`);
    if (run.flat) said.push(`${plural(run.flat, "picture is", "pictures are")} so plain that strangers’ pictures look the same by match code: a person looks at your choice before it counts for copies of them.`);
    if (run.others) said.push(`${plural(run.others, "other file is", "other files are")} no picture.`);
    this.tell(said.join(" "));
    this.listFaults(run);
    this.next.href = `/choices/draft/${draft}`;
    this.next.hidden = false;
    this.lookalikes.href = `/choices/draft/${draft}/lookalikes`;
    this.lookalikes.hidden = run.want !== "copy";
  }

  broken(reason, run) {
    this.busy(false);
    this.stop.hidden = true;
    this.goOn.hidden = !run?.left.size;
    this.box.hidden = !run;
    this.tell(`It does not go on: ${reason}.`);
    if (run) this.listFaults(run);
  }

  tell(words) {
    const line = document.createElement("p");
    line.className = "told";
    line.textContent = words;
    this.outcome.replaceChildren(line);
    this.say(words);
  }

  listFaults({ faults }) {
    this.faults.hidden = !faults.length;
    this.faultsTitle.textContent = `${plural(faults.length, "file", "files")} could not be taken`;
    const lines = faults.slice(0, MOST_FAULTS_SHOWN).map(({ name, reason }) => line(name, reason));
    if (faults.length > lines.length) lines.push(line(`${numbered(faults.length - lines.length)} more`, ""));
    this.faultsList.replaceChildren(...lines);
  }

  busy(isBusy) {
    for (const input of this.part.querySelectorAll("input")) input.disabled = isBusy;
    this.part.setAttribute("aria-busy", String(isBusy));
  }
}

function line(name, reason) {
  const item = document.createElement("li");
  const strong = document.createElement("strong");
  strong.textContent = name;
  item.append(strong, reason && `: ${reason}`);
  return item;
}
