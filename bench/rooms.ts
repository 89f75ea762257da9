import { type RoomPlan, roomsOf } from "./plan.ts";

/** Rooms as one writes them without a framework: a set of members for each. */
export class Rooms<Member> {
  readonly #plan: RoomPlan;
  readonly #rooms: Set<Member>[];
  #next = 0;

  constructor(plan: RoomPlan) {
    this.#plan = plan;
    this.#rooms = Array.from({ length: plan.rooms }, () => new Set());
  }

  /** Adds a member to the rooms of its connection. */
  join(index: number, member: Member): void {
    for (const room of roomsOf(index, this.#plan)) this.#rooms[room]?.add(member);
  }

  leave(index: number, member: Member): void {
    for (const room of roomsOf(index, this.#plan)) this.#rooms[room]?.delete(member);
  }

  /** The rooms in turn: each publication goes to the next. */
  next(): Set<Member> {
    const room = this.#rooms[this.#next] as Set<Member>;
    this.#next = (this.#next + 1) % this.#rooms.length;
    return room;
  }
}
