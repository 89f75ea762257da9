/**
 * Whether Autobahn's large cases are played in full. The suite plays a short form: fewer messages,
 * and shorter ones. `AUTOBAHN=whole node --import tsx test/attacks/autobahn/large.test.ts` plays
 * group 9 whole in a minute, and `deflate.test.ts` in place of it groups 12 and 13 in an hour or so.
 */
export const isWhole = process.env.AUTOBAHN === "whole";
