// What the gate's own words are for people.

export const MODE = { entry: "Check-in", exit: "Check-out" };
export const SETTLED = {
  waiting: "Waiting",
  confirmed: "Confirmed",
  duplicate: "Known",
  refused: "Refused",
  local: "Kept here",
  shelved: "Needs help",
  annulled: "Annulled",
  annulling: "Annulling",
};
