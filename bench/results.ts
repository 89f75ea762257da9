import { type Spread, spread } from "./statistics.ts";
import type { Case, ContestantName, Measured, Workload } from "./workload.ts";

/** One measurement, as it stands in the JSON file. */
export interface Sample extends Measured {
  readonly workload: string;
  readonly case: string;
  readonly contestant: ContestantName;
  readonly round: number;
}

/** All measurements of a run, and what follows from them. */
export class Results {
  readonly samples: Sample[] = [];

  add(sample: Sample): void {
    this.samples.push(sample);
  }

  /** Of a workload's cases those that were measured. */
  cases(workload: Workload): Case[] {
    return workload.cases.filter(({ name }) => this.#of(workload, name).length > 0);
  }

  /** Of a workload's contestants those that were measured. */
  contestants(workload: Workload): ContestantName[] {
    return workload.contestants.filter((name) =>
      this.samples.some(
        (sample) => sample.workload === workload.name && sample.contestant === name,
      ),
    );
  }

  cost(workload: Workload, { name }: Case, contestant: ContestantName): Spread | undefined {
    return spread(this.#of(workload, name, contestant).map(({ cost }) => cost));
  }

  rate(workload: Workload, { name }: Case, contestant: ContestantName): Spread | undefined {
    return spread(this.#of(workload, name, contestant).flatMap(({ rate }) => rate ?? []));
  }

  /** The cost divided by another contestant's in the same round. */
  ratio(
    workload: Workload,
    { name }: Case,
    contestant: ContestantName,
    to: ContestantName,
  ): Spread | undefined {
    return ratios(this.#of(workload, name, contestant), this.#of(workload, name, to));
  }

  /** The cost divided by the same contestant's in another case of the same round. */
  growth(
    workload: Workload,
    { name, against }: Case,
    contestant: ContestantName,
  ): Spread | undefined {
    if (against === undefined) return undefined;
    return ratios(this.#of(workload, name, contestant), this.#of(workload, against, contestant));
  }

  #of(workload: Workload, name: string, contestant?: ContestantName): Sample[] {
    return this.samples.filter(
      (sample) =>
        sample.workload === workload.name &&
        sample.case === name &&
        (contestant === undefined || sample.contestant === contestant),
    );
  }
}

function ratios(these: readonly Sample[], those: readonly Sample[]): Spread | undefined {
  const base = new Map(those.map(({ round, cost }) => [round, cost]));
  return spread(
    these.flatMap(({ round, cost }) => {
      const other = base.get(round);
      return other === undefined ? [] : cost / other;
    }),
  );
}
