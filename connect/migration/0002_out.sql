-- +goose Up

-- To whom we send messages. Human: what people decided; what is behind "state" is
-- how the line does.
create table connect_receiver (
    receiver_id  text not null primary key,
    site_id      text not null,
    name         text not null,
    address      text not null, -- host:port
    tls          boolean not null,
    certificate  text not null, -- SHA-256 in hex of the one it has to show; '' is any that is trusted
    version      text not null, -- MSH-12: 2.3.1, 2.5.1
    form         text not null, -- of orders: orm, omi
    enhanced     boolean not null, -- asks for accept acknowledgements (MSH-15)
    application  text not null, -- what we call ourselves, MSH-3
    facility     text not null, -- MSH-4
    to_application text not null, -- MSH-5
    to_facility  text not null, -- MSH-6
    charset      text not null, -- MSH-18
    language     text not null, -- of sentences
    home         text not null, -- assigning authority of numbers without an issuer
    mapping      text not null, -- content set with its codes; '' is the default alone
    kinds        text not null, -- what it gets, between blanks: dose, status, changes
    state        text not null, -- enabled, paused, off
    since        bigint not null, -- it gets what happens from then on
    last_at      bigint not null default 0, -- the last message it took
    failures     bigint not null default 0, -- in a row
    failing_at   bigint not null default 0, -- since when nobody answers
    retry_at     bigint not null default 0,
    trouble      text not null default '', -- why, without contents
    changed_at   bigint not null,
    changed_by   text not null
);
create index connect_receiver_site on connect_receiver (site_id);

-- Every message that we send, in the order in which it is sent.
create table connect_outgoing (
    outgoing_id text not null primary key, -- UUIDv7
    site_id     text not null,
    receiver_id text not null,
    control_id  text not null, -- MSH-10; the same each time it is sent
    kind        text not null, -- dose, status, changes
    code        text not null, -- ORU^R01
    subject     text not null, -- id of the order, or the study UID
    digest      text not null, -- of what it says, whatever the time; '' for what may be said twice
    body        bytea not null,
    answer      bytea, -- the acknowledgement
    person      text not null,
    at          bigint not null,
    state       text not null, -- queued, sent, refused, failed, replaced, removed
    reason      text not null, -- a code of ours, or the verdict of the receiver
    attempts    bigint not null default 0,
    done_at     bigint not null default 0,
    emptied     boolean not null default false,
    replaces    text not null default '',
    by_whom     text not null default ''
);
create unique index connect_outgoing_control on connect_outgoing (receiver_id, control_id);
create index connect_outgoing_next on connect_outgoing (receiver_id, outgoing_id) where state = 'queued';
create index connect_outgoing_site on connect_outgoing (site_id, outgoing_id);
create index connect_outgoing_ours on connect_outgoing (site_id, control_id);
create index connect_outgoing_subject on connect_outgoing (receiver_id, kind, subject, outgoing_id);
create index connect_outgoing_person on connect_outgoing (site_id, person, outgoing_id) where person <> '';
create index connect_outgoing_full on connect_outgoing (site_id, at) where emptied = false;

alter table connect_message add column emptied boolean not null default false;
create index connect_message_full on connect_message (site_id, at) where emptied = false;

-- +goose Down
drop index connect_message_full;
alter table connect_message drop column emptied;
drop table connect_outgoing;
drop table connect_receiver;
