// The addresses of every page, as the made-up installation of web/webtest has
// them.
export const pages = {
  today: "/",
  dose: "/dose/ct",
  row: "/dose/ct?open=r1",
  examinations: "/dose/ct/rows/r1",
  examination: "/dose/examinations/e1-0",
  object: "/images/objects/2.25.100000000000000000000000000000000001?at=1.4.3",
  mapping: "/dose/mapping",
  start: "/start",
  rooms: "/settings/rooms",
  content: "/settings/content",
  drawer: "/settings/content?open=example-levels-2030",
  sign: "/sign-in",
  recover: "/sign-in/recover",
  again: "/sign-in/again",
  switch: "/sign-in/switch",
  first: "/first?token=example",
  link: "/sign-in/link?token=example",
  dead: "/first?token=spent",
  account: "/account",
  accounts: "/settings/accounts",
  person: "/settings/accounts/p1",
  search: "/search",
  face: "/face",
  error: "/face/error/internal",
  missing: "/nope",
};

// The address of the made-up installation, and of one to which nothing came.
export const address = process.env.RADAGORA_URL;
export const empty = process.env.RADAGORA_EMPTY_URL;
