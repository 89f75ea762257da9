import fc from "fast-check";

/** How many messages a room keeps. */
export const KEPT = 4;
/** How many talk in it beside the witness. */
export const CLIENTS = 3;

/** How a client asks to resume in a way that cannot be honoured. */
export type Strange = "foreign" | "future" | "malformed";

/** What a client does; those of one round happen at once. */
export type Action =
  | { do: "say" | "drop" | "close" | "resume" | "restart"; who: number }
  | { do: "drop after"; who: number; messages: number }
  | { do: "resend" | "reuse"; who: number; which: number }
  | { do: "strange"; who: number; how: Strange }
  | { do: "burst"; messages: number };

const who = fc.nat({ max: CLIENTS - 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("say" as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("drop", "close"), who }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("resume" as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("drop after" as const),
      who,
      messages: fc.nat({ max: KEPT }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("resend" as const, "reuse" as const),
      who,
      which: fc.nat({ max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("strange" as const),
      who,
      how: fc.constantFrom<Strange>("foreign", "future", "malformed"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("burst" as const),
      messages: fc.integer({ min: 1, max: KEPT + 2 }),
    }),
  },
) as fc.Arbitrary<Action>;

/** Rounds of actions, one after the other. */
export const rounds = fc.array(fc.array(action, { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 12,
  size: "max",
});
