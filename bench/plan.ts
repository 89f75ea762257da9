/** What a contestant serves in one measurement. */
export interface Plan {
  /** How many sub-apps are mounted, each at a prefix of its own. */
  readonly mounts: number;
  /** Which of them the client calls. */
  readonly target: "first" | "last";
  /** How deep they are mounted: 1 is in the root app, 3 is in an app in an app in the root app. */
  readonly depth: 1 | 3;
  readonly rooms: RoomPlan;
}

/** Who is in which room. */
export interface RoomPlan {
  readonly rooms: number;
  /** Members of each room. */
  readonly members: number;
  /** Connections over which the memberships are spread, evenly. */
  readonly connections: number;
}

export const PLAN: Plan = {
  mounts: 1,
  target: "first",
  depth: 1,
  rooms: { rooms: 1, members: 1, connections: 1 },
};

/** The prefixes of the apps above the mounted ones, the outermost first. */
export function outer(plan: Plan): string[] {
  return plan.depth === 3 ? ["/outer", "/inner"] : [];
}

/** The prefixes of the mounted apps, inside those above. */
export function prefixes(plan: Plan): string[] {
  return Array.from({ length: plan.mounts }, (_, index) => `/m${index}`);
}

/** The whole prefix of the app that the client calls. */
export function targetPrefix(plan: Plan): string {
  const index = plan.target === "first" ? 0 : plan.mounts - 1;
  return `${outer(plan).join("")}/m${index}`;
}

/** The rooms of one connection: room r has the connections r·m to r·m + m − 1, going round. */
export function roomsOf(index: number, { rooms, members, connections }: RoomPlan): number[] {
  const mine: number[] = [];
  for (let room = 0; room < rooms; room++) {
    const first = (room * members) % connections;
    if ((index - first + connections) % connections < members) mine.push(room);
  }
  return mine;
}
