-- +goose Up

-- Human: no rebuild touches what follows.

-- By which step a mapping began to hold, and by which it ended: undoing that lets it hold again.
alter table dose_mapping add column step_id text not null default '';
alter table dose_mapping add column ended_by text not null default '';
update dose_mapping set step_id = mapping_id;
update dose_mapping set ended_by = mapping_id || '-end' where revoked_at <> 0;

-- What somebody says a name means, until a second person agrees.
create table dose_mapping_proposal (
    proposal_id text primary key,
    site_id     text not null,
    name        text not null,
    folded      text not null,
    source      text not null,
    machines    text not null, -- ids between spaces, '' for all
    exam_code   text not null,
    indication  text not null,
    known_by    text not null,
    valid_from  text not null,
    why         text not null,
    proposed_by text not null,
    proposed_at bigint not null,
    state       text not null, -- waiting, approved, refused, withdrawn
    decided_by  text not null default '',
    decided_at  bigint not null default 0,
    decided_why text not null default '',
    replaced_by text not null default '', -- the proposal of the same person that is in its place
    batch_id    text not null -- the import it came with, '' for one by hand
);
create index dose_mapping_proposal_state on dose_mapping_proposal (site_id, state);
create index dose_mapping_proposal_name on dose_mapping_proposal (site_id, folded, source);
create index dose_mapping_proposal_replaced on dose_mapping_proposal (replaced_by) where replaced_by <> '';

-- What was done about each name: its history.
create table dose_mapping_step (
    step_id         text primary key,
    site_id         text not null,
    name            text not null,
    folded          text not null,
    source          text not null,
    machines        text not null,
    kind            text not null, -- proposed, approved, refused, revoked, undone
    proposal_id     text not null,
    batch_id        text not null,
    from_exam       text not null,
    from_indication text not null,
    exam_code       text not null,
    indication      text not null,
    known_by        text not null,
    valid_from      text not null,
    done_by         text not null,
    done_at         bigint not null,
    why             text not null,
    undoes          text not null, -- the step taken back
    undone          boolean not null
);
create index dose_mapping_step_name on dose_mapping_step (site_id, folded, source);
create index dose_mapping_step_who on dose_mapping_step (site_id, done_by, done_at);
create index dose_mapping_step_batch on dose_mapping_step (site_id, batch_id) where batch_id <> '';
create index dose_mapping_made on dose_mapping (step_id);
create index dose_mapping_ended on dose_mapping (ended_by) where ended_by <> '';

insert into dose_mapping_step (step_id, site_id, name, folded, source, machines, kind, proposal_id, batch_id, from_exam, from_indication,
    exam_code, indication, known_by, valid_from, done_by, done_at, why, undoes, undone)
    select mapping_id, site_id, name, folded, source, machine_id, 'approved', '', '', '', '',
    exam_code, indication, known_by, valid_from, approved_by, approved_at, '', '', false from dose_mapping;
insert into dose_mapping_step (step_id, site_id, name, folded, source, machines, kind, proposal_id, batch_id, from_exam, from_indication,
    exam_code, indication, known_by, valid_from, done_by, done_at, why, undoes, undone)
    select mapping_id || '-end', site_id, name, folded, source, machine_id, 'revoked', '', '', exam_code, indication,
    '', '', '', valid_from, revoked_by, revoked_at, '', '', false from dose_mapping where revoked_at <> 0;

-- Whether one person decides what names mean at a site.
create table dose_mapping_alone (
    site_id    text primary key,
    alone      boolean not null,
    decided_by text not null,
    decided_at bigint not null,
    why        text not null
);

-- +goose Down
drop table dose_mapping_alone;
drop table dose_mapping_step;
drop table dose_mapping_proposal;
drop index dose_mapping_ended;
drop index dose_mapping_made;
alter table dose_mapping drop column ended_by;
alter table dose_mapping drop column step_id;
