-- +goose Up

-- Human: no rebuild touches what follows.

-- To which examination people said that an event belongs. Of several decisions about an
-- event the latest counts that was not taken back.
create table dose_split (
    decision_id text not null,
    site_id     text not null,
    study_uid   text not null,
    event_key   text not null, -- as in dose_event
    slot        text not null, -- of an examination that a person made: the decision that did; '' if it was there
    anchors     text not null, -- JSON: keys of events of the examination that was there
    exam_code   text not null, -- of an examination that a person made
    multi       boolean not null, -- it is several, scanned in one run, which nobody can divide
    decided_by  text not null,
    decided_at  bigint not null,
    undone_by   text not null default '',
    undone_at   bigint not null default 0,
    primary key (decision_id, event_key)
);
create index dose_split_study on dose_split (site_id, study_uid);
create index dose_split_latest on dose_split (site_id, decided_at);

-- Derived.

-- Studies that tell of the same irradiation, as each of them saw the other.
create table dose_twin (
    site_id   text not null,
    study_uid text not null,
    other_uid text not null,
    events    bigint not null, -- of the other
    stranger  boolean not null, -- the other is of another patient
    primary key (site_id, study_uid, other_uid)
);
create index dose_twin_other on dose_twin (site_id, other_uid);

-- What several studies tell of is looked for: every study is derived anew.
insert into dose_pending (site_id, study_uid, ticket) select site_id, study_uid, '0' from dose_study where true
	on conflict (site_id, study_uid) do nothing;

-- +goose Down
drop table dose_twin;
drop table dose_split;
