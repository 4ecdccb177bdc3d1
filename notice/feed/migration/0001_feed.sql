-- +goose Up
-- Systems that are told of changes, each with its own place in the journal.
create table feed_hook (
    hook_id    text primary key,
    site_id    text not null,
    host       text not null, -- for people; the address may hold a secret
    sealed     bytea not null, -- address and secrets, encrypted
    key_id     text not null,
    former_key_id text not null default '',
    former_until  bigint not null default 0,
    groups     text not null, -- which changes, with a space between
    created_by text not null, -- within whose rights it is told
    created_at bigint not null,
    cursor     bigint not null, -- number of the last change it has taken
    turn       bigint not null default 1, -- greater by one whenever the cursor was set by a person
    state      text not null default 'on', -- on, paused
    why        text not null default '', -- of paused: person, failing, refused, rights
    since_at   bigint not null, -- in this state
    delivered  bigint not null default 0, -- changes taken, repeated ones too
    attempts   bigint not null default 0, -- that failed one after the other
    next_at    bigint not null default 0, -- no attempt before
    failing_since bigint not null default 0,
    last_at    bigint not null default 0,
    last_status bigint not null default 0, -- of HTTP; 0 if nobody answered
    last_error text not null default ''
);

-- +goose Down
drop table feed_hook;
