-- +goose Up

-- Who sends us messages and to whom we send. Human: what people decided.
create table connect_channel (
    channel_id   text not null primary key,
    site_id      text not null,
    name         text not null,
    application  text not null, -- MSH-3 of the sender, its namespace
    facility     text not null, -- MSH-4, likewise; '' is any
    addresses    text not null, -- from where, between blanks; '' is from anywhere that may connect
    mapping      text not null, -- content set of kind hl7_map; '' is the default alone
    zone         text not null, -- of times without one; '' is the site's
    home         text not null, -- the assigning authority whose numbers objects bear without an issuer; '' is none
    charset      text not null, -- of messages that do not say theirs; '' guesses
    unknown      boolean not null, -- messages about unknown persons wait
    sizes        boolean not null, -- heights and weights are used
    silence      bigint not null, -- minutes without a message until somebody is told; 0: never
    state        text not null, -- accepted, held, blocked, knocking
    knocked      bigint not null default 0, -- times it sent while it was not accepted
    last_at      bigint not null default 0,
    last_from    text not null default '', -- address
    changed_at   bigint not null,
    changed_by   text not null
);
create unique index connect_channel_sender on connect_channel (site_id, application, facility);

-- Every message that was received, in the order of its arrival.
create table connect_message (
    message_id  text not null primary key, -- UUIDv7
    site_id     text not null,
    channel_id  text not null,
    control_id  text not null,
    code        text not null, -- ADT^A01; '' if it cannot be read
    event_at    bigint not null, -- what it says of itself; 0: nothing
    at          bigint not null, -- of arrival
    digest      text not null,
    body        bytea not null,
    person      text not null, -- whom it is about; '' if nobody is named
    state       text not null, -- received, applied, waiting, failed, duplicate, replaced, removed
    reason      text not null, -- a code: why it waits or failed, or what came of it
    detail      text not null, -- JSON: places, counts and ids, no values
    attempts    bigint not null default 0,
    done_at     bigint not null default 0,
    replaces    text not null default '', -- the message that a person corrected
    by_whom     text not null default ''
);
create index connect_message_next on connect_message (site_id, message_id) where state = 'received';
create index connect_message_state on connect_message (site_id, state, message_id);
create index connect_message_channel on connect_message (channel_id, message_id);
create index connect_message_person on connect_message (site_id, person, message_id) where person <> '';
create index connect_message_control on connect_message (site_id, control_id);
create index connect_message_same on connect_message (channel_id, digest);

-- What the messages of a sender call an order, and when it was last told of.
create table connect_order (
    site_id   text not null,
    kind      text not null, -- placer, filler, accession
    number    text not null, -- with its assigner
    order_id  text not null, -- of the worklist; '' if it was cancelled before it came
    told_at   bigint not null, -- the newest event that had an effect
    cancelled boolean not null default false,
    person    text not null,
    primary key (site_id, kind, number)
);
create index connect_order_person on connect_order (site_id, person);

-- +goose Down
drop table connect_order;
drop table connect_message;
drop table connect_channel;
