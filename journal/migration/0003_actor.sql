-- +goose Up
drop index journal_entry_actor;
create index journal_entry_actor on journal_entry (actor, kind, seq) where seq is not null;

-- Each index has a condition that only those queries name that are to walk it.
drop index journal_entry_kind;
create index journal_entry_kind on journal_entry (kind, seq) where seq is not null and kind <> '';

-- +goose Down
drop index journal_entry_kind;
create index journal_entry_kind on journal_entry (kind, seq) where seq is not null;
drop index journal_entry_actor;
create index journal_entry_actor on journal_entry (actor, seq) where seq is not null;
