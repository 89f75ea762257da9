/** A room in which attackers come and go, and ordinary clients talk. */
export const HALL = "hall";

/** The rooms of those who speak `chat.v1`. */
export const V1_ROOMS = [HALL, "v1-1", "v1-2", "v1-3"];

/** The rooms of those who speak plain text. */
export const PLAIN_ROOMS = ["plain-1", "plain-2", "plain-3"];
