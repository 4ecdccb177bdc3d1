-- +goose Up

-- Which machines were given an entry of the worklist, first and last.
create table worklist_asked (
    site_id  text not null,
    step_key text not null,
    caller   text not null, -- application entity title
    first_at bigint not null,
    last_at  bigint not null,
    primary key (site_id, step_key, caller)
);
create index worklist_asked_caller on worklist_asked (site_id, caller, last_at);

-- +goose Down
drop table worklist_asked;
