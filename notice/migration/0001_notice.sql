-- +goose Up
create table notice (
    notice_id  text primary key,
    message_id text not null, -- one message may go to many
    site_id    text not null,
    account_id text not null,
    kind       text not null,
    args       text not null, -- checked by the table of kinds: nobody's name
    path       text not null,
    severity   text not null, -- info, warning, urgent
    once_key   text not null default '', -- the state it tells of, if it tells of one
    created_at bigint not null,
    read_at    bigint not null default 0,
    snoozed_until bigint not null default 0,
    settled_at bigint not null default 0, -- when the state was over
    mail       text not null, -- now, daily, off; sent afterwards
    unique (message_id, account_id)
);
create index notice_inbox on notice (account_id, notice_id);
create index notice_unread on notice (account_id) where read_at = 0;
create index notice_once_key on notice (once_key) where once_key <> '' and settled_at = 0;

create table notice_once (
    once_key text primary key,
    site_id  text not null,
    kind     text not null,
    told_at  bigint not null
);

create table notice_preference (
    account_id text not null,
    site_id    text not null,
    kind       text not null,
    mail       text not null, -- now, daily, off
    primary key (account_id, kind)
);

create table notice_webhook (
    webhook_id text primary key,
    site_id    text not null,
    host       text not null, -- for people; the address may hold a secret
    sealed     bytea not null, -- address and secret, encrypted
    key_id     text not null,
    created_by text not null,
    created_at bigint not null,
    last_at    bigint not null default 0,
    last_status bigint not null default 0, -- of HTTP; 0 if nobody answered
    last_error text not null default '',
    failing_since bigint not null default 0
);

-- +goose Down
drop table notice_webhook;
drop table notice_preference;
drop table notice_once;
drop table notice;
